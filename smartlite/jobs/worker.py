"""A worker: claims runs, has them executed side by side, keeps their leases. Must not know what steps do.

Killed at any moment it loses nothing: its leases end, and others go on from the last step that ended.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from smartlite.domain.ids import new_id
from smartlite.domain.pipelines import Document, Happening, Run, RunError, RunState
from smartlite.errors import LeaseLost, SmartLiteError
from smartlite.jobs.live import Live, LocalLive
from smartlite.jobs.metering import within
from smartlite.jobs.run_log import StoredRunLog
from smartlite.jobs.shift import USUAL_TIMING, Shift, Timing
from smartlite.pipeline.execution.executor import Executor
from smartlite.pipeline.execution.failures import to_run_error
from smartlite.pipeline.execution.ports import Entry, Objects, Outcome
from smartlite.storage import run_queue
from smartlite.storage.bell import RUNS, Bell
from smartlite.storage.database import Database, retried
from smartlite.storage.run_queue import Claim, Lease

_MAX_CLAIMS: Final = 100
"""A run that so many workers had has ended some of them: nobody takes it any more."""

_logger = logging.getLogger(__name__)


class Worker:
    """Works on the runs of a database. Used in one event loop.

    Args:
        database: Where they are.
        executor: Runs them.
        read: A checked document from its text; raises PipelineInvalid.
        open_objects: The media of a run's tenant.
        slots: So many runs at the same time.
        timing: Of leases.
        clock: Tells the time in UTC.
        bell: Tells of new runs, and of webhooks that wait.
        live: Those who watch runs; None: those of this process, of whom there are none.
        on_end: Told the id of each run that this worker ended.
    """

    def __init__(
        self,
        database: Database,
        executor: Executor,
        read: Callable[[str], Document],
        open_objects: Callable[[Run], Objects],
        slots: int = 4,
        timing: Timing = USUAL_TIMING,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        bell: Bell | None = None,
        live: Live | None = None,
        on_end: Callable[[str], None] | None = None,
    ) -> None:
        self.id = new_id("worker")
        self._database = database
        self._executor = executor
        self._read = read
        self._open_objects = open_objects
        self._timing = timing
        self._clock = clock
        self._live = live or LocalLive()
        self._on_end = on_end
        self._bell = bell or Bell()
        self._shift = Shift("run", self._claim, self._work, self._renew, slots, timing, self._bell, RUNS)

    def begin(self) -> None:
        """Start to work, once an event loop runs; nothing where it works already."""
        self._shift.begin()

    def wake(self) -> None:
        """Say that there may be a run to claim."""
        self._shift.wake()

    async def close(self) -> None:
        """Stop, and give the runs back to those who go on with them."""
        await self._shift.close()

    async def _claim(self) -> Claim | None:
        async with self._database.reading() as session:
            found = await run_queue.waiting(session, self._clock())
        if not found:
            return None

        async def work() -> Claim | None:
            now = self._clock()
            async with self._database.writing() as session:
                return await run_queue.claim(session, found, self.id, now, self._lease_until(now))

        return await retried(work)

    async def _work(self, claim: Claim) -> None:
        objects = self._open_objects(claim.run)
        log = StoredRunLog(self._database, claim, objects, self._clock, self._live, self._bell)
        told = {"run": claim.run.id, "pipeline": claim.run.pipeline_name}
        try:
            try:
                with within(claim.run):
                    await self._execute(claim, log, objects)
            finally:
                await log.settle()
            if self._on_end is not None:
                self._on_end(claim.run.id)
        except asyncio.CancelledError:
            await self._give_back(claim.lease)
            raise
        except LeaseLost:
            _logger.warning("a run is another worker's by now", extra=told)
        except SmartLiteError as error:
            _logger.warning("a run is left to other workers", extra={**told, "reason": error.message})
        except Exception:
            _logger.exception("a run ended as nobody expected", extra=told)
            await self._fail(log, RunError("internal_error", "The run ended as nobody expected."))

    async def _execute(self, claim: Claim, log: StoredRunLog, objects: Objects) -> None:
        if claim.lease.token > _MAX_CLAIMS:
            message = f"{_MAX_CLAIMS} workers took this run and none ended it."
            await self._fail(log, RunError("run_abandoned", message))
            return
        try:
            # A long document takes a second.
            document = await asyncio.to_thread(self._read, claim.source)
        except SmartLiteError as error:
            await self._fail(log, to_run_error(error, None))
            return
        await self._executor.run(document, claim.run, log, objects, claim.lease.token)

    @staticmethod
    async def _fail(log: StoredRunLog, error: RunError) -> None:
        try:
            happening = Happening("run.failed", {"error": {"code": error.code, "message": error.message}})
            await log.finish(Outcome(RunState.FAILED, error=error), Entry((happening,)))
        except SmartLiteError as failure:
            _logger.warning("a run could not be ended", extra={"reason": failure.message})

    async def _give_back(self, lease: Lease) -> None:
        async def work() -> None:
            async with self._database.writing() as session:
                await run_queue.give_back(session, lease)

        try:
            await retried(work)
            self._bell.ring(RUNS)
        except SmartLiteError as error:
            _logger.warning("a run was not given back", extra={"run": lease.run_id, "reason": error.message})

    async def _renew(self, claim: Claim) -> None:
        async def work() -> None:
            async with self._database.writing() as session:
                await run_queue.renew(session, claim.lease, self._lease_until(self._clock()))

        await retried(work)

    def _lease_until(self, now: datetime) -> datetime:
        return now + timedelta(seconds=self._timing.lease_s)
