"""A worker: claims runs, has them executed side by side, keeps their leases. Must not know what steps do.

Killed at any moment it loses nothing: its leases end, and others go on from the last step that ended.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from smartlite.domain.ids import new_id
from smartlite.domain.pipelines import Document, Happening, Run, RunError, RunState
from smartlite.errors import DatabaseUnavailable, LeaseLost, SmartLiteError
from smartlite.jobs.live import Live, LocalLive
from smartlite.jobs.metering import within
from smartlite.jobs.run_log import StoredRunLog
from smartlite.pipeline.execution.executor import Executor
from smartlite.pipeline.execution.failures import to_run_error
from smartlite.pipeline.execution.ports import Entry, Objects, Outcome
from smartlite.storage import run_queue
from smartlite.storage.database import Database, retried
from smartlite.storage.run_queue import Claim, Lease

LEASE_S: Final = 10.0
RENEW_S: Final = 3.0
POLL_S: Final = 0.2
AWAY_S: Final = 2.0
_CANCEL_AGAIN_S: Final = 0.5
_MAX_CLAIMS: Final = 100
"""A run that so many workers had has ended some of them: nobody takes it any more."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timing:
    """How often a worker looks, and how long a run is its own."""

    lease_s: float = LEASE_S
    renew_s: float = RENEW_S
    poll_s: float = POLL_S
    away_s: float = AWAY_S
    """Between two looks at a database that is away."""


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
        timing: Timing = Timing(),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        live: Live | None = None,
        on_end: Callable[[str], None] | None = None,
    ) -> None:
        self.id = new_id("worker")
        self._database = database
        self._executor = executor
        self._read = read
        self._open_objects = open_objects
        self._slots = slots
        self._timing = timing
        self._clock = clock
        self._live = live or LocalLive()
        self._on_end = on_end
        self._woken = asyncio.Event()
        self._is_closing = False
        self._working: dict[asyncio.Task[None], Lease] = {}
        self._loops: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        """Start to work, once an event loop runs; nothing where it works already."""
        if not self._loops:
            self._is_closing = False
            self._loops = [asyncio.create_task(work) for work in (self._claim_for_ever(), self._renew_for_ever())]

    def wake(self) -> None:
        """Say that there may be a run to claim."""
        self._woken.set()

    async def close(self) -> None:
        """Stop, and give the runs back to those who go on with them."""
        self._is_closing = True
        loops, self._loops = self._loops, []
        pending: set[asyncio.Task[None]] = {*loops, *self._working}
        while pending:
            for task in pending:
                task.cancel()
            # Again and again: a driver may take being cancelled for a connection that was lost.
            _, pending = await asyncio.wait(pending, timeout=_CANCEL_AGAIN_S)

    async def _claim_for_ever(self) -> None:
        is_away = False
        while not self._is_closing:
            self._woken.clear()
            pause_s = self._timing.poll_s
            try:
                while len(self._working) < self._slots and (claim := await self._claim()) is not None:
                    self._start(claim)
                is_away = False
            except DatabaseUnavailable as error:
                if not is_away:
                    _logger.warning("no run can be claimed", extra={"reason": error.message})
                is_away, pause_s = True, self._timing.away_s
            except Exception:
                _logger.exception("no run can be claimed")
                pause_s = self._timing.away_s
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._woken.wait()

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

    def _start(self, claim: Claim) -> None:
        task = asyncio.create_task(self._work(claim))
        self._working[task] = claim.lease
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._working.pop(task, None)
        self._woken.set()

    async def _work(self, claim: Claim) -> None:
        objects = self._open_objects(claim.run)
        log = StoredRunLog(self._database, claim, objects, self._clock, self._live)
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
        except SmartLiteError as error:
            _logger.warning("a run was not given back", extra={"run": lease.run_id, "reason": error.message})

    async def _renew_for_ever(self) -> None:
        while not self._is_closing:
            await asyncio.sleep(self._timing.renew_s)
            await asyncio.gather(*(self._keep(task, lease) for task, lease in list(self._working.items())))

    async def _keep(self, task: asyncio.Task[None], lease: Lease) -> None:
        try:
            await retried(lambda: self._renew(lease))
        except LeaseLost:
            task.cancel()
        except DatabaseUnavailable as error:
            _logger.warning("a lease was not renewed", extra={"run": lease.run_id, "reason": error.message})
        except Exception:
            _logger.exception("a lease was not renewed", extra={"run": lease.run_id})

    async def _renew(self, lease: Lease) -> None:
        async with self._database.writing() as session:
            await run_queue.renew(session, lease, self._lease_until(self._clock()))

    def _lease_until(self, now: datetime) -> datetime:
        return now + timedelta(seconds=self._timing.lease_s)
