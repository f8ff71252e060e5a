"""One thing that was looked at, and what came out. Must not know what is looked at."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A fact about this machine or the platform's setting up."""

    area: str
    """The heading it stands under."""
    name: str
    state: State
    """``problem``: the platform as configured does not start or does not work; ``warning``: something is less good."""
    message: str
    mend: str = ""
    """The command that mends it, or a sentence where no command does; empty where nothing is to be mended."""


def megabytes(size_bytes: int) -> str:
    """A size for a person to read."""
    return f"{size_bytes / 1e9:.1f} GB" if size_bytes >= 1e9 else f"{size_bytes / 1e6:.1f} MB"
