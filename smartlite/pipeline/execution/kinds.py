"""What runs a kind of step, and what it is told. Must not know any kind."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from smartlite.domain.audio import AudioFormat
from smartlite.domain.pipelines import JSON, Document, Run
from smartlite.domain.usage import ModelUsage
from smartlite.pipeline.execution.ports import Objects


@dataclass(frozen=True, slots=True)
class StepDelta:
    """A piece of what the step is making, for whoever watches."""

    text: str
    segment: JSON = None
    """Of a transcript, with its times, where the piece is one."""


@dataclass(frozen=True, slots=True)
class StepAudio:
    """A piece of the speech that the step is making, for whoever listens; it is nowhere kept."""

    data: bytes
    """The pieces of an attempt joined are one file."""
    format: AudioFormat


@dataclass(frozen=True, slots=True)
class StepOutput:
    """What the step gives; its last event."""

    value: JSON


StepEvent = StepDelta | StepAudio | StepOutput
RunNested = Callable[[Document, Mapping[str, JSON]], Awaitable[Mapping[str, JSON]]]
"""Runs a document within the step, step by step as durable as the run itself; gives its outputs."""


@dataclass(frozen=True, slots=True)
class StepContext:
    """Where a step runs."""

    run: Run
    step_id: str
    """With the ids of the steps that it is nested in."""
    item: int
    """Of ``for_each``; -1 where there is none."""
    attempt: int
    """From 1 on, over all workers."""
    token: int
    """Of the worker: two that take each other for lost never make the same media."""
    objects: Objects
    depth: int
    """Runs that this one is nested in."""
    run_nested: RunNested = field(repr=False)
    pieces: Callable[[], AsyncGenerator[str, None]] | None = field(default=None, repr=False)
    """The field that the kind ``reads``, as another step writes it; read once. None: it is among the fields."""
    is_followed: Callable[[], bool] = field(default=lambda: False, repr=False)
    """Whether somebody watches the run; what is only told, and not kept, needs not be made otherwise."""
    used: list[ModelUsage] = field(default_factory=list)
    """What the attempt used of models: the step adds to it, and it counts though the attempt fails."""

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt on every worker: for effects that happen once."""
        return f"{self.run.id}/{self.step_id}/{self.item}"

    def media_key(self, name: str) -> str:
        """A key for media that this attempt makes; none of another attempt has it."""
        return f"media/runs/{self.idempotency_key}/{self.token}.{self.attempt}.{name}"


StepRunner = Callable[[StepContext, Mapping[str, JSON]], AsyncGenerator[StepEvent, None]]
"""Runs one attempt of a step with checked fields: deltas, then one output. Closed, it stops what it began."""


class StepCache(Protocol):
    """Outputs that steps gave, for those that would do the same work. No method fails."""

    async def key(self, context: StepContext, uses: str, fields: Mapping[str, JSON]) -> bytes | None:
        """What stands for a step's work, its media by their bytes; None where that cannot be told."""
        ...

    async def find(self, context: StepContext, key: bytes) -> StepOutput | None:
        """What is kept; its media are the step's own from then on."""
        ...

    async def keep(self, context: StepContext, key: bytes, output: JSON, ttl_s: float) -> None:
        """Keep an output for so long, in seconds."""
        ...


class NoCache:
    """A StepCache that keeps nothing."""

    async def key(self, context: StepContext, uses: str, fields: Mapping[str, JSON]) -> bytes | None:
        """See StepCache."""
        return None

    async def find(self, context: StepContext, key: bytes) -> StepOutput | None:
        """See StepCache."""
        return None

    async def keep(self, context: StepContext, key: bytes, output: JSON, ttl_s: float) -> None:
        """See StepCache."""
