"""A turn of a conversation: what was said before is put before what is asked, and what was said is kept. Must not know
HTTP, nor who may.

One at a time: whoever takes a turn while another goes on is told that it is busy. What is kept is kept in one unit of
work, once the answer has ended.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from smartlite.domain.conversations import (
    MAX_ITEMS,
    Conversation,
    as_contents,
    as_messages,
    message_tokens,
    with_earlier,
)
from smartlite.domain.ids import new_id
from smartlite.domain.llm import ChatFinished, ChatRequest, Message, TextDelta
from smartlite.domain.stages import LLMStage
from smartlite.domain.usage import ModelUsage
from smartlite.errors import EngineFailed, SmartLiteError
from smartlite.jobs.conversations import Conversations
from smartlite.jobs.trimming import (
    cut_summary,
    first_that_fits,
    pieces,
    room_for_prompt,
    summary_request,
    summary_tokens,
)
from smartlite.storage import conversations
from smartlite.storage.conversation_items import ItemSize
from smartlite.storage.database import retried

LEASE: Final = timedelta(seconds=60)
"""A turn whose process is lost is over after so long."""
RENEW_S: Final = 15.0
_LOOKED_AT: Final = 1000
"""Items of a window that are looked at."""
_MOST_PIECES: Final = 4
"""Portions that are summed up in one turn, whose answer waits for them (6 to 9 s each with SmolLM2-135M on 2 busy
cores); what is left is in the next one's."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answering:
    """Who answers, and with what room."""

    llm: LLMStage
    model: str
    """A served model's own id."""
    context_tokens: int
    """Of one request, prompt and answer."""
    answer_tokens: int | None
    """The most that the answer may have; None: nobody said."""
    use: Callable[[ModelUsage], None]
    """Told what summaries used."""


class Turn:
    """One turn. Used once.

    Args:
        kept: Where conversations are.
        found: The conversation.
        by: Who answers.
    """

    def __init__(self, kept: Conversations, found: Conversation, by: Answering) -> None:
        self.conversation = found
        self._kept = kept
        self._by = by
        self._id = new_id("turn")
        self._is_over = False

    @property
    def most_tokens(self) -> int:
        """The most that what is sent may have."""
        return room_for_prompt(self._by.context_tokens, self.conversation.truncation.max_tokens, self._by.answer_tokens)

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Have the turn, for as long as it takes.

        Raises:
            ConversationBusy: 409, another goes on.
            NotFound: 404, the conversation is no more.
        """

        async def work() -> None:
            now = self._kept.clock()
            async with self._kept.database.writing() as session:
                await conversations.take_turn(session, self.conversation.id, self._id, now, now + LEASE)

        await retried(work)
        renewer = asyncio.create_task(self._renew_for_ever())
        try:
            yield
        finally:
            renewer.cancel()
            if not self._is_over:
                # Whoever hangs up twice must not leave the conversation busy.
                await asyncio.shield(asyncio.ensure_future(self._give_back()))

    async def earlier(self, asked: Sequence[Message], shrink: int = 0) -> tuple[tuple[Message, ...], str | None]:
        """What was said before, as far as it fits beside what is asked, and the summary of what does not.

        Args:
            asked: The request's own messages.
            shrink: So often the room is halved, since the engine found it too much.

        Raises:
            SmartLiteError: Whatever the stage raises that makes a summary.
        """
        room = max(0, (self.most_tokens >> shrink) - sum(map(message_tokens, asked)))
        if self.conversation.truncation.strategy == "summary":
            sizes, summary = await self._summarised(room)
            summary = cut_summary(summary, room)
            room = max(0, room - summary_tokens(summary))
        else:
            sizes, summary = await self._kept.sizes(self.conversation, 0, _LOOKED_AT), None
        window = sizes[first_that_fits(sizes, room) :]
        if not window:
            return (), summary
        items = await self._kept.between(self.conversation, window[0].position, window[-1].position)
        return as_messages(item.content for item in items), summary

    async def messages(
        self, frame: Sequence[Message], asked: Sequence[Message], shrink: int = 0
    ) -> tuple[Message, ...]:
        """What is asked, with what was said before, after the frame; raises what ``earlier`` does."""
        return with_earlier(frame, *await self.earlier((*frame, *asked), shrink), asked)

    async def keep(self, said: Sequence[Message], answer: Message, *, is_whole: bool = True) -> None:
        """Keep what was said and answered, and end the turn, both or nothing.

        Args:
            said: The request's own messages; those of the system are not kept.
            answer: What the model said.
            is_whole: False: it was cut off.

        Raises:
            ConversationBusy: 409, it took so long that another began a turn.
            InvalidRequest: 400, the conversation is full.
            NotFound: 404, the conversation is no more.
        """
        told = [message for message in said if message.role != "system"]
        contents = [*as_contents(told), *as_contents([answer], is_whole=is_whole)]
        items = await self._kept.seal.seal(self.conversation, contents, self._kept.clock())

        async def work() -> None:
            async with self._kept.database.writing() as session:
                await self._kept.append(session, self.conversation.id, items, self._id)
                await conversations.renew_turn(session, self.conversation.id, self._id, None)

        await retried(work)
        self._is_over = True

    async def _summarised(self, room: int) -> tuple[Sequence[ItemSize], str | None]:
        """The items that are in no summary, and the summary, which goes on where they do not fit."""
        upto, summary = await self._kept.summary(self.conversation)
        sizes = await self._kept.sizes(self.conversation, upto, MAX_ITEMS)
        if sum(size.tokens for size in sizes) + summary_tokens(summary) <= room:
            return sizes, summary
        older = sizes[: first_that_fits(sizes, room // 2)]
        if not older:
            return sizes, summary
        items = await self._kept.between(self.conversation, older[0].position, older[-1].position)
        for number, piece in enumerate(pieces(items, self._by.context_tokens)):
            if number == _MOST_PIECES:
                break
            asked = summary_request(self._by.model, self._by.context_tokens, self.most_tokens, summary, piece)
            summary, upto = await self._ask(asked), piece[-1].position
            await self._kept.put_summary(self.conversation, self._id, upto, summary)
        return [size for size in sizes if size.position > upto], summary

    async def _ask(self, asked: ChatRequest) -> str:
        texts: list[str] = []
        finished: ChatFinished | None = None
        async with aclosing(self._by.llm.chat(asked)) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    texts.append(event.text)
                elif isinstance(event, ChatFinished):
                    finished = event
        if finished is None:
            raise EngineFailed("The summary of a conversation ended before its end.")
        self._by.use(ModelUsage(self._by.model, finished.usage.prompt_tokens, finished.usage.completion_tokens))
        return "".join(texts).strip()

    async def _renew_for_ever(self) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            try:
                await self._write_turn(True)
            except SmartLiteError as error:
                _logger.warning("a turn of %s was not renewed: %s", self.conversation.id, error)

    async def _give_back(self) -> None:
        try:
            await self._write_turn(False)
        except SmartLiteError as error:
            _logger.warning("a turn of %s was not given back: %s", self.conversation.id, error)

    async def _write_turn(self, is_held: bool) -> None:
        async def work() -> None:
            until = self._kept.clock() + LEASE if is_held else None
            async with self._kept.database.writing() as session:
                await conversations.renew_turn(session, self.conversation.id, self._id, until)

        await retried(work)
