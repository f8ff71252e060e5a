"""Turns of conversations on both databases: what is kept is kept once, by whoever has the turn."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import datetime, timedelta

import pytest

from smartlite.domain.conversations import Conversation, ItemContent, Truncation
from smartlite.domain.llm import ChatEvent, ChatFinished, ChatRequest, Message, TextDelta, ToolCall
from smartlite.domain.usage import ModelUsage, TokenUsage
from smartlite.errors import ConversationBusy, EngineFailed, InvalidRequest
from smartlite.jobs import conversations as kept_conversations
from smartlite.jobs.conversations import Conversations
from smartlite.jobs.turns import LEASE, Answering, Turn
from smartlite.storage.database import Database
from tests.storage.rows import NOON

ASKED = (Message("system", "Be brief."), Message("user", "Hello."))


class Writer:
    """A language model that says what it was told to."""

    def __init__(self, is_cut_off: bool = False) -> None:
        self.is_cut_off = is_cut_off

    async def chat(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        yield TextDelta("In short.")
        if not self.is_cut_off:
            yield ChatFinished("stop", TokenUsage(40, 3))


class World:
    """Conversations at a time that a test moves on."""

    def __init__(self, database: Database) -> None:
        self.now = NOON
        self.kept = Conversations(database, clock=self.clock)
        self.used: list[ModelUsage] = []

    def clock(self) -> datetime:
        return self.now

    async def begin(self, strategy: str = "window", *texts: str) -> Conversation:
        truncation = Truncation("summary" if strategy == "summary" else "window")
        contents = [ItemContent("message", text, "user") for text in texts]
        return await self.kept.add("user_1", None, {}, truncation, contents)

    def turn(self, found: Conversation, writer: Writer | None = None) -> Turn:
        return Turn(self.kept, found, Answering(writer or Writer(), "mind", 512, 64, self.used.append))

    async def said(self, found: Conversation) -> list[str]:
        return [item.content.text async for item in self.kept.every_item(found)]


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


async def test_a_turn_is_kept_without_what_the_system_says_and_frees_the_conversation(world: World) -> None:
    found = await world.begin()
    turn = world.turn(found)
    call = ToolCall("call_1", "weather", "{}")
    async with turn.held():
        assert await turn.earlier(ASKED) == ((), None)
        await turn.keep(ASKED, Message("assistant", "Hi.", tool_calls=(call,)))
        async with world.turn(found).held():
            pass
    assert await world.said(found) == ["Hello.", "Hi.", "{}"]
    assert await world.kept.called(found) == {"call_1": "weather"}


async def test_a_turn_that_ends_without_being_kept_leaves_nothing(world: World) -> None:
    found = await world.begin()
    with pytest.raises(EngineFailed):
        async with world.turn(found).held():
            raise EngineFailed("Broken.")
    async with world.turn(found).held():
        assert await world.said(found) == []


async def test_a_turn_that_was_lost_keeps_nothing_of_its_own(world: World) -> None:
    found = await world.begin()
    lost, next_one = world.turn(found), world.turn(found)
    async with lost.held():
        with pytest.raises(ConversationBusy):
            async with next_one.held():
                pass
        world.now += LEASE + timedelta(seconds=1)
        async with next_one.held():
            with pytest.raises(ConversationBusy):
                await lost.keep(ASKED, Message("assistant", "Late."))
            await next_one.keep(ASKED, Message("assistant", "In time."))
    assert await world.said(found) == ["Hello.", "In time."]


async def test_a_turn_that_is_cancelled_is_given_back(world: World) -> None:
    found = await world.begin()
    taken = asyncio.Event()

    async def hold() -> None:
        async with world.turn(found).held():
            taken.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hold())
    await taken.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with world.turn(found).held():
        pass


async def test_a_summary_is_kept_and_counted_though_no_answer_comes(world: World) -> None:
    found = await world.begin("summary", *["word " * 60] * 6)
    async with world.turn(found).held():
        pass
    turn = world.turn(found)
    async with turn.held():
        earlier, summary = await turn.earlier(ASKED)
    assert summary == "In short."
    assert 0 < len(earlier) < 6
    assert {(used.model, used.prompt_tokens, used.completion_tokens) for used in world.used} == {("mind", 40, 3)}
    upto, kept = await world.kept.summary(found)
    assert (upto, kept) == (6 - len(earlier), "In short.")


async def test_a_summary_that_breaks_off_is_not_kept(world: World) -> None:
    found = await world.begin("summary", *["word " * 60] * 6)
    turn = world.turn(found, Writer(is_cut_off=True))
    async with turn.held():
        with pytest.raises(EngineFailed):
            await turn.earlier(ASKED)
    assert await world.kept.summary(found) == (0, None)


async def test_a_full_conversation_takes_nothing_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_conversations, "MAX_ITEMS", 2)
    found = await world.begin("window", "One.")
    turn = world.turn(found)
    async with turn.held():
        with pytest.raises(InvalidRequest, match="at most 2 items"):
            await turn.keep(ASKED, Message("assistant", "Hi."))
    assert await world.said(found) == ["One."]
