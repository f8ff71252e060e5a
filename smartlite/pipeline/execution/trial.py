"""One attempt of a step, or of an item of it: its fields, its time-out, its events. Must not know what comes after.

A step that reads what another one still writes is not timed while it waits for more.
"""

import asyncio
import base64
import logging
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Final

from smartlite.domain.pipelines import JSON, Fallback, Step, StepAttempt
from smartlite.errors import DeadlineExceeded, PipelineInvalid, SmartLiteError
from smartlite.pipeline.execution.failures import StepFailed, to_run_error
from smartlite.pipeline.execution.feeds import Feed, Reading, SourceLost
from smartlite.pipeline.execution.kinds import (
    StepAudio,
    StepCache,
    StepContext,
    StepDelta,
    StepEvent,
    StepOutput,
    StepRunner,
)
from smartlite.pipeline.execution.records import Records, named
from smartlite.pipeline.execution.values import check_size
from smartlite.pipeline.spec.expressions import resolve
from smartlite.pipeline.spec.kinds import Kind, checked_fields

_logger = logging.getLogger(__name__)

_DELTA_EVERY_S: Final = 0.2
"""Pieces that come sooner after each other are one event."""
_SOME_TEXT: Final = "-"
"""In the place of a text that is still written, for the check of the fields."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a unit reads one of its fields from."""

    feed: Feed
    field: str


@dataclass(frozen=True, slots=True)
class Unit:
    """What is tried."""

    step: Step
    path: str
    item: int
    namespace: Mapping[str, JSON]
    """Of expressions."""
    writes: Feed | None = None
    """For those who read its text while it is written."""
    source: Source | None = None
    """What it reads meanwhile; None: every field is known."""


