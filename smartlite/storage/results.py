"""Results that are given again, as rows. Must not know what a result is of, nor what makes a key."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, func, insert, select

from smartlite.storage.database import ReadSession, WriteSession
from smartlite.storage.results_tables import ResultRow

_ROW: Final = (
    ResultRow.key,
    ResultRow.tenant,
    ResultRow.id,
    ResultRow.size_bytes,
    ResultRow.created_at,
    ResultRow.expires_at,
)


@dataclass(frozen=True, slots=True)
class KeptResult:
    """Where a result is."""

    key: bytes
    tenant: str
    id: str
    size_bytes: int
    created_at: datetime
    expires_at: datetime


async def find(session: ReadSession, key: bytes, tenant: str) -> KeptResult | None:
    """What is kept under a key for a tenant, also after it expired."""
    row = await session.row(select(*_ROW).where(ResultRow.key == key, ResultRow.tenant == tenant))
    return None if row is None else _kept(row)


async def add(session: WriteSession, result: KeptResult) -> None:
    """Keep a result.

    Raises:
        AlreadyExists: There is one under this key.
    """
    values = {
        "key": result.key,
        "tenant": result.tenant,
        "id": result.id,
        "size_bytes": result.size_bytes,
        "created_at": result.created_at,
        "expires_at": result.expires_at,
    }
    await session.write(insert(ResultRow).values(values))


async def size_bytes(session: ReadSession, tenant: str) -> int:
    """Of everything that is kept for a tenant."""
    row = await session.row(select(func.coalesce(func.sum(ResultRow.size_bytes), 0)).where(ResultRow.tenant == tenant))
    return 0 if row is None else int(row[0])


async def oldest(session: ReadSession, tenant: str, limit: int) -> Sequence[KeptResult]:
    """So many of a tenant's, the oldest first."""
    query = select(*_ROW).where(ResultRow.tenant == tenant).order_by(ResultRow.created_at).limit(limit)
    return [_kept(row) for row in await session.rows(query)]


async def expired(session: ReadSession, now: datetime, limit: int) -> Sequence[KeptResult]:
    """So many of those that are kept no longer."""
    query = select(*_ROW).where(ResultRow.expires_at <= now).order_by(ResultRow.expires_at).limit(limit)
    return [_kept(row) for row in await session.rows(query)]


async def remove(session: WriteSession, results: Sequence[KeptResult]) -> int:
    """Forget these; one that stands under its key since then stays."""
    return await session.write(delete(ResultRow).where(ResultRow.id.in_([result.id for result in results])))


def _kept(row: Sequence[Any]) -> KeptResult:
    return KeptResult(*row)
