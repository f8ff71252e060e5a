"""One step, or one item of it, until it succeeded or failed: attempts and fallbacks. Must not know graphs.

A step may read what another one still writes. It is then recorded as ended only after that one, and where what it read
is void, so is whatever it did: it begins anew with what the other one writes next.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from smartlite.domain.metering import summed
from smartlite.domain.pipelines import JSON, Fallback, Happening, RunError, StepAttempt, StepRun, StepState
from smartlite.domain.usage import ModelUsage
from smartlite.pipeline.execution.failures import StepFailed, backoff_s, is_tried_again
from smartlite.pipeline.execution.feeds import SourceLost
from smartlite.pipeline.execution.kinds import StepCache, StepContext, StepRunner
from smartlite.pipeline.execution.records import Records, error_json, named
from smartlite.pipeline.execution.trial import Trial, Unit
from smartlite.pipeline.spec.kinds import Kind

_LOST = "source_lost"


class Attempts:
    """Tries units.

    Args:
        kinds: What runs each kind of step.
        specs: The fields of each kind.
        records: Of the run.
        open_context: Makes the context of an attempt, from the unit and the attempt's number.
        sleep: Waits so many seconds.
        cache: Outputs that may be taken again.
    """

    def __init__(
        self,
        kinds: Mapping[str, StepRunner],
        specs: Mapping[str, Kind],
        records: Records,
        open_context: Callable[[Unit, int], StepContext],
        sleep: Callable[[float], Awaitable[None]],
        cache: StepCache,
    ) -> None:
        self._kinds = kinds
        self._specs = specs
        self._records = records
        self._open_context = open_context
        self._sleep = sleep
        self._cache = cache

    async def run(self, unit: Unit) -> StepRun:
        """Try a unit, as its step says; one that another worker was at is begun anew.

        Returns:
            Its record: succeeded or failed.

        Raises:
            SourceLost: It read what is void; that is recorded, and the unit may be run again.
        """
        choices = (Fallback(), *unit.step.fallback)
        for place, choice in enumerate(choices, 1):
            failures = 0
            while True:
                record, attempt = await self._begin(unit, choice)
                context = self._open_context(unit, attempt.number)
                trial = Trial(self._records, unit, choice, attempt, context, self._cache, self._specs)
                output, error = await self._try(trial, unit, record, choice, context)
                record, ended = self._counted(record, context), self._ended(trial, error)
                if error is None:
                    record = replace(record, is_cached=trial.is_cached)
                    return await self._records.end(record, StepState.SUCCEEDED, output=output, attempt=ended)
                failures += 1
                if is_tried_again(error, unit.step.retry, failures):
                    await self._wait(unit, record, ended, failures)
                elif place == len(choices):
                    await self._confirm(trial, unit, record, context)
                    return await self._records.end(record, StepState.FAILED, error=error, attempt=ended)
                else:
                    await self._put(unit, record, ended, "step.fell_back", {"uses": choices[place].uses})
                    break
        raise AssertionError("a step has at least one choice")

    async def run_early(self, unit: Unit) -> StepRun | None:
        """Try a unit while its source still writes, and again with whatever the source writes next.

        Returns:
            None where the source ended and nothing that it wrote counts.
        """
        while unit.source is not None and await unit.source.feed.ready():
            try:
                return await self.run(unit)
            except SourceLost:
                continue
        return None

    async def _begin(self, unit: Unit, choice: Fallback) -> tuple[StepRun, StepAttempt]:
        now = self._records.now()
        before = self._records.get(unit.path, unit.item)
        number = 1 if before is None else before.attempts + 1
        started_at = now if before is None or before.started_at is None else before.started_at
        usage = () if before is None else before.usage
        record = StepRun(self._records.run.id, unit.path, unit.item, StepState.RUNNING, number, started_at, usage=usage)
        attempt = StepAttempt(unit.path, unit.item, number, now)
        data = {**named(unit.path, unit.item), "attempt": number, "uses": choice.uses or unit.step.uses}
        return await self._records.put(record, Happening("step.started", data), attempt), attempt

    async def _try(
        self, trial: Trial, unit: Unit, record: StepRun, choice: Fallback, context: StepContext
    ) -> tuple[JSON, RunError | None]:
        if unit.writes is not None:
            unit.writes.begin()
        output, error = None, None
        try:
            output = await trial.run(self._kinds.get(choice.uses or unit.step.uses))
        except SourceLost:
            await self._void(trial, unit, record, context)
            raise
        except StepFailed as failed:
            error = failed.error
            if unit.writes is not None:
                unit.writes.lose()
        if error is None or (trial.reading is not None and trial.reading.is_lost):
            await self._confirm(trial, unit, record, context)
        return output, error

    async def _confirm(self, trial: Trial, unit: Unit, record: StepRun, context: StepContext) -> None:
        """Wait until what was read is recorded as its source's output."""
        if trial.reading is None:
            return
        try:
            await trial.reading.confirm()
        except SourceLost:
            await self._void(trial, unit, record, context)
            raise

    async def _void(self, trial: Trial, unit: Unit, record: StepRun, context: StepContext) -> None:
        error = RunError(_LOST, "The step whose text it read began anew, or failed.", unit.path, is_final=False)
        await self._put(unit, self._counted(record, context), self._ended(trial, error), "step.restarted", {})

    def _counted(self, record: StepRun, context: StepContext) -> StepRun:
        # An attempt is one request to each model, however often it asks.
        by_model: dict[str, ModelUsage] = {}
        for used in context.used:
            by_model[used.model] = by_model.get(used.model, ModelUsage(used.model)) + used
        usage = (*record.usage, *map(self._records.priced, by_model.values()))
        return replace(record, usage=summed(usage))

    def _ended(self, trial: Trial, error: RunError | None) -> StepAttempt:
        return replace(trial.attempt, finished_at=self._records.now(), error=error)

    async def _wait(self, unit: Unit, record: StepRun, ended: StepAttempt, failures: int) -> None:
        delay_s = backoff_s(unit.step.retry, failures)
        await self._put(unit, record, ended, "step.retrying", {"after_s": round(delay_s, 3)})
        await self._sleep(delay_s)

    async def _put(self, unit: Unit, record: StepRun, ended: StepAttempt, type_: str, data: dict[str, JSON]) -> None:
        told = {} if ended.error is None else {"error": error_json(ended.error)}
        happening = Happening(type_, {**named(unit.path, unit.item), "attempt": ended.number, **told, **data})
        await self._records.put(record, happening, ended)
