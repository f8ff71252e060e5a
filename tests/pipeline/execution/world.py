"""A run in memory, documents, and steps that tests script. Must not know any test."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from smartlite.domain.pipelines import (
    JSON,
    Document,
    Happening,
    InputSpec,
    Run,
    RunState,
    Step,
    StepAttempt,
    StepRun,
    StepState,
)
from smartlite.errors import LeaseLost, NotFound
from smartlite.pipeline.execution.executor import Executor
from smartlite.pipeline.execution.kinds import StepContext, StepEvent, StepOutput
from smartlite.pipeline.execution.ports import Entry, Outcome
from smartlite.pipeline.spec.expressions import paths_in_text, steps_of
from smartlite.pipeline.spec.kinds import KINDS, Kind

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def a_run(**inputs: JSON) -> Run:
    """A run that has begun."""
    return Run("run_1", "pl_1", "test", 1, "user_1", None, inputs, RunState.RUNNING, NOON, NOON)


def a_document(*steps: Step, outputs: Mapping[str, JSON] | None = None, **inputs: InputSpec) -> Document:
    """A document of some steps, which wait for those that they refer to."""
    depends = {step.id: frozenset(step.needs) | _referred(step) for step in steps}
    return Document("test", steps, inputs=inputs, outputs=outputs or {}, depends=depends)


def a_step(id_: str, does: str = "", *, fields: Mapping[str, JSON] | None = None, **more: JSON) -> Step:
    """A step that a scripted function runs."""
    return Step(id_, "python", {"entry_point": does or id_, **(fields or {})}, **more)


def _referred(step: Step) -> frozenset[str]:
    texts = [*map(str, step.with_.values()), step.when or "", step.for_each or ""]
    return frozenset[str]().union(*(steps_of(paths_in_text(text)) for text in texts))


SCRIPTED: Final = {**KINDS, "python": Kind("python", "Whatever a test scripts.", {}, {}, open=True)}
"""What steps of tests use."""
Scripted = Callable[[StepContext, Mapping[str, JSON]], Awaitable[JSON]]


@dataclass
class Script:
    """What scripted steps do, by the name in ``entry_point``."""

    does: dict[str, Scripted] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    """Idempotency keys, in order."""

    def on(self, name: str, value: JSON | Scripted) -> "Script":
        """Have a step give a value, or what a function gives; an error is raised."""

        async def give(context: StepContext, fields: Mapping[str, JSON]) -> JSON:
            if isinstance(value, Exception):
                raise value
            return value

        self.does[name] = value if callable(value) else give
        return self

    async def run(self, context: StepContext, fields: Mapping[str, JSON]) -> AsyncGenerator[StepEvent, None]:
        """A StepRunner."""
        self.calls.append(context.idempotency_key)
        yield StepOutput(await self.does[fields["entry_point"]](context, fields))


@dataclass
class MemoryObjects:
    """Objects."""

    kept: dict[str, bytes] = field(default_factory=dict)

    async def get(self, key: str) -> bytes:
        if key not in self.kept:
            raise NotFound("nothing there")
        return self.kept[key]

    async def put(self, key: str, data: bytes) -> None:
        self.kept[key] = data


@dataclass
class MemoryLog:
    """A RunLog that may be cut off at its n-th write, before or after it is kept."""

    records: dict[tuple[str, int], StepRun] = field(default_factory=dict)
    attempts: dict[tuple[str, int, int], StepAttempt] = field(default_factory=dict)
    happenings: list[Happening] = field(default_factory=list)
    outcome: Outcome | None = None
    writes: int = 0
    cut_at: int | None = None
    cut_keeps: bool = False
    is_cancelled: bool = False
    shown: list[Happening] = field(default_factory=list)

    async def steps(self) -> Sequence[StepRun]:
        return list(self.records.values())

    async def write(self, entry: Entry) -> None:
        await asyncio.sleep(0)
        if self.outcome is not None:
            raise LeaseLost("it has ended")
        self.writes += 1
        is_cut = self.cut_at is not None and self.writes >= self.cut_at
        if not is_cut or (self.cut_keeps and self.writes == self.cut_at):
            self.happenings += entry.happenings
            self.records |= {(record.step_id, record.item): record for record in entry.steps}
            self.attempts |= {(each.step_id, each.item, each.number): each for each in entry.attempts}
        if is_cut:
            raise LeaseLost("cut off")

    async def finish(self, outcome: Outcome, entry: Entry) -> None:
        await self.write(entry)
        self.outcome = outcome

    def show(self, happening: Happening) -> None:
        self.shown.append(happening)

    def is_followed(self) -> bool:
        return True

    async def cancels(self) -> bool:
        return self.is_cancelled

    def told(self, *types: str) -> list[str]:
        """What happened, in order, as ``type step`` or ``type step.item``."""
        return [
            " ".join([each.type, *_named(each.data)]) for each in self.happenings if not types or each.type in types
        ]

    def state(self, step_id: str, item: int = -1) -> StepState:
        """Of a step."""
        return self.records[step_id, item].state


def _named(data: Mapping[str, JSON]) -> list[str]:
    item = f".{data['item']}" if "item" in data else ""
    return [f"{data['step']}{item}"] if "step" in data else []


@dataclass
class World:
    """An executor over a script, with its log."""

    script: Script = field(default_factory=Script)
    log: MemoryLog = field(default_factory=MemoryLog)
    objects: MemoryObjects = field(default_factory=MemoryObjects)
    slept: list[float] = field(default_factory=list)

    async def run(self, document: Document, **inputs: JSON) -> Outcome:
        """Run a document to its end."""

        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)

        executor = Executor({"python": self.script.run}, lambda: NOON, sleep, cancel_check_s=0.01, specs=SCRIPTED)
        return await executor.run(document, a_run(**inputs), self.log, self.objects)

    def resumed(self) -> "World":
        """The same run on another worker."""
        return replace(self, log=replace(self.log, cut_at=None, writes=0, outcome=None))
