"""What a worker stores of a batch while it works on it, and at its end. Must not know who answers.

Every write shows the lease: a worker that was slow, and whose batch another took over, changes nothing.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from datetime import datetime
from typing import Final

from smartlite.domain.batches import Batch, BatchFault, BatchState, Block, Progress
from smartlite.errors import AlreadyExists, LeaseLost, SmartLiteError, Unavailable
from smartlite.jobs.batch_answers import Result, refused
from smartlite.jobs.batch_checking import BatchLimits
from smartlite.jobs.batch_lines import LineFaulty, lines, read_line
from smartlite.jobs.batch_output import OutputMaker, block_key, block_of
from smartlite.jobs.files import Files
from smartlite.storage import batch_queue, batches
from smartlite.storage.batch_queue import BatchClaim
from smartlite.storage.blobs import BlobStore
from smartlite.storage.database import Database, retried

FREE: Final = {"worker_id": None, "lease_until": None}
"""Columns of a batch that no worker has."""
_GIVE_UP_S: Final = 60.0
_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 1.0

_logger = logging.getLogger(__name__)


class BlockKeeper:
    """Stores answers of one claim, block after block.

    Args:
        database: Where blocks are listed.
        blobs: Where they are.
        claim: The worker's.
    """

    def __init__(self, database: Database, blobs: BlobStore, claim: BatchClaim) -> None:
        self._database = database
        self._blobs = blobs
        self._claim = claim
        self._next = claim.next_block

    async def keep(self, results: list[Result], progress: Progress) -> None:
        """Store results, and count them; waits for a minute for what is away.

        Raises:
            LeaseLost: The batch is another worker's.
            Unavailable: 503, they are not stored.
        """
        batch, lease = self._claim.batch, self._claim.lease
        key = block_key(batch.id, lease.token, self._next)
        block = Block(self._next, key, tuple(sorted(result.number for result in results)))
        data = block_of(results)

        async def work() -> None:
            async with self._database.writing() as session:
                await batch_queue.add_block(session, lease, block, progress)

        until, pause_s = time.monotonic() + _GIVE_UP_S, _FIRST_PAUSE_S
        while True:
            try:
                await self._put(key, data)
                await retried(work)
            except Unavailable:
                if time.monotonic() >= until:
                    raise
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            else:
                self._next += 1
                return

    async def _put(self, key: str, data: bytes) -> None:
        try:
            await self._blobs.put(self._claim.batch.user_id, key, data)
        except AlreadyExists:
            return  # the try before stored it, and was not heard of


class Ending:
    """Ends batches: makes their files, and has them and the batch's last state be there together.

    Args:
        database: Where they are.
        files: Inputs and outputs.
        outputs: Makes the files.
        limits: Of inputs.
        clock: Tells the time in UTC.
    """

    def __init__(
        self,
        database: Database,
        files: Files,
        outputs: OutputMaker,
        limits: BatchLimits,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._files = files
        self._outputs = outputs
        self._limits = limits
        self._clock = clock

    async def finish(self, claim: BatchClaim, batch: Batch) -> None:
        """End a batch of which nothing more is answered.

        Raises:
            LeaseLost: It is another worker's.
            SmartLiteError: Its files cannot be made for now.
        """
        state = last_state(batch)
        is_expired = state is BatchState.EXPIRED and batch.total > 0
        outputs = await self._outputs.make(batch, self._unanswered(batch if is_expired else None))
        values: dict[str, object] = {
            **FREE,
            "state": str(state),
            "ended_at": self._clock(),
            "failed": batch.total - batch.completed if is_expired else batch.failed,
            "output_file_id": None if outputs.output is None else outputs.output.id,
            "error_file_id": None if outputs.errors is None else outputs.errors.id,
        }

        async def work() -> None:
            async with self._database.writing() as session:
                await batch_queue.change(session, claim.lease, values)
                for file in (outputs.output, outputs.errors):
                    if file is not None:
                        await self._files.finish_within(session, file)

        try:
            await retried(work)
        except LeaseLost:
            await self._outputs.discard(outputs)
            raise
        try:
            await self._outputs.remove_blocks(batch)
        except SmartLiteError as error:
            _logger.info("blocks of a batch are left", extra={"batch": batch.id, "reason": error.message})

    async def _unanswered(self, batch: Batch | None) -> AsyncIterator[Result]:
        """What a batch did not come to in its time; nothing where there is no batch."""
        file = None if batch is None else await self._files.get(batch.input_file_id, also_expired=True)
        if batch is None or file is None:
            return
        async with self._database.reading() as session:
            answered = await batches.answered_after(session, batch.id, 0)
        most = self._limits.line_bytes(batch)
        async with aclosing(lines(self._files.read(file), most)) as found:
            async for line in found:
                if line.number in answered:
                    continue
                try:
                    custom_id = read_line(line, batch.endpoint, most).custom_id
                except LineFaulty:
                    custom_id = None
                fault = BatchFault("batch_expired", "This request was not begun before the batch expired.")
                yield refused(batch, line.number, custom_id, fault)


def last_state(batch: Batch) -> BatchState:
    """What a batch becomes of which nothing more is answered."""
    if batch.state is BatchState.CANCELLING:
        return BatchState.CANCELLED
    if batch.faults:
        return BatchState.FAILED
    is_whole = batch.total > 0 and batch.completed + batch.failed == batch.total
    return BatchState.COMPLETED if is_whole else BatchState.EXPIRED
