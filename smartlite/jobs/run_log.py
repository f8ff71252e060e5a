"""A run's log in the database, for the one worker that has the run. Must not know what the run does.

A write that was begun is ended even if whoever wanted it is cancelled, and writes are one after the other: the worker
always knows the run's next number, which tells the database a write that is done again from one that is new.
"""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, TypeVar

from smartlite.domain.pipelines import Happening, MediaRef, RunError, RunEvent, StepRun
from smartlite.errors import AlreadyExists, DatabaseUnavailable
from smartlite.jobs.live import Live
from smartlite.pipeline.execution.ports import Entry, Objects, Outcome
from smartlite.pipeline.execution.values import json_bytes
from smartlite.storage import run_queue, run_steps, runs
from smartlite.storage.bell import WEBHOOKS, Bell
from smartlite.storage.database import Database, WriteSession, retried
from smartlite.storage.run_queue import Claim

T = TypeVar("T")

INLINE_BYTES: Final = 64 * 1024
"""Longest output that is kept in the database, as JSON."""
_GIVE_UP_S: Final = 60.0
_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 1.0
_PAGE: Final = 1000
_JSON_TYPE: Final = "application/json"

_logger = logging.getLogger(__name__)


class StoredRunLog:
    """A RunLog.

    Args:
        database: Where the run is.
        claim: What the worker was given.
        objects: Media of the run's tenant, where large outputs go.
        clock: Tells the time in UTC.
        live: Those who watch.
        bell: Tells of webhooks that wait.
        give_up_s: So long a database that is away is waited for, in seconds.
    """

    def __init__(
        self,
        database: Database,
        claim: Claim,
        objects: Objects,
        clock: Callable[[], datetime],
        live: Live,
        bell: Bell | None = None,
        give_up_s: float = _GIVE_UP_S,
    ) -> None:
        self._database = database
        self._run = claim.run
        self._lease = claim.lease
        self._next = claim.next_sequence
        self._objects = objects
        self._clock = clock
        self._live = live
        self._bell = bell or Bell()
        self._give_up_s = give_up_s
        self._turn = asyncio.Lock()
        self._writes: set[asyncio.Task[None]] = set()

    async def steps(self) -> Sequence[StepRun]:
        """See RunLog."""
        found: list[StepRun] = []
        while True:
            after = (found[-1].step_id, found[-1].item) if found else None

            async def work(after: tuple[str, int] | None = after) -> Sequence[StepRun]:
                async with self._database.reading() as session:
                    return await run_steps.of_run(session, self._lease.run_id, after=after, limit=_PAGE)

            page = await self._patiently(work)
            found += page
            if len(page) < _PAGE:
                return [await with_output(self._objects, record) for record in found]

    async def write(self, entry: Entry) -> None:
        """See RunLog."""
        await self._write(entry, None)

    async def finish(self, outcome: Outcome, entry: Entry) -> None:
        """See RunLog."""
        await self._write(entry, outcome)

    def show(self, happening: Happening) -> None:
        """See RunLog."""
        self._live.show(self._lease.run_id, happening)

    def is_followed(self) -> bool:
        """See RunLog."""
        return self._live.is_followed(self._lease.run_id)

    async def cancels(self) -> bool:
        """See RunLog."""
        try:
            async with self._database.reading() as session:
                return await runs.cancels(session, self._lease.run_id)
        except DatabaseUnavailable:
            return False

    async def settle(self) -> None:
        """Wait for writes that were begun."""
        if self._writes:
            await asyncio.wait(self._writes)

    async def _write(self, entry: Entry, outcome: Outcome | None) -> None:
        task = asyncio.create_task(self._write_in_turn(entry, outcome))
        self._writes.add(task)
        task.add_done_callback(self._forget)
        await asyncio.shield(task)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._writes.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _logger.debug("a write ended", extra={"run": self._lease.run_id, "reason": str(error)})

    async def _write_in_turn(self, entry: Entry, outcome: Outcome | None) -> None:
        async with self._turn:
            steps = [await self._outsourced(record) for record in entry.steps]
            at = self._clock()

            async def work() -> None:
                async with self._database.writing() as session:
                    await self._write_once(session, replace(entry, steps=steps), outcome, at)

            await self._patiently(lambda: retried(work))
            told = enumerate(entry.happenings, self._next)
            run_id = self._lease.run_id
            self._live.tell([RunEvent(run_id, number, at, each.type, each.data) for number, each in told])
            self._next += len(entry.happenings)
        if outcome is not None:
            self._bell.ring(WEBHOOKS)

    async def _write_once(self, session: WriteSession, entry: Entry, outcome: Outcome | None, at: datetime) -> None:
        values = None if outcome is None else _ending(outcome, at)
        if await run_queue.advance(session, self._lease, self._next, entry.happenings, at, values):
            await run_steps.record(session, self._lease.run_id, entry.steps, entry.attempts)
            if outcome is not None:
                await runs.tell_end(session, self._run, outcome.state, at)

    async def _outsourced(self, record: StepRun) -> StepRun:
        """The record, its output in the object store where it is large."""
        if record.output is None:
            return record
        data = json_bytes(record.output)
        if len(data) <= INLINE_BYTES:
            return record
        place = f"{record.step_id}/{record.item}/{self._lease.token}.{record.attempts}.output.json"
        key = f"media/runs/{record.run_id}/{place}"
        try:
            await self._objects.put(key, data)
        except AlreadyExists:
            _logger.debug("an output is there already", extra={"key": key})
        return replace(record, output_ref=MediaRef(key, _JSON_TYPE, len(data)))

    async def _patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do a unit of work, and again while the database is away."""
        until = time.monotonic() + self._give_up_s
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                return await work()
            except DatabaseUnavailable:
                if time.monotonic() >= until:
                    raise
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


async def with_output(objects: Objects, record: StepRun) -> StepRun:
    """A record with its output, wherever it is kept.

    Raises:
        NotFound, StorageUnavailable: It is in the object store and cannot be had.
    """
    if record.output_ref is None:
        return record
    return replace(record, output=json.loads(await objects.get(record.output_ref.key)))


def _ending(outcome: Outcome, at: datetime) -> dict[str, object]:
    error: RunError | None = outcome.error
    return {
        "state": str(outcome.state),
        "finished_at": at,
        "outputs": None if outcome.outputs is None else dict(outcome.outputs),
        "error": runs.error_values(error),
        "worker_id": None,
        "lease_until": None,
    }
