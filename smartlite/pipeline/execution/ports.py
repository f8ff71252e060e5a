"""What a run is written to and where its media are, as Protocols. Must not know databases or object stores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from smartlite.domain.pipelines import JSON, Happening, RunError, RunState, StepAttempt, StepRun


@dataclass(frozen=True, slots=True)
class Entry:
    """What is written together or not at all."""

    happenings: Sequence[Happening]
    """At least one."""
    steps: Sequence[StepRun] = ()
    attempts: Sequence[StepAttempt] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended."""

    state: RunState
    outputs: Mapping[str, JSON] | None = None
    error: RunError | None = None


class RunLog(Protocol):
    """One run as its worker writes it.

    Every method raises LeaseLost where the run is another worker's by now, and DatabaseUnavailable where it cannot be
    written for too long; either ends the work without an end of the run, which another worker goes on with.
    """

    async def steps(self) -> Sequence[StepRun]:
        """What is recorded so far, outputs included."""
        ...

    async def write(self, entry: Entry) -> None:
        """Keep it; what was recorded of the same steps and attempts before is replaced."""
        ...

    async def finish(self, outcome: Outcome, entry: Entry) -> None:
        """End the run."""
        ...

    def show(self, happening: Happening) -> None:
        """Tell those who watch just now; it is not kept, and takes no time."""
        ...

    def is_followed(self) -> bool:
        """Whether somebody watches just now, as far as that is known."""
        ...

    async def cancels(self) -> bool:
        """Whether somebody asked for the run to end; False where that cannot be found out for now."""
        ...


class Objects(Protocol):
    """The media of one tenant, by key."""

    async def get(self, key: str) -> bytes:
        """Raises NotFound where there is nothing, StorageUnavailable where it cannot be read."""
        ...

    async def put(self, key: str, data: bytes) -> None:
        """Raises AlreadyExists where there is something, StorageUnavailable where it cannot be written."""
        ...
