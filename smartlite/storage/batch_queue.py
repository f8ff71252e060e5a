"""Who works on which batch: claims with a lease, and a worker's writes. Must not know what a line asks.

As ``run_queue`` has it: every claim counts ``attempt`` up, and each write shows that number, so that a worker which was
slow and whose batch another took over changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, func, insert, or_, select, update

from smartlite.domain.batches import OPEN, Batch, BatchState, Block, Place, Progress
from smartlite.errors import LeaseLost
from smartlite.storage import webhook_deliveries
from smartlite.storage.batches import BATCH, read_batch
from smartlite.storage.batches_tables import BatchBlockRow, BatchRow
from smartlite.storage.database import ReadSession, WriteSession

_LOOKED_AT: Final = 500
_TRIED: Final = 16


@dataclass(frozen=True, slots=True)
class BatchLease:
    """The right to write to a batch."""

    batch_id: str
    token: int
    """The batch's ``attempt``."""


@dataclass(frozen=True, slots=True)
class BatchClaim:
    """A batch that a worker was given."""

    batch: Batch
    lease: BatchLease
    next_block: int
    place: Place
    """Every line before it is answered."""


async def waiting(session: ReadSession, now: datetime) -> Sequence[str]:
    """Batches that may be claimed: first those of the users who have the fewest that a worker has, then by turns."""
    found = await session.rows(
        select(BatchRow.id, BatchRow.user_id)
        .where(BatchRow.state.in_(sorted(OPEN)), _is_free(now))
        .order_by(BatchRow.worked_at, BatchRow.id)
        .limit(_LOOKED_AT)
    )
    if not found:
        return ()
    counts = await session.rows(
        select(BatchRow.user_id, func.count())
        .where(BatchRow.state.in_(sorted(OPEN)), BatchRow.lease_until >= now)
        .group_by(BatchRow.user_id)
    )
    held: dict[str, int] = {row[0]: row[1] for row in counts}
    placed = []
    for turn, row in enumerate(found):
        held[row.user_id] = place = held.get(row.user_id, 0) + 1
        placed.append((place, turn, row.id))
    return [batch_id for _, _, batch_id in sorted(placed)[:_TRIED]]


async def claim(
    session: WriteSession, batch_ids: Sequence[str], worker_id: str, now: datetime, lease_until: datetime
) -> BatchClaim | None:
    """Take the first of these batches that nobody has; None where others were faster with every one."""
    columns = (*BATCH, BatchRow.attempt, BatchRow.next_block, BatchRow.next_line, BatchRow.next_offset)
    for batch_id in batch_ids:
        wanted = (BatchRow.id == batch_id, BatchRow.state.in_(sorted(OPEN)), _is_free(now))
        row = await session.row(select(*columns).where(*wanted).with_for_update(skip_locked=True))
        if row is None:
            continue
        lease = BatchLease(batch_id, row.attempt + 1)
        values = {"worker_id": worker_id, "lease_until": lease_until, "attempt": lease.token, "worked_at": now}
        await session.write(update(BatchRow).where(BatchRow.id == batch_id).values(values))
        return BatchClaim(read_batch(row), lease, row.next_block, Place(row.next_line, row.next_offset))
    return None


async def renew(session: WriteSession, lease: BatchLease, lease_until: datetime) -> None:
    """Say that the work goes on.

    Raises:
        LeaseLost: It is another worker's, or has ended.
    """
    await change(session, lease, {"lease_until": lease_until})


async def give_back(session: WriteSession, lease: BatchLease, at: datetime) -> None:
    """Let any worker go on with it, after the others that wait.

    Raises:
        LeaseLost: It is another worker's, or has ended.
    """
    await change(session, lease, {"worker_id": None, "lease_until": None, "worked_at": at})


async def change(
    session: WriteSession, lease: BatchLease, values: Mapping[str, object], of_state: BatchState | None = None
) -> bool:
    """Change a batch that its worker still has; whoever asked for it is told of its end, in the same unit of work.

    Args:
        session: Writes.
        lease: The worker's.
        values: By column.
        of_state: Only while it is in this state: somebody may have cancelled it.

    Returns:
        False where it is in another state; then nothing was changed.

    Raises:
        LeaseLost: It is another worker's, or has ended.
    """
    wanted = [*_held(lease)] + ([] if of_state is None else [BatchRow.state == of_state])
    if await session.write(update(BatchRow).where(*wanted).values(dict(values))):
        if "state" in values and values["state"] not in OPEN:
            await _tell_end(session, lease.batch_id)
        return True
    if await session.row(select(BatchRow.id).where(*_held(lease))) is None:
        raise LeaseLost(f"The batch {lease.batch_id} is not this worker's any more.")
    return False


async def _tell_end(session: WriteSession, batch_id: str) -> None:
    row = await session.row(select(*BATCH).where(BatchRow.id == batch_id))
    if row is not None:
        batch = read_batch(row)
        at = batch.ended_at or batch.created_at
        data = {"id": batch.id}
        await webhook_deliveries.enqueue(
            session, batch.user_id, batch.organization_id, f"batch.{batch.state}", data, at
        )


async def add_block(session: WriteSession, lease: BatchLease, block: Block, progress: Progress) -> None:
    """Count a block that was stored; the same once more, because nobody heard whether it was, counts once.

    Raises:
        LeaseLost: The batch is another worker's, or has ended.
    """
    usage = progress.usage
    values = {
        "next_block": block.number + 1,
        "next_line": progress.place.line,
        "next_offset": progress.place.offset,
        "completed": BatchRow.completed + progress.completed,
        "failed": BatchRow.failed + progress.failed,
        "input_tokens": BatchRow.input_tokens + usage.input_tokens,
        "cached_tokens": BatchRow.cached_tokens + usage.cached_tokens,
        "output_tokens": BatchRow.output_tokens + usage.output_tokens,
        "reasoning_tokens": BatchRow.reasoning_tokens + usage.reasoning_tokens,
    }
    statement = update(BatchRow).where(*_held(lease), BatchRow.next_block == block.number)
    if await session.write(statement.values(values)):
        row = {
            "batch_id": lease.batch_id,
            "number": block.number,
            "object_key": block.key,
            "last_line": max(block.lines),
            "lines": list(block.lines),
        }
        await session.write(insert(BatchBlockRow).values(row))
        return
    found = await session.row(select(BatchRow.attempt, BatchRow.next_block).where(BatchRow.id == lease.batch_id))
    if found is None or (found.attempt, found.next_block) != (lease.token, block.number + 1):
        raise LeaseLost(f"The batch {lease.batch_id} is not this worker's any more.")


def _held(lease: BatchLease) -> tuple[ColumnElement[bool], ...]:
    return (BatchRow.id == lease.batch_id, BatchRow.attempt == lease.token, BatchRow.state.in_(sorted(OPEN)))


def _is_free(now: datetime) -> ColumnElement[bool]:
    return or_(BatchRow.lease_until.is_(None), BatchRow.lease_until < now)
