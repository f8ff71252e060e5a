"""One step, or one item of it, until it succeeded or failed: attempts, time-outs, fallbacks. Must not know graphs."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Final

from smartlite.domain.pipelines import (
    JSON,
    Fallback,
    Happening,
    RunError,
    Step,
    StepAttempt,
    StepRun,
    StepState,
)
from smartlite.errors import DeadlineExceeded, PipelineInvalid, SmartLiteError
from smartlite.pipeline.execution.failures import StepFailed, backoff_s, is_tried_again, to_run_error
from smartlite.pipeline.execution.kinds import StepContext, StepDelta, StepEvent, StepOutput, StepRunner
from smartlite.pipeline.execution.records import Records, error_json, named
from smartlite.pipeline.execution.values import check_size
from smartlite.pipeline.spec.expressions import resolve
from smartlite.pipeline.spec.kinds import Kind, checked_fields

_logger = logging.getLogger(__name__)

_DELTA_EVERY_S: Final = 0.2
"""Pieces that come sooner after each other are one event."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What is tried."""

    step: Step
    path: str
    item: int
    namespace: Mapping[str, JSON]
    """Of expressions."""


class Attempts:
    """Tries units.

    Args:
        kinds: What runs each kind of step.
        specs: The fields of each kind.
        records: Of the run.
        open_context: Makes the context of an attempt, from the unit and the attempt's number.
        sleep: Waits so many seconds.
    """

    def __init__(
        self,
        kinds: Mapping[str, StepRunner],
        specs: Mapping[str, Kind],
        records: Records,
        open_context: Callable[[Unit, int], StepContext],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._kinds = kinds
        self._specs = specs
        self._records = records
        self._open_context = open_context
        self._sleep = sleep

    async def run(self, unit: Unit) -> StepRun:
        """Try a unit, as its step says; one that another worker was at is begun anew.

        Returns:
            Its record: succeeded or failed.
        """
        choices = (Fallback(), *unit.step.fallback)
        for place, choice in enumerate(choices, 1):
            failures = 0
            while True:
                record, attempt = await self._begin(unit, choice)
                try:
                    output = await self._try(unit, choice, attempt.number)
                except StepFailed as failed:
                    failures += 1
                    error = failed.error
                else:
                    ended = replace(attempt, finished_at=self._records.now())
                    return await self._records.end(record, StepState.SUCCEEDED, output=output, attempt=ended)
                ended = replace(attempt, finished_at=self._records.now(), error=error)
                if is_tried_again(error, unit.step.retry, failures):
                    await self._wait(unit, record, ended, failures)
                elif place == len(choices):
                    return await self._records.end(record, StepState.FAILED, error=error, attempt=ended)
                else:
                    await self._put(unit, record, ended, "step.fell_back", {"uses": choices[place].uses})
                    break
        raise AssertionError("a step has at least one choice")

    async def _begin(self, unit: Unit, choice: Fallback) -> tuple[StepRun, StepAttempt]:
        now = self._records.now()
        before = self._records.get(unit.path, unit.item)
        number = 1 if before is None else before.attempts + 1
        started_at = now if before is None or before.started_at is None else before.started_at
        record = StepRun(self._records.run.id, unit.path, unit.item, StepState.RUNNING, number, started_at)
        attempt = StepAttempt(unit.path, unit.item, number, now)
        data = {**named(unit.path, unit.item), "attempt": number, "uses": choice.uses or unit.step.uses}
        return await self._records.put(record, Happening("step.started", data), attempt), attempt

    async def _wait(self, unit: Unit, record: StepRun, ended: StepAttempt, failures: int) -> None:
        delay_s = backoff_s(unit.step.retry, failures)
        await self._put(unit, record, ended, "step.retrying", {"after_s": round(delay_s, 3)})
        await self._sleep(delay_s)

    async def _put(self, unit: Unit, record: StepRun, ended: StepAttempt, type_: str, data: dict[str, JSON]) -> None:
        told = {} if ended.error is None else {"error": error_json(ended.error)}
        happening = Happening(type_, {**named(unit.path, unit.item), "attempt": ended.number, **told, **data})
        await self._records.put(record, happening, ended)

    async def _try(self, unit: Unit, choice: Fallback, number: int) -> JSON:
        uses = choice.uses or unit.step.uses
        runner = self._kinds.get(uses)
        if runner is None:
            raise _failed(unit, PipelineInvalid(f"Steps of the kind '{uses[:64]}' cannot be run here.", "uses"))
        fields = await self._fields(unit, choice, uses)
        context = self._open_context(unit, number)
        timeout_s = unit.step.timeout_s
        try:
            async with asyncio.timeout(timeout_s) as deadline:
                output = await self._drive(unit, number, runner(context, fields))
        except TimeoutError:
            if not deadline.expired():
                raise
            raise _failed(unit, DeadlineExceeded(f"The step did not end within {timeout_s:g} s.")) from None
        try:
            check_size(output, "The step's output")
        except SmartLiteError as error:
            raise _failed(unit, error) from error
        return output

    async def _fields(self, unit: Unit, choice: Fallback, uses: str) -> Mapping[str, JSON]:
        written = {**self._kept(unit.step, choice), **choice.with_}
        try:
            # An expression may take a second to be worked out, or refused.
            return checked_fields(uses, await asyncio.to_thread(resolve, written, unit.namespace), self._specs)
        except SmartLiteError as error:
            raise _failed(unit, error) from error

    def _kept(self, step: Step, choice: Fallback) -> Mapping[str, JSON]:
        """The step's own fields, of which another kind takes those that it has too."""
        kind = self._specs.get(choice.uses or step.uses)
        if choice.uses is None or kind is None or kind.open:
            return step.with_
        return {name: value for name, value in step.with_.items() if name in kind.fields}

    async def _drive(self, unit: Unit, number: int, events: AsyncGenerator[StepEvent, None]) -> JSON:
        """Take a step's events; what it raises is its failure, and what the log raises is not."""
        texts: list[str] = []
        told_at = -_DELTA_EVERY_S
        async with aclosing(events):
            while True:
                event = await self._next(unit, events)
                if isinstance(event, StepDelta):
                    texts.append(event.text)
                    if time.monotonic() - told_at < _DELTA_EVERY_S:
                        continue
                if texts:
                    data = {**named(unit.path, unit.item), "attempt": number, "text": "".join(texts)}
                    await self._records.note("step.delta", data)
                    texts.clear()
                    told_at = time.monotonic()
                if isinstance(event, StepOutput):
                    return event.value

    @staticmethod
    async def _next(unit: Unit, events: AsyncGenerator[StepEvent, None]) -> StepEvent:
        try:
            return await anext(events)
        except StepFailed:
            raise
        except SmartLiteError as error:
            raise _failed(unit, error) from error
        except StopAsyncIteration:
            raise _failed(unit, SmartLiteError("The step ended without an output.")) from None
        except Exception as error:
            _logger.exception("a step failed as nobody expected", extra={"step": unit.path})
            raise _failed(unit, SmartLiteError("The step failed as nobody expected.")) from error


def _failed(unit: Unit, error: SmartLiteError) -> StepFailed:
    found: RunError = to_run_error(error, unit.path)
    return StepFailed(found)
