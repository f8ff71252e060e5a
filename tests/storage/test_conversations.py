"""Conversations on both databases: items in order, one turn at a time, summaries, and what is deleted with what."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from smartlite.domain.conversations import Conversation, Truncation
from smartlite.domain.organizations import Access, Share, SubjectKind
from smartlite.errors import ConversationBusy, NotFound
from smartlite.storage import conversation_items, conversations, shares
from smartlite.storage.conversation_items import ItemSize, StoredItem
from smartlite.storage.database import Database, retried
from tests.storage.rows import NOON

MINE = Conversation("conv_1", "user_1", None, {"topic": "é 🎙"}, Truncation("summary", 1000), NOON, NOON)
LATER = NOON + timedelta(seconds=60)


async def add(database: Database, *added: Conversation) -> None:
    async with database.writing() as session:
        for each in added:
            await conversations.add(session, each)


def item(name: str, role: str = "user") -> StoredItem:
    return StoredItem(name, 0, NOON, "message", role, 10, f"{name} é".encode())


async def append(database: Database, *items: StoredItem, turn_id: str | None = None) -> None:
    async def work() -> None:
        async with database.writing() as session:
            newest = await conversations.locked(session, MINE.id, turn_id, NOON)
            placed = [replace(each, position=newest + at) for at, each in enumerate(items, 1)]
            await conversation_items.add(session, MINE.id, placed)
            await conversations.move_on(session, MINE.id, newest + len(items), NOON)

    await retried(work)


async def names(database: Database, **wanted: int | bool | str) -> Sequence[str]:
    async with database.reading() as session:
        return [each.id for each in (await conversation_items.page(session, MINE.id, **wanted)).items]


async def take(database: Database, turn_id: str, shift_s: int = 0) -> None:
    async with database.writing() as session:
        now = NOON + timedelta(seconds=shift_s)
        await conversations.take_turn(session, MINE.id, turn_id, now, now + timedelta(seconds=60))


async def test_a_conversation_comes_back_as_it_was_added_and_is_changed_in_part(database: Database) -> None:
    await add(database, MINE)
    async with database.writing() as session:
        assert await conversations.get(session, MINE.id) == MINE
        await conversations.change(session, MINE.id, LATER, None, Truncation())
        changed = replace(MINE, truncation=Truncation(), updated_at=LATER)
        assert await conversations.get(session, MINE.id) == changed
        await conversations.change(session, MINE.id, LATER, {}, None)
        assert await conversations.get(session, MINE.id) == replace(changed, metadata={})
        with pytest.raises(NotFound):
            await conversations.change(session, "conv_2", LATER, {}, None)


async def test_an_owner_sees_their_own_the_newest_first(database: Database) -> None:
    await add(database, *(replace(MINE, id=f"conv_{number}") for number in range(4)))
    await add(database, replace(MINE, id="conv_x", owner_id=""))
    async with database.reading() as session:
        page = await conversations.page(session, "user_1", limit=3)
        rest = await conversations.page(session, "user_1", after=page.next, limit=3)
        assert [each.id for each in (*page.items, *rest.items)] == ["conv_3", "conv_2", "conv_1", "conv_0"]
        assert (rest.next, await conversations.count(session, "user_1")) == (None, 4)


async def test_items_have_an_order_that_nobody_else_gets(database: Database) -> None:
    await add(database, MINE)
    await asyncio.gather(*(append(database, item(f"a{n}"), item(f"b{n}")) for n in range(4)))
    found = await names(database)
    assert sorted(found) == sorted(f"{kind}{n}" for n in range(4) for kind in "ab")
    assert [found[at + 1] for at in range(0, 8, 2)] == [found[at].replace("a", "b") for at in range(0, 8, 2)]
    assert await names(database, descending=True, limit=2) == found[:-3:-1]
    assert await names(database, after=6) == found[6:]
    async with database.reading() as session:
        assert await conversation_items.count(session, MINE.id) == 8
        sizes = await conversation_items.sizes(session, MINE.id, 4, 2)
        assert sizes == [ItemSize(7, "message", "user", 10), ItemSize(8, "message", "user", 10)]
        stored = await conversation_items.between(session, MINE.id, 2, 3)
        assert [each.body for each in stored] == [f"{name} é".encode() for name in found[1:3]]


async def test_one_has_the_turn_and_others_wait_until_it_is_given_back_or_lost(database: Database) -> None:
    await add(database, MINE)
    await take(database, "turn_1")
    with pytest.raises(ConversationBusy):
        await take(database, "turn_2")
    with pytest.raises(ConversationBusy):
        await append(database, item("a"))
    await append(database, item("a"), turn_id="turn_1")
    async with database.writing() as session:
        assert await conversations.renew_turn(session, MINE.id, "turn_1", None)
    await append(database, item("b"))
    await take(database, "turn_2")
    await take(database, "turn_3", shift_s=61)
    with pytest.raises(ConversationBusy):
        await append(database, item("c"), turn_id="turn_2")
    async with database.writing() as session:
        assert not await conversations.renew_turn(session, MINE.id, "turn_2", LATER)
    assert await names(database) == ["a", "b"]


async def test_of_many_that_take_the_turn_at_once_one_gets_it(database: Database) -> None:
    await add(database, MINE)
    found = await asyncio.gather(*(take(database, f"turn_{n}") for n in range(6)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in found) == [*["ConversationBusy"] * 5, "NoneType"]


async def test_no_turn_is_taken_of_a_conversation_that_is_not_there(database: Database) -> None:
    with pytest.raises(NotFound):
        await take(database, "turn_1")
    with pytest.raises(NotFound):
        await append(database, item("a"))


async def test_a_summary_is_kept_and_taken_away(database: Database) -> None:
    await add(database, MINE)
    async with database.writing() as session:
        assert await conversations.summary(session, MINE.id) == (0, None)
        await conversations.put_summary(session, MINE.id, 3, b"\x00short")
        assert await conversations.summary(session, MINE.id) == (3, b"\x00short")
        await conversations.put_summary(session, MINE.id, 0, None)
        assert await conversations.summary(session, MINE.id) == (0, None)


async def test_a_conversation_takes_its_items_and_shares_with_it(database: Database) -> None:
    await add(database, MINE)
    await append(database, item("a"), item("b"))
    async with database.writing() as session:
        await shares.put(
            session, Share("conversation", MINE.id, SubjectKind.USER, "user_2", Access.READ, "user_1", NOON)
        )
        assert await conversation_items.remove(session, MINE.id, "a") == 1
        assert await conversation_items.remove(session, MINE.id, "a") is None
    assert await names(database) == ["b"]
    async with database.writing() as session:
        await conversations.remove(session, MINE.id)
        assert await conversation_items.get(session, MINE.id, "b") is None
        assert await shares.of_resource(session, "conversation", MINE.id) == ()
        with pytest.raises(NotFound):
            await conversations.remove(session, MINE.id)
