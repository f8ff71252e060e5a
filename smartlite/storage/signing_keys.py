"""Keys that access tokens are signed with, as rows. Must not know what they sign, nor for how long they are kept."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Final

from sqlalchemy import delete, insert, select, update

from smartlite.domain.identity import SigningKey
from smartlite.storage.database import ReadSession, WriteSession
from smartlite.storage.tables import SigningKeyRow

_KEY: Final = (
    SigningKeyRow.id,
    SigningKeyRow.algorithm,
    SigningKeyRow.private_key,
    SigningKeyRow.created_at,
    SigningKeyRow.retired_at,
)


async def add(session: WriteSession, key: SigningKey) -> None:
    """Add a key."""
    await session.write(insert(SigningKeyRow).values(asdict(key)))


async def every(session: ReadSession) -> Sequence[SigningKey]:
    """All keys, the oldest first; there are few, since those that are retired are forgotten after a while."""
    rows = await session.rows(select(*_KEY).order_by(SigningKeyRow.created_at, SigningKeyRow.id))
    return [SigningKey(*row) for row in rows]


async def retire(session: WriteSession, at: datetime) -> None:
    """Have the keys that sign sign nothing more."""
    await session.write(update(SigningKeyRow).where(SigningKeyRow.retired_at.is_(None)).values(retired_at=at))


async def forget_retired(session: WriteSession, before: datetime) -> int:
    """Forget the keys that were retired before a time, or at it.

    Returns:
        How many they were.
    """
    return await session.write(delete(SigningKeyRow).where(SigningKeyRow.retired_at <= before))
