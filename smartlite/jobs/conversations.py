"""Conversations that people keep: made, listed, written to, exported, deleted. Must not know HTTP, models, nor who may.

What is said is encrypted where the platform encrypts, under the conversation's owner. Whoever calls has asked
``policies.decide_access`` before.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from smartlite.domain.conversations import (
    MAX_CONVERSATIONS,
    MAX_ITEMS,
    Conversation,
    Item,
    ItemContent,
    Truncation,
)
from smartlite.domain.identity import Page
from smartlite.domain.ids import new_id
from smartlite.errors import InvalidRequest, NotFound
from smartlite.jobs.conversation_seal import ConversationSeal
from smartlite.storage import conversation_items, conversations
from smartlite.storage.blobs import Seals
from smartlite.storage.conversation_items import ItemSize, StoredItem
from smartlite.storage.database import Database, WriteSession, retried

_AT_ONCE: Final = 100
_MOST_CALLS: Final = 64


class Conversations:
    """Conversations on a database. One for each process.

    Args:
        database: Where they are.
        cipher: Encrypts what is said; None: it is stored as it is.
        clock: Tells the time in UTC.
    """

    def __init__(
        self,
        database: Database,
        cipher: Seals | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.database = database
        self.clock = clock
        self.seal = ConversationSeal(cipher)

    async def add(
        self,
        owner_id: str,
        organization_id: str | None,
        metadata: Mapping[str, str],
        truncation: Truncation,
        contents: Sequence[ItemContent] = (),
    ) -> Conversation:
        """Begin a conversation, with what is in it already.

        Raises:
            InvalidRequest: 400, its owner has too many.
        """
        now = self.clock()
        made = Conversation(new_id("conv"), owner_id, organization_id, metadata, truncation, now, now)
        items = await self.seal.seal(made, contents, now)

        async def work() -> None:
            async with self.database.writing() as session:
                if await conversations.count(session, owner_id) >= MAX_CONVERSATIONS:
                    raise InvalidRequest(f"There are {MAX_CONVERSATIONS} conversations of yours, which is the most.")
                await conversations.add(session, made)
                await self.append(session, made.id, items, None)

        await retried(work)
        return made

    async def get(self, conversation_id: str) -> Conversation | None:
        """The conversation with an id."""
        async with self.database.reading() as session:
            return await conversations.get(session, conversation_id)

    async def page(self, owner_id: str, after: str | None, limit: int) -> Page[Conversation]:
        """An owner's, the newest first."""
        async with self.database.reading() as session:
            return await conversations.page(session, owner_id, after=after, limit=limit)

    async def change(
        self, found: Conversation, metadata: Mapping[str, str] | None, truncation: Truncation | None
    ) -> Conversation:
        """Write something else about a conversation; None leaves it as it is.

        Raises:
            NotFound: 404, it is no more.
        """
        at = self.clock()

        async def work() -> None:
            async with self.database.writing() as session:
                await conversations.change(session, found.id, at, metadata, truncation)

        await retried(work)
        return replace(
            found,
            metadata=found.metadata if metadata is None else metadata,
            truncation=truncation or found.truncation,
            updated_at=at,
        )

    async def remove(self, found: Conversation) -> None:
        """Remove a conversation with all its items and its summary.

        Raises:
            NotFound: 404, it is no more.
        """

        async def work() -> None:
            async with self.database.writing() as session:
                await conversations.remove(session, found.id)

        await retried(work)

    async def add_items(self, found: Conversation, contents: Sequence[ItemContent]) -> list[Item]:
        """Write to a conversation in which nobody has the turn.

        Raises:
            ConversationBusy: 409, somebody has it.
            InvalidRequest: 400, there would be too many items.
            NotFound: 404, the conversation is no more.
        """
        items = await self.seal.seal(found, contents, self.clock())

        async def work() -> list[StoredItem]:
            async with self.database.writing() as session:
                return await self.append(session, found.id, items, None)

        return await self.seal.open(found, await retried(work))

    async def item(self, found: Conversation, item_id: str) -> Item:
        """One item.

        Raises:
            NotFound: 404, there is none.
        """
        async with self.database.reading() as session:
            stored = await conversation_items.get(session, found.id, item_id)
        if stored is None:
            raise _no_item(item_id)
        return (await self.seal.open(found, [stored]))[0]

    async def page_items(
        self, found: Conversation, after: str | None, limit: int, *, descending: bool
    ) -> tuple[list[Item], bool]:
        """Items in order, from after the item ``after``; and whether there are more.

        Raises:
            NotFound: 404, there is no item ``after``.
        """
        async with self.database.reading() as session:
            last = None if after is None else await conversation_items.get(session, found.id, after)
            if after is not None and last is None:
                raise _no_item(after, "after")
            place = None if last is None else last.position
            page = await conversation_items.page(session, found.id, after=place, limit=limit, descending=descending)
        return await self.seal.open(found, page.items), page.next is not None

    async def every_item(self, found: Conversation) -> AsyncGenerator[Item, None]:
        """All items in order; what is added meanwhile may be among them."""
        after: int | None = None
        while True:
            async with self.database.reading() as session:
                page = await conversation_items.page(session, found.id, after=after, limit=_AT_ONCE)
            for item in await self.seal.open(found, page.items):
                yield item
            if page.next is None:
                return
            after = int(page.next)

    async def remove_item(self, found: Conversation, item_id: str) -> None:
        """Remove an item; a summary that it is in is made anew.

        Raises:
            NotFound: 404, there is none.
        """

        async def work() -> None:
            async with self.database.writing() as session:
                position = await conversation_items.remove(session, found.id, item_id)
                if position is None:
                    raise _no_item(item_id)
                summarised, _ = await conversations.summary(session, found.id)
                if position <= summarised:
                    await conversations.put_summary(session, found.id, 0, None)

        await retried(work)

    async def called(self, found: Conversation) -> dict[str, str]:
        """The functions that were called last, by the ids of the calls."""
        async with self.database.reading() as session:
            page = await conversation_items.page(
                session, found.id, limit=_MOST_CALLS, descending=True, kind="function_call"
            )
        items = await self.seal.open(found, page.items)
        return {item.content.call_id: item.content.name or "" for item in items if item.content.call_id}

    async def sizes(self, found: Conversation, after: int, limit: int) -> Sequence[ItemSize]:
        """How large the newest items after a position are, the newest last."""
        async with self.database.reading() as session:
            return await conversation_items.sizes(session, found.id, after, limit)

    async def between(self, found: Conversation, first: int, last: int) -> list[Item]:
        """The items from one position to another, both included."""
        async with self.database.reading() as session:
            stored = await conversation_items.between(session, found.id, first, last)
        return await self.seal.open(found, stored)

    async def summary(self, found: Conversation) -> tuple[int, str | None]:
        """The position up to which items are in the summary, and the summary."""
        async with self.database.reading() as session:
            upto, text = await conversations.summary(session, found.id)
        if text is None:
            return upto, None
        return upto, await self.seal.open_summary(found, text)

    async def put_summary(self, found: Conversation, turn_id: str, upto: int, text: str) -> None:
        """Keep a summary, as whoever has the turn.

        Raises:
            ConversationBusy: 409, the turn is another's.
            NotFound: 404, the conversation is no more.
        """
        sealed = await self.seal.seal_summary(found, text)

        async def work() -> None:
            async with self.database.writing() as session:
                await conversations.locked(session, found.id, turn_id, self.clock())
                await conversations.put_summary(session, found.id, upto, sealed)

        await retried(work)

    async def append(
        self, session: WriteSession, conversation_id: str, items: Sequence[StoredItem], turn_id: str | None
    ) -> list[StoredItem]:
        """Give items their places at the end.

        Raises:
            ConversationBusy: 409, the turn is another's.
            InvalidRequest: 400, there would be too many items.
            NotFound: 404, the conversation is no more.
        """
        newest = await conversations.locked(session, conversation_id, turn_id, self.clock())
        if not items:
            return []
        if await conversation_items.count(session, conversation_id) + len(items) > MAX_ITEMS:
            raise InvalidRequest(f"A conversation has at most {MAX_ITEMS} items; begin another one.", "conversation")
        placed = [replace(item, position=newest + at) for at, item in enumerate(items, 1)]
        await conversation_items.add(session, conversation_id, placed)
        await conversations.move_on(session, conversation_id, newest + len(items), items[-1].created_at)
        return placed


def _no_item(item_id: str, param: str = "item_id") -> NotFound:
    return NotFound(f"There is no item '{item_id[:64]}' in this conversation.", param)
