"""Conversations as rows, and whose turn it is in each. Must not know what is said in them, nor who may see one.

A turn is a lease: whoever takes it shows its id with each write, so that one which was slow, and whose turn another
took, changes nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, func, insert, or_, select, update

from smartlite.domain.conversations import Conversation, Truncation
from smartlite.domain.identity import Page
from smartlite.errors import ConversationBusy, NotFound
from smartlite.storage.conversations_tables import ConversationRow
from smartlite.storage.database import ReadSession, WriteSession
from smartlite.storage.organizations_tables import ShareRow

SHARED_AS: Final = "conversation"
"""The kind under which shares name one."""
_CONVERSATION: Final = (
    ConversationRow.id,
    ConversationRow.owner_id,
    ConversationRow.organization_id,
    ConversationRow.meta,
    ConversationRow.strategy,
    ConversationRow.max_tokens,
    ConversationRow.created_at,
    ConversationRow.updated_at,
    ConversationRow.summarised,
)


async def add(session: WriteSession, conversation: Conversation) -> None:
    """Add a conversation without items."""
    row = {
        "id": conversation.id,
        "owner_id": conversation.owner_id,
        "organization_id": conversation.organization_id,
        "meta": dict(conversation.metadata),
        "strategy": conversation.truncation.strategy,
        "max_tokens": conversation.truncation.max_tokens,
        "newest": 0,
        "summarised": 0,
        "created_at": conversation.created_at,
        "updated_at": conversation.updated_at,
    }
    await session.write(insert(ConversationRow).values(row))


async def get(session: ReadSession, conversation_id: str) -> Conversation | None:
    """The conversation with an id."""
    row = await session.row(select(*_CONVERSATION).where(ConversationRow.id == conversation_id))
    return None if row is None else _read(row)


async def count(session: ReadSession, owner_id: str) -> int:
    """How many conversations an owner has."""
    query = select(func.count()).select_from(ConversationRow).where(ConversationRow.owner_id == owner_id)
    row = await session.row(query)
    return 0 if row is None else int(row[0])


async def page(session: ReadSession, owner_id: str, *, after: str | None = None, limit: int = 50) -> Page[Conversation]:
    """An owner's conversations, the newest first; from after the conversation ``after``."""
    query = select(*_CONVERSATION).where(ConversationRow.owner_id == owner_id)
    if after is not None:
        query = query.where(ConversationRow.id < after)
    rows = await session.rows(query.order_by(ConversationRow.id.desc()).limit(limit + 1))
    found = tuple(map(_read, rows))
    return Page(found[:limit], found[limit - 1].id if len(found) > limit else None)


async def change(
    session: WriteSession,
    conversation_id: str,
    at: datetime,
    metadata: Mapping[str, str] | None,
    truncation: Truncation | None,
) -> None:
    """Write something else about a conversation; None leaves it as it is.

    Raises:
        NotFound: There is no such conversation.
    """
    values: dict[str, Any] = {"updated_at": at}
    if metadata is not None:
        values["meta"] = dict(metadata)
    if truncation is not None:
        values |= {"strategy": truncation.strategy, "max_tokens": truncation.max_tokens}
    await _write(session, conversation_id, values)


async def remove(session: WriteSession, conversation_id: str) -> None:
    """Remove a conversation with its items.

    Raises:
        NotFound: There is no such conversation.
    """
    if not await session.write(delete(ConversationRow).where(ConversationRow.id == conversation_id)):
        raise unknown(conversation_id)
    wanted = (ShareRow.resource_kind == SHARED_AS, ShareRow.resource_id == conversation_id)
    await session.write(delete(ShareRow).where(*wanted))


async def locked(session: WriteSession, conversation_id: str, turn_id: str | None, now: datetime) -> int:
    """The highest position; nobody else changes the conversation until this unit of work ends.

    Args:
        session: Writes.
        conversation_id: Which.
        turn_id: Of whoever has the turn; None: nobody may have it.
        now: The time.

    Raises:
        NotFound: There is no such conversation.
        ConversationBusy: Another has the turn.
    """
    query = select(ConversationRow.newest, ConversationRow.turn_id, ConversationRow.turn_until)
    row = await session.row(query.where(ConversationRow.id == conversation_id).with_for_update())
    if row is None:
        raise unknown(conversation_id)
    held = row.turn_id if row.turn_until is not None and (row.turn_until >= now or row.turn_id == turn_id) else None
    if held != turn_id:
        raise busy()
    return int(row.newest)


async def move_on(session: WriteSession, conversation_id: str, newest: int, at: datetime) -> None:
    """Have another position be the highest."""
    await _write(session, conversation_id, {"newest": newest, "updated_at": at})


async def take_turn(session: WriteSession, conversation_id: str, turn_id: str, now: datetime, until: datetime) -> None:
    """Take the turn.

    Raises:
        NotFound: There is no such conversation.
        ConversationBusy: Another has it.
    """
    is_free = or_(ConversationRow.turn_until.is_(None), ConversationRow.turn_until < now)
    wanted = (ConversationRow.id == conversation_id, or_(is_free, ConversationRow.turn_id == turn_id))
    values = {"turn_id": turn_id, "turn_until": until}
    if not await session.write(update(ConversationRow).where(*wanted).values(values)):
        if await get(session, conversation_id) is None:
            raise unknown(conversation_id)
        raise busy()


async def renew_turn(session: WriteSession, conversation_id: str, turn_id: str, until: datetime | None) -> bool:
    """Keep the turn for longer; None: give it back.

    Returns:
        Whether it was still held.
    """
    wanted = (ConversationRow.id == conversation_id, ConversationRow.turn_id == turn_id)
    values = {"turn_until": until, "turn_id": None if until is None else turn_id}
    return bool(await session.write(update(ConversationRow).where(*wanted).values(values)))


async def summary(session: ReadSession, conversation_id: str) -> tuple[int, bytes | None]:
    """The position up to which items are in the summary, and the summary."""
    query = select(ConversationRow.summarised, ConversationRow.summary)
    row = await session.row(query.where(ConversationRow.id == conversation_id))
    return (0, None) if row is None else (int(row.summarised), row.summary)


async def put_summary(session: WriteSession, conversation_id: str, upto: int, text: bytes | None) -> None:
    """Have another summary; None: none."""
    await _write(session, conversation_id, {"summarised": upto, "summary": text})


def unknown(conversation_id: str) -> NotFound:
    """What is told of a conversation that is not there."""
    return NotFound(f"There is no conversation '{conversation_id[:64]}'.", "conversation_id")


def busy() -> ConversationBusy:
    """What is told while another has the turn."""
    return ConversationBusy("Another turn of this conversation goes on; send this one again when it has ended.")


async def _write(session: WriteSession, conversation_id: str, values: Mapping[str, Any]) -> None:
    if not await session.write(update(ConversationRow).where(ConversationRow.id == conversation_id).values(values)):
        raise unknown(conversation_id)


def _read(row: Sequence[Any]) -> Conversation:
    conversation_id, owner_id, organization_id, meta, strategy, max_tokens, created_at, updated_at, summarised = row
    truncation = Truncation(strategy, max_tokens)
    return Conversation(
        conversation_id, owner_id, organization_id, meta, truncation, created_at, updated_at, summarised
    )
