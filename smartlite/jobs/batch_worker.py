"""A worker for batches: claims one, checks its input, has its lines answered for a while, makes its files.

Must not know what a line asks. Killed at any moment it loses nothing: its lease ends and another goes on from the last
block of answers; what was answered and not stored is asked again with the same idempotency key.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from smartlite.domain.batches import Batch, BatchFault, BatchState
from smartlite.domain.ids import new_id
from smartlite.errors import LeaseLost, SmartLiteError, StorageCorrupt
from smartlite.jobs.batch_answering import Answering, BatchRefused, Pace
from smartlite.jobs.batch_answers import Answers
from smartlite.jobs.batch_checking import USUAL_LIMITS, BatchLimits, check_input
from smartlite.jobs.batch_keeping import FREE, BlockKeeper, Ending
from smartlite.jobs.batch_lines import lines
from smartlite.jobs.batch_output import OutputMaker
from smartlite.jobs.files import Files
from smartlite.jobs.gateway_calls import GatewayCalls
from smartlite.jobs.shift import Shift, Timing
from smartlite.storage import batch_queue, batches
from smartlite.storage.batch_queue import BatchClaim
from smartlite.storage.blobs import BlobStore
from smartlite.storage.database import Database, retried

USUAL_PACE: Final = Pace()
BATCH_TIMING: Final = Timing(poll_s=1.0)
"""Nobody waits for a batch to begin at once."""
_LEFT_AT_ONCE: Final = 100

_logger = logging.getLogger(__name__)


class BatchWorker:
    """Works on the batches of a database. Used in one event loop.

    Args:
        database: Where they are.
        blobs: Where blocks of answers are.
        files: Inputs and outputs.
        calls: Who answers.
        limits: Of inputs.
        pace: How fast one batch is worked on.
        slots: So many at the same time.
        timing: Of leases.
        clock: Tells the time in UTC.
    """

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        files: Files,
        calls: GatewayCalls,
        limits: BatchLimits = USUAL_LIMITS,
        pace: Pace = USUAL_PACE,
        slots: int = 2,
        timing: Timing = BATCH_TIMING,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.id = new_id("worker")
        self._database = database
        self._blobs = blobs
        self._files = files
        self._calls = calls
        self._limits = limits
        self._pace = pace
        self._timing = timing
        self._clock = clock
        self._answers = Answers(files, limits.upload_bytes)
        self._outputs = OutputMaker(database, blobs, files)
        self._ending = Ending(database, files, self._outputs, limits, clock)
        self._shift = Shift("batch", self._claim, self._work, self._renew, slots, timing)

    def begin(self) -> None:
        """Start to work, once an event loop runs; nothing where it works already."""
        self._shift.begin()

    async def close(self) -> None:
        """Stop, and give the batches back to those who go on with them."""
        await self._shift.close()

    async def purge(self, keep_days: int = 0) -> None:
        """Remove blocks that were left behind, and batches that ended so many days ago; 0: none."""
        await self._remove_leftovers()
        before = self._clock() - timedelta(days=keep_days)

        async def portion() -> int:
            async with self._database.writing() as session:
                return await batches.remove_ended(session, before, _LEFT_AT_ONCE)

        while keep_days and await retried(portion):
            pass

    async def _remove_leftovers(self) -> None:
        async with self._database.reading() as session:
            found = await batches.with_leftovers(session, _LEFT_AT_ONCE)
        for batch in found:
            await self._outputs.remove_blocks(batch)

    async def _claim(self) -> BatchClaim | None:
        async with self._database.reading() as session:
            found = await batch_queue.waiting(session, self._clock())
        if not found:
            return None

        async def work() -> BatchClaim | None:
            now = self._clock()
            async with self._database.writing() as session:
                return await batch_queue.claim(session, found, self.id, now, self._lease_until(now))

        return await retried(work)

    async def _renew(self, claim: BatchClaim) -> None:
        async def work() -> None:
            async with self._database.writing() as session:
                await batch_queue.renew(session, claim.lease, self._lease_until(self._clock()))

        await retried(work)

    async def _work(self, claim: BatchClaim) -> None:
        told = {"batch": claim.batch.id}
        try:
            if await self._advance(claim):
                return
        except asyncio.CancelledError:
            await self._give_back(claim)
            raise
        except LeaseLost:
            _logger.warning("a batch is another worker's by now", extra=told)
            return
        except StorageCorrupt as error:
            _logger.exception("a batch cannot go on", extra=told)
            await self._fail(claim, BatchFault(error.code, error.message))
            return
        except SmartLiteError as error:
            _logger.warning("a batch is left to other workers", extra={**told, "reason": error.message})
            await asyncio.sleep(self._timing.away_s)
        except Exception:
            _logger.exception("a batch ended as nobody expected", extra=told)
            await self._fail(claim, BatchFault("internal_error", "The batch ended as nobody expected."))
            return
        await self._give_back(claim)

    async def _advance(self, claim: BatchClaim) -> bool:
        """Do what is next; whether the batch has ended."""
        batch = claim.batch
        if batch.state is BatchState.VALIDATING:
            batch = await self._validate(claim)
        if batch.state is BatchState.IN_PROGRESS:
            batch = await self._answer(claim, batch)
        if batch.state in {BatchState.FINALIZING, BatchState.CANCELLING}:
            await self._ending.finish(claim, batch)
            return True
        return batch.state is BatchState.FAILED

    async def _validate(self, claim: BatchClaim) -> Batch:
        batch = claim.batch
        now = self._clock()
        if now >= batch.expires_at:
            return await self._move(claim, BatchState.VALIDATING, BatchState.FINALIZING, finalizing_at=now)
        checked = await check_input(self._files, batch, self._limits)
        if checked.faults:
            told = {**FREE, "ended_at": self._clock(), "faults": batches.fault_values(checked.faults)}
            return await self._move(claim, BatchState.VALIDATING, BatchState.FAILED, **told)
        found = {"total": checked.total, "model": checked.model}
        at = self._clock()
        return await self._move(claim, BatchState.VALIDATING, BatchState.IN_PROGRESS, in_progress_at=at, **found)

    async def _answer(self, claim: BatchClaim, batch: Batch) -> Batch:
        async with self._database.reading() as session:
            answered = await batches.answered_after(session, batch.id, claim.place.line)
        file = await self._files.get(batch.input_file_id, also_expired=True)
        if file is None:
            fault = BatchFault("not_found", "The input file was deleted.", None, "input_file_id")
            return await self._refuse(claim, fault)
        most = self._limits.line_bytes(batch)
        found = lines(self._files.read(file, claim.place.offset), most, claim.place)
        keeper = BlockKeeper(self._database, self._blobs, claim)
        answering = Answering(
            *(batch, found, claim.place, answered, self._calls, self._answers, keeper.keep, most, self._pace)
        )
        try:
            is_done = await answering.run(lambda: self._goes_on(batch))
        except BatchRefused as error:
            return await self._refuse(claim, error.fault)
        now = self._clock()
        if is_done or now >= batch.expires_at:
            return await self._move(claim, BatchState.IN_PROGRESS, BatchState.FINALIZING, finalizing_at=now)
        return await self._now(batch)

    async def _goes_on(self, batch: Batch) -> bool:
        if self._clock() >= batch.expires_at:
            return False
        async with self._database.reading() as session:
            return await batches.state_of(session, batch.id) is BatchState.IN_PROGRESS

    async def _refuse(self, claim: BatchClaim, fault: BatchFault) -> Batch:
        at, faults = self._clock(), batches.fault_values([fault])
        return await self._move(claim, BatchState.IN_PROGRESS, BatchState.FINALIZING, finalizing_at=at, faults=faults)

    async def _move(self, claim: BatchClaim, before: BatchState, after: BatchState, **values: object) -> Batch:
        """The batch in its new state; or in the one that somebody else put it into."""

        async def work() -> None:
            async with self._database.writing() as session:
                await batch_queue.change(session, claim.lease, {"state": str(after), **values}, before)

        await retried(work)
        return await self._now(claim.batch)

    async def _now(self, batch: Batch) -> Batch:
        async with self._database.reading() as session:
            found = await batches.get(session, batch.id)
        if found is None:
            raise LeaseLost(f"The batch {batch.id} is no more.")
        return found

    async def _fail(self, claim: BatchClaim, fault: BatchFault) -> None:
        told = {"ended_at": self._clock(), "faults": batches.fault_values([fault])}
        await self._quietly(claim, {**FREE, **told, "state": str(BatchState.FAILED)})

    async def _give_back(self, claim: BatchClaim) -> None:
        await self._quietly(claim, {**FREE, "worked_at": self._clock()})

    async def _quietly(self, claim: BatchClaim, values: Mapping[str, object]) -> None:
        async def work() -> None:
            async with self._database.writing() as session:
                await batch_queue.change(session, claim.lease, values)

        try:
            await retried(work)
        except LeaseLost:
            return  # another has it, or it has ended
        except SmartLiteError as error:
            _logger.warning("a batch was not given back", extra={"batch": claim.batch.id, "reason": error.message})

    def _lease_until(self, now: datetime) -> datetime:
        return now + timedelta(seconds=self._timing.lease_s)
