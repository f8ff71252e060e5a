"""What is used and what happened: recorded at once, written to the database later, read by whoever may.

Must not know HTTP, nor who may read what.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from smartlite.metering.history import History
from smartlite.metering.recorder import Recorder

Seal = Callable[[str, str, bytes], Awaitable[bytes]]
"""From whose it is, its name and its bytes to what is stored."""


@dataclass(frozen=True, slots=True)
class Metering:
    """What the gateway needs of it."""

    recorder: Recorder
    history: History
    seal: Seal | None = None
    """Encrypts what was asked and answered, which is kept then; None: it is not kept."""
