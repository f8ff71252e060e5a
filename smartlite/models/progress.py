"""How far a download is, as those who show it are told. Must not know who shows it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FetchProgress:
    """How far one item of a model is."""

    model: str
    item: str
    """A file or a package, or what is waited for."""
    done_bytes: int
    total_bytes: int | None
    """None where it is not known yet."""


Progress = Callable[[FetchProgress], None]
"""Called in the thread that works, many times a second."""

Report = Callable[[str, int, int | None], None]
"""The same for one model: item, bytes so far, bytes in all."""


def silent(_: FetchProgress) -> None:
    """Tell nobody."""
