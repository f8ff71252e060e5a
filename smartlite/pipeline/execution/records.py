"""What is known of a run while it runs: written to its log, and remembered. Must not know what decides."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from smartlite.domain.metering import MeteredUsage
from smartlite.domain.pipelines import JSON, Happening, Run, RunError, StepAttempt, StepRun, StepState
from smartlite.domain.usage import ModelUsage
from smartlite.pipeline.execution.ports import Entry, Outcome, RunLog
from smartlite.pipeline.spec.fields import is_media

Priced = Callable[[ModelUsage], MeteredUsage]
"""In whole units, with its price."""

WHOLE = -1
"""``item`` of a step as a whole."""


class Records:
    """The records of one run's steps.

    Args:
        run: Which run.
        log: Keeps them.
        found: What it keeps already.
        clock: Tells the time in UTC.
        priced: What use costs.
    """

    def __init__(
        self, run: Run, log: RunLog, found: Sequence[StepRun], clock: Callable[[], datetime], priced: Priced
    ) -> None:
        self.run = run
        self._log = log
        self._found = {(record.step_id, record.item): record for record in found}
        self.now = clock
        self.priced = priced

    def get(self, path: str, item: int = WHOLE) -> StepRun | None:
        """What is known of a step, or of an item of it."""
        return self._found.get((path, item))

    async def put(self, record: StepRun, happening: Happening, attempt: StepAttempt | None = None) -> StepRun:
        """Record a step, with what happened."""
        await self._log.write(Entry((happening,), (record,), () if attempt is None else (attempt,)))
        self._found[record.step_id, record.item] = record
        return record

    async def note(self, type_: str, data: dict[str, JSON]) -> None:
        """Record that something happened."""
        await self._log.write(Entry((Happening(type_, data),)))

    def show(self, type_: str, data: dict[str, JSON]) -> None:
        """Tell whoever watches; nothing is recorded."""
        self._log.show(Happening(type_, data))

    def is_followed(self) -> bool:
        """Whether somebody watches."""
        return self._log.is_followed()

    async def begin(self, path: str, item: int, data: dict[str, JSON]) -> StepRun:
        """Record that a step, or an item, is begun as a whole; whatever its attempts are."""
        before = self.get(path, item)
        attempts = 0 if before is None else before.attempts
        started_at = self.now() if before is None else before.started_at
        record = StepRun(self.run.id, path, item, StepState.RUNNING, attempts, started_at)
        return await self.put(record, Happening("step.started", {**named(path, item), **data}))

    async def end(
        self,
        record: StepRun,
        state: StepState,
        *,
        output: JSON = None,
        error: RunError | None = None,
        attempt: StepAttempt | None = None,
    ) -> StepRun:
        """Record how a step, or an item, ended."""
        ended = replace(record, state=state, finished_at=self.now(), output=output, error=error)
        data = named(record.step_id, record.item)
        if is_media(output):
            data["output"] = output
        if record.is_cached:
            data["cached"] = True
        if error is not None:
            data["error"] = error_json(error)
        return await self.put(ended, Happening(f"step.{state}", data), attempt)

    async def finish(self, outcome: Outcome) -> None:
        """End the run; steps that were running are cancelled with it."""
        at = self.now()
        cut = [
            replace(record, state=StepState.CANCELLED, finished_at=at)
            for record in self._found.values()
            if record.state == StepState.RUNNING
        ]
        happenings = [Happening("step.cancelled", named(record.step_id, record.item)) for record in cut]
        data: dict[str, JSON] = {} if outcome.error is None else {"error": error_json(outcome.error)}
        happenings.append(Happening(f"run.{outcome.state}", data))
        await self._log.finish(outcome, Entry(happenings, cut))


def named(path: str, item: int) -> dict[str, JSON]:
    """A step, or an item of it, in the data of an event."""
    return {"step": path} if item == WHOLE else {"step": path, "item": item}


def error_json(error: RunError) -> dict[str, JSON]:
    """An error in the data of an event."""
    return {"code": error.code, "message": error.message, "step": error.step, "is_final": error.is_final}
