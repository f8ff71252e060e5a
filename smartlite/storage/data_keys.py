"""Keys that data is encrypted with, as rows. Must not know how they are wrapped, nor what they encrypt."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import insert, select, update

from smartlite.storage.database import ReadSession, WriteSession
from smartlite.storage.encryption_tables import DataKeyRow

_KEY: Final = (
    DataKeyRow.id,
    DataKeyRow.tenant,
    DataKeyRow.wrapped_by,
    DataKeyRow.wrapped,
    DataKeyRow.created_at,
    DataKeyRow.retired_at,
)


@dataclass(frozen=True, slots=True)
class DataKey:
    """A key of a tenant's data."""

    id: str
    tenant: str
    """Whose data; empty: the platform's own."""
    wrapped_by: str
    """Id of the key that opens it."""
    wrapped: bytes = field(repr=False)
    created_at: datetime
    retired_at: datetime | None = None
    """From then on it encrypts nothing more."""


async def add(session: WriteSession, key: DataKey) -> None:
    """Add a key."""
    await session.write(insert(DataKeyRow).values(asdict(key)))


async def get(session: ReadSession, key_id: str) -> DataKey | None:
    """The key with an id."""
    row = await session.row(select(*_KEY).where(DataKeyRow.id == key_id))
    return None if row is None else DataKey(*row)


async def current(session: ReadSession, tenant: str) -> DataKey | None:
    """The key that a tenant's new data is encrypted with; None where there is none yet."""
    wanted = (DataKeyRow.tenant == tenant, DataKeyRow.retired_at.is_(None))
    newest = select(*_KEY).where(*wanted).order_by(DataKeyRow.created_at.desc(), DataKeyRow.id.desc()).limit(1)
    row = await session.row(newest)
    return None if row is None else DataKey(*row)


async def page(session: ReadSession, after: str = "", limit: int = 100) -> Sequence[DataKey]:
    """Keys in the order of their ids, from after one."""
    rows = await session.rows(select(*_KEY).where(DataKeyRow.id > after).order_by(DataKeyRow.id).limit(limit))
    return [DataKey(*row) for row in rows]


async def retire(session: WriteSession, at: datetime) -> int:
    """Have the keys that encrypt encrypt nothing more.

    Returns:
        How many they were.
    """
    return await session.write(update(DataKeyRow).where(DataKeyRow.retired_at.is_(None)).values(retired_at=at))


async def rewrap(session: WriteSession, before: DataKey, wrapped_by: str, wrapped: bytes) -> bool:
    """Put another wrapping in the place of one.

    Returns:
        Whether it is there now: False where somebody else was faster.
    """
    wanted = (DataKeyRow.id == before.id, DataKeyRow.wrapped_by == before.wrapped_by)
    return bool(await session.write(update(DataKeyRow).where(*wanted).values(wrapped_by=wrapped_by, wrapped=wrapped)))
