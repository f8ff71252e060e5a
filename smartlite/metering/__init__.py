"""What is used and what happened: recorded at once, written to the database later, read by whoever may.

Must not know HTTP, nor who may read what.
"""

from dataclasses import dataclass

from smartlite.metering.history import History
from smartlite.metering.recorder import Recorder


@dataclass(frozen=True, slots=True)
class Metering:
    """What the gateway needs of it."""

    recorder: Recorder
    history: History