class Trial:
    """One attempt.

    Args:
        records: Of the run.
        unit: What is tried.
        choice: Which way of the unit's.
        attempt: Its record as it begins.
        context: Of this attempt.
        cache: Outputs that may be taken again.
        specs: The fields of each kind.
    """

    def __init__(
        self,
        records: Records,
        unit: Unit,
        choice: Fallback,
        attempt: StepAttempt,
        context: StepContext,
        cache: StepCache,
        specs: Mapping[str, Kind],
    ) -> None:
        self.attempt = attempt
        self.is_cached = False
        self.reading: Reading | None = None if unit.source is None else unit.source.feed.open()
        self._records = records
        self._unit = unit
        self._choice = choice
        self._uses = choice.uses or unit.step.uses
        self._context = context
        self._cache = cache
        self._specs = specs
        self._pieces_of_audio = 0

    async def run(self, runner: StepRunner | None) -> JSON:
        """Make the attempt.

        Args:
            runner: Of the kind; None: there is none.

        Returns:
            What the step gives.

        Raises:
            StepFailed: It failed.
            SourceLost: What it read is void.
        """
        if runner is None:
            raise self._failed(PipelineInvalid(f"Steps of the kind '{self._uses[:64]}' cannot be run here.", "uses"))
        fields = await self._fields()
        ttl_s = self._unit.step.cache_ttl_s
        key = None if ttl_s is None else await self._cache.key(self._context, self._uses, fields)
        if key is not None and (found := await self._cache.find(self._context, key)) is not None:
            self.is_cached = True
            return found.value
        output = await self._made(runner, fields)
        if key is not None and ttl_s is not None:
            await self._cache.keep(self._context, key, output, ttl_s)
        return output

    async def _made(self, runner: StepRunner, fields: Mapping[str, JSON]) -> JSON:
        timeout_s = self._unit.step.timeout_s
        try:
            async with asyncio.timeout(timeout_s) as deadline:
                output = await self._drive_timed(runner, fields, deadline)
        except TimeoutError:
            if not deadline.expired():
                raise
            raise self._failed(DeadlineExceeded(f"The step did not end within {timeout_s:g} s.")) from None
        try:
            check_size(output, "The step's output")
        except SmartLiteError as error:
            raise self._failed(error) from error
        return output

    async def _drive_timed(self, runner: StepRunner, fields: Mapping[str, JSON], deadline: asyncio.Timeout) -> JSON:
        if self.reading is None:
            return await self._drive(runner(self._context, fields))
        async with aclosing(_timed(self.reading, deadline)) as pieces:
            return await self._drive(runner(replace(self._context, pieces=lambda: pieces), fields))

    async def _fields(self) -> Mapping[str, JSON]:
        written = {**self._kept(), **self._choice.with_}
        source = self._unit.source
        read = {} if source is None else {source.field: _SOME_TEXT}
        try:
            # An expression may take a second to be worked out, or refused.
            known = await asyncio.to_thread(resolve, {**written, **read}, self._unit.namespace)
            fields = checked_fields(self._uses, known, self._specs)
        except SmartLiteError as error:
            raise self._failed(error) from error
        return {name: value for name, value in fields.items() if name not in read}

    def _kept(self) -> Mapping[str, JSON]:
        """The step's own fields, of which another kind takes those that it has too."""
        step, kind = self._unit.step, self._specs.get(self._uses)
        if self._choice.uses is None or kind is None or kind.open:
            return step.with_
        return {name: value for name, value in step.with_.items() if name in kind.fields}

    async def _drive(self, events: AsyncGenerator[StepEvent, None]) -> JSON:
        """Take a step's events; what it raises is its failure, and what the log raises is not."""
        deltas: list[StepDelta] = []
        told_at = -_DELTA_EVERY_S
        async with aclosing(events):
            while True:
                event = await self._next(events)
                if isinstance(event, StepAudio):
                    self._show(event)
                    continue
                if isinstance(event, StepDelta):
                    deltas.append(event)
                    if self.attempt.first_text_at is None:
                        self.attempt = replace(self.attempt, first_text_at=self._records.now())
                    if self._unit.writes is not None:
                        self._unit.writes.give(event.text)
                    if time.monotonic() - told_at < _DELTA_EVERY_S:
                        continue
                elif self._unit.writes is not None:
                    self._unit.writes.end()
                if deltas:
                    await self._records.note("step.delta", self._told(deltas))
                    deltas.clear()
                    told_at = time.monotonic()
                if isinstance(event, StepOutput):
                    return event.value

    async def _next(self, events: AsyncGenerator[StepEvent, None]) -> StepEvent:
        try:
            return await anext(events)
        except (StepFailed, SourceLost):
            raise
        except SmartLiteError as error:
            raise self._failed(error) from error
        except StopAsyncIteration:
            raise self._failed(SmartLiteError("The step ended without an output.")) from None
        except Exception as error:
            _logger.exception("a step failed as nobody expected", extra={"step": self._unit.path})
            raise self._failed(SmartLiteError("The step failed as nobody expected.")) from error

    def _told(self, deltas: list[StepDelta]) -> dict[str, JSON]:
        segments = [delta.segment for delta in deltas if delta.segment is not None]
        told = {**self._named(), "text": "".join(delta.text for delta in deltas)}
        return {**told, "segments": segments} if segments else told

    def _show(self, event: StepAudio) -> None:
        if self.attempt.first_audio_at is None:
            self.attempt = replace(self.attempt, first_audio_at=self._records.now())
        if event.data and self._records.is_followed():
            audio = base64.b64encode(event.data).decode("ascii")
            place = {"piece": self._pieces_of_audio, "format": event.format}
            self._records.show("step.audio", {**self._named(), **place, "audio": audio})
            self._pieces_of_audio += 1

    def _named(self) -> dict[str, JSON]:
        return {**named(self._unit.path, self._unit.item), "attempt": self.attempt.number}

    def _failed(self, error: SmartLiteError) -> StepFailed:
        return StepFailed(to_run_error(error, self._unit.path))


async def _timed(reading: Reading, deadline: asyncio.Timeout) -> AsyncGenerator[str, None]:
    """The pieces of a source; the deadline is put off while it is waited for them."""
    clock = asyncio.get_running_loop().time
    async with aclosing(reading.pieces()) as pieces:
        while True:
            when = deadline.when()
            left_s = None if when is None else when - clock()
            deadline.reschedule(None)
            try:
                piece = await anext(pieces, None)
            finally:
                deadline.reschedule(None if left_s is None else clock() + left_s)
            if piece is None:
                return
            yield piece
