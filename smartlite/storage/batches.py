"""Batches, as rows. Must not know who may see one, nor which worker has it.

Answers are kept in blocks of many lines, each one object: a row and an object for every line of 50,000 would be slow to
write and slower to remove.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, func, insert, select, update

from smartlite.domain.batches import (
    OPEN,
    Batch,
    BatchEndpoint,
    BatchFault,
    BatchQuery,
    BatchState,
    BatchUsage,
    Block,
)
from smartlite.domain.identity import Page
from smartlite.errors import BatchQueueFull, NotFound
from smartlite.storage.batches_tables import BatchBlockRow, BatchRow
from smartlite.storage.database import ReadSession, WriteSession

_USAGE: Final = (
    BatchRow.input_tokens,
    BatchRow.cached_tokens,
    BatchRow.output_tokens,
    BatchRow.reasoning_tokens,
)
_PLAIN: Final = (
    BatchRow.id,
    BatchRow.user_id,
    BatchRow.organization_id,
    BatchRow.key_id,
    BatchRow.scopes,
    BatchRow.endpoint,
    BatchRow.input_file_id,
    BatchRow.labels,
    BatchRow.output_expires_after_s,
    BatchRow.state,
    BatchRow.created_at,
    BatchRow.expires_at,
    BatchRow.in_progress_at,
    BatchRow.cancelling_at,
    BatchRow.finalizing_at,
    BatchRow.ended_at,
    BatchRow.total,
    BatchRow.completed,
    BatchRow.failed,
    BatchRow.model,
    BatchRow.faults,
    BatchRow.output_file_id,
    BatchRow.error_file_id,
)
BATCH: Final = (*_PLAIN, *_USAGE)


async def add(session: WriteSession, batch: Batch, most_of_user: int) -> None:
    """Add a batch that is to be validated.

    Raises:
        BatchQueueFull: 429, its user has as many that have not ended.
    """
    mine = (BatchRow.user_id == batch.user_id, BatchRow.state.in_(list(OPEN)))
    row = await session.row(select(func.count()).select_from(BatchRow).where(*mine))
    if row is not None and row[0] >= most_of_user:
        raise BatchQueueFull(f"{most_of_user} batches of yours have not ended yet. Try again when some have.")
    values = {column.key: getattr(batch, column.key) for column in _PLAIN}
    values |= {"endpoint": str(batch.endpoint), "state": str(batch.state), "faults": fault_values(batch.faults)}
    values |= dict.fromkeys((column.key for column in _USAGE), 0)
    values |= {"attempt": 0, "worked_at": batch.created_at, "next_block": 1, "next_line": 0, "next_offset": 0}
    await session.write(insert(BatchRow).values(values))


async def get(session: ReadSession, batch_id: str) -> Batch | None:
    """The batch with an id."""
    row = await session.row(select(*BATCH).where(BatchRow.id == batch_id))
    return None if row is None else read_batch(row)


async def page(session: ReadSession, query: BatchQuery, *, after: str | None = None, limit: int = 20) -> Page[Batch]:
    """Batches, the newest first; from after the batch ``after``."""
    statement = select(*BATCH).order_by(BatchRow.id.desc()).limit(limit + 1)
    if query.user_id is not None:
        statement = statement.where(BatchRow.user_id == query.user_id)
    if query.organization_id is not None:
        statement = statement.where(BatchRow.organization_id == query.organization_id)
    if query.states:
        statement = statement.where(BatchRow.state.in_(sorted(query.states)))
    if after is not None:
        statement = statement.where(BatchRow.id < after)
    found = tuple(map(read_batch, await session.rows(statement)))
    return Page(found[:limit], found[limit - 1].id if len(found) > limit else None)


async def request_cancel(session: WriteSession, batch_id: str, at: datetime) -> Batch:
    """Have a batch end; a worker makes its files. One that has ended stays as it is.

    Raises:
        NotFound: There is no such batch.
    """
    row = await session.row(select(*BATCH).where(BatchRow.id == batch_id).with_for_update())
    if row is None:
        raise NotFound(f"There is no batch '{batch_id[:64]}'.", "batch_id")
    batch = read_batch(row)
    if batch.state in {BatchState.VALIDATING, BatchState.IN_PROGRESS}:
        values = {"state": str(BatchState.CANCELLING), "cancelling_at": at}
        await session.write(update(BatchRow).where(BatchRow.id == batch_id).values(values))
    return await get(session, batch_id) or batch


async def state_of(session: ReadSession, batch_id: str) -> BatchState | None:
    """What a batch is at."""
    row = await session.row(select(BatchRow.state).where(BatchRow.id == batch_id))
    return None if row is None else BatchState(row.state)


async def answered_after(session: ReadSession, batch_id: str, line: int) -> frozenset[int]:
    """Lines behind the first so many that are answered already."""
    query = select(BatchBlockRow.lines).where(BatchBlockRow.batch_id == batch_id, BatchBlockRow.last_line > line)
    return frozenset(number for row in await session.rows(query) for number in row.lines if number > line)


async def blocks(session: ReadSession, batch_id: str, after: int, limit: int) -> Sequence[Block]:
    """The blocks of a batch in their order; from after the block ``after``."""
    query = (
        select(BatchBlockRow.number, BatchBlockRow.object_key, BatchBlockRow.lines)
        .where(BatchBlockRow.batch_id == batch_id, BatchBlockRow.number > after)
        .order_by(BatchBlockRow.number)
        .limit(limit)
    )
    return tuple(Block(row.number, row.object_key, tuple(row.lines)) for row in await session.rows(query))


async def with_leftovers(session: ReadSession, limit: int) -> Sequence[Batch]:
    """Batches that have ended and whose blocks are still kept."""
    has_blocks = select(BatchBlockRow.batch_id).where(BatchBlockRow.batch_id == BatchRow.id).exists()
    query = select(*BATCH).where(BatchRow.state.not_in(sorted(OPEN)), has_blocks).limit(limit)
    return tuple(map(read_batch, await session.rows(query)))


async def remove_ended(session: WriteSession, before: datetime, limit: int) -> int:
    """Remove so many batches that ended before a time and have no blocks any more; their files go by themselves."""
    has_blocks = select(BatchBlockRow.batch_id).where(BatchBlockRow.batch_id == BatchRow.id).exists()
    query = select(BatchRow.id).where(BatchRow.ended_at < before, ~has_blocks).order_by(BatchRow.id).limit(limit)
    found = [row.id for row in await session.rows(query)]
    return await session.write(delete(BatchRow).where(BatchRow.id.in_(found))) if found else 0


async def forget_blocks(session: WriteSession, batch_id: str) -> None:
    """Remove the rows of blocks whose objects are gone."""
    await session.write(delete(BatchBlockRow).where(BatchBlockRow.batch_id == batch_id))


def fault_values(faults: Sequence[BatchFault]) -> list[dict[str, object]]:
    """Faults as they are stored."""
    return list(map(asdict, faults))


def read_batch(row: Sequence[Any]) -> Batch:
    """A batch from a row that begins with ``BATCH``."""
    values = dict(zip((column.key for column in BATCH), row, strict=False))
    values["usage"] = BatchUsage(**{column.key: values.pop(column.key) for column in _USAGE})
    values["endpoint"] = BatchEndpoint(values["endpoint"])
    values["state"] = BatchState(values["state"])
    values["faults"] = tuple(BatchFault(**fault) for fault in values["faults"] or ())
    return Batch(**values)
