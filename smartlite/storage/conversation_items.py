"""Items of conversations, as rows. Must not know what they say: that is bytes."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, func, insert, select

from smartlite.domain.identity import Page
from smartlite.storage.conversations_tables import ConversationItemRow
from smartlite.storage.database import ReadSession, WriteSession

_ITEM: Final = (
    ConversationItemRow.id,
    ConversationItemRow.position,
    ConversationItemRow.created_at,
    ConversationItemRow.kind,
    ConversationItemRow.role,
    ConversationItemRow.tokens,
    ConversationItemRow.body,
)


@dataclass(frozen=True, slots=True)
class StoredItem:
    """An item as it is kept."""

    id: str
    position: int
    """In its conversation, from 1 on."""
    created_at: datetime
    kind: str
    role: str | None
    tokens: int
    """An estimate."""
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ItemSize:
    """What the choice of items needs to know of one."""

    position: int
    kind: str
    role: str | None
    tokens: int


async def add(session: WriteSession, conversation_id: str, items: Sequence[StoredItem]) -> None:
    """Add items, whose positions nobody else takes: the conversation is locked."""
    rows = [{"conversation_id": conversation_id, **asdict(item)} for item in items]
    await session.write_all(insert(ConversationItemRow), rows)


async def get(session: ReadSession, conversation_id: str, item_id: str) -> StoredItem | None:
    """An item of a conversation."""
    wanted = (ConversationItemRow.conversation_id == conversation_id, ConversationItemRow.id == item_id)
    row = await session.row(select(*_ITEM).where(*wanted))
    return None if row is None else StoredItem(*row)


async def count(session: ReadSession, conversation_id: str) -> int:
    """How many items a conversation has."""
    query = select(func.count()).select_from(ConversationItemRow)
    row = await session.row(query.where(ConversationItemRow.conversation_id == conversation_id))
    return 0 if row is None else int(row[0])


async def page(
    session: ReadSession,
    conversation_id: str,
    *,
    after: int | None = None,
    limit: int = 20,
    descending: bool = False,
    kind: str | None = None,
) -> Page[StoredItem]:
    """Items in order; from after a position. ``Page.next`` is the position of the last one."""
    position = ConversationItemRow.position
    query = select(*_ITEM).where(ConversationItemRow.conversation_id == conversation_id)
    if kind is not None:
        query = query.where(ConversationItemRow.kind == kind)
    if after is not None:
        query = query.where(position < after if descending else position > after)
    rows = await session.rows(query.order_by(position.desc() if descending else position).limit(limit + 1))
    found = tuple(StoredItem(*row) for row in rows)
    return Page(found[:limit], str(found[limit - 1].position) if len(found) > limit else None)


async def between(session: ReadSession, conversation_id: str, first: int, last: int) -> Sequence[StoredItem]:
    """The items from one position to another, both included, in order."""
    wanted = (
        ConversationItemRow.conversation_id == conversation_id,
        ConversationItemRow.position >= first,
        ConversationItemRow.position <= last,
    )
    rows = await session.rows(select(*_ITEM).where(*wanted).order_by(ConversationItemRow.position))
    return [StoredItem(*row) for row in rows]


async def sizes(session: ReadSession, conversation_id: str, after: int, limit: int) -> Sequence[ItemSize]:
    """The newest items after a position, the newest last."""
    columns = (
        ConversationItemRow.position,
        ConversationItemRow.kind,
        ConversationItemRow.role,
        ConversationItemRow.tokens,
    )
    wanted = (ConversationItemRow.conversation_id == conversation_id, ConversationItemRow.position > after)
    query = select(*columns).where(*wanted).order_by(ConversationItemRow.position.desc()).limit(limit)
    return [ItemSize(*row) for row in reversed(await session.rows(query))]


async def remove(session: WriteSession, conversation_id: str, item_id: str) -> int | None:
    """Remove an item.

    Returns:
        The position that it had; None: it was not there.
    """
    wanted: Any = (ConversationItemRow.conversation_id == conversation_id, ConversationItemRow.id == item_id)
    row = await session.row(select(ConversationItemRow.position).where(*wanted))
    if row is None:
        return None
    await session.write(delete(ConversationItemRow).where(*wanted))
    return int(row.position)
