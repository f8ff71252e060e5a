"""A request that passed every check that needs no stage, and the stages' answers to it. Must not know wire formats."""

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from smartlite.api.chat.choices import Indexed, answer
from smartlite.api.chat.gathered import GatheredAnswer
from smartlite.api.chat.recordings import Hearing
from smartlite.api.observation import Observation
from smartlite.api.spending import Spending
from smartlite.domain.estimates import CHARACTERS_PER_TOKEN, DEFAULT_ANSWER_TOKENS, most_audio_s
from smartlite.domain.llm import ChatFinished, ChatOptions, ChatRequest, Message, TextDelta
from smartlite.domain.stages import LLMStage
from smartlite.domain.usage import ModelUsage
from smartlite.errors import ContextLengthExceeded
from smartlite.jobs.turns import Turn

_MOST_SHRINKS: Final = 3
"""So often what was said before is halved, where the model finds it longer than it was estimated."""


@dataclass(frozen=True, slots=True)
class Asking:
    """What is asked of the LLM stage once the recordings in it were heard."""

    model: str
    """A served model's own id."""
    options: ChatOptions
    hearing: Hearing
    count: int = 1
    """So many answers."""
    turn: Turn | None = None
    """Of the conversation that this goes on; None: of none."""
    frame: int = 0
    """So many of the messages come before the conversation."""
    is_whole: bool = False
    """Nobody looks at an answer before its end."""

    async def reserve(self, spending: Spending, longest_s: float) -> None:
        """Take what hearing and answering may need; ``longest_s`` bounds each recording.

        Raises:
            RateLimited: 429.
        """
        answers = self.count * (self.options.max_tokens or DEFAULT_ANSWER_TOKENS)
        heard = self.hearing.recordings
        earlier = 0 if self.turn is None else self.turn.most_tokens
        await spending.reserve(
            ModelUsage(self.model, self.hearing.characters / CHARACTERS_PER_TOKEN + earlier, answers),
            ModelUsage(self.hearing.model, audio_input_s=sum(most_audio_s(audio, longest_s) for audio in heard)),
        )

    async def events(
        self, stage: LLMStage, observation: Observation, spending: Spending
    ) -> AsyncGenerator[Indexed, None]:
        """Hear, then ask; note how long the stage took to its first event and to the end of the last answer."""
        began = time.perf_counter()
        messages = await self.hearing.messages()
        if self.hearing.has_recordings:
            observation.record("asr", time.perf_counter() - began)
            spending.use(ModelUsage(self.hearing.model, audio_input_s=self.hearing.heard_s))
        answers = (
            self._answers(stage, messages, observation, spending)
            if self.turn is None
            else self._kept(self.turn, stage, messages, observation, spending)
        )
        async with aclosing(answers):
            async for indexed in answers:
                yield indexed

    async def _kept(
        self, turn: Turn, stage: LLMStage, heard: tuple[Message, ...], observation: Observation, spending: Spending
    ) -> AsyncGenerator[Indexed, None]:
        """The answer in a conversation, which is kept before it is told that it has ended."""
        frame, asked = heard[: self.frame], heard[self.frame :]
        gathered = GatheredAnswer()
        async with turn.held():
            for shrink in range(_MOST_SHRINKS + 1):
                messages = await turn.messages(frame, asked, shrink)
                has_begun = False
                try:
                    async with aclosing(self._answers(stage, messages, observation, spending)) as events:
                        async for index, event in events:
                            has_begun = True
                            gathered.add(event)
                            if isinstance(event, ChatFinished):
                                await keep_answer(turn, asked, gathered)
                            yield index, event
                except ContextLengthExceeded:
                    if has_begun or shrink == _MOST_SHRINKS or len(messages) <= len(heard):
                        raise
                else:
                    return

    async def _answers(
        self, stage: LLMStage, messages: tuple[Message, ...], observation: Observation, spending: Spending
    ) -> AsyncGenerator[Indexed, None]:
        asked = ChatRequest(self.model, messages, self.options, self.is_whole)
        began = time.perf_counter()
        unfinished = dict.fromkeys(range(self.count), 0)
        first = True
        try:
            async with aclosing(answer(stage, asked, self.count)) as events:
                async for index, event in events:
                    elapsed_s = time.perf_counter() - began
                    if first:
                        observation.record("llm_first", elapsed_s)
                        first = False
                    if isinstance(event, ChatFinished):
                        observation.record("llm", elapsed_s)
                        spending.use(ModelUsage(self.model, event.usage.prompt_tokens, event.usage.completion_tokens))
                        unfinished.pop(index, None)
                    elif isinstance(event, TextDelta) and index in unfinished:
                        unfinished[index] += max(1, len(event.text) // CHARACTERS_PER_TOKEN)
                    yield index, event
        finally:
            # Whoever hangs up has used what was written until then: a delta has a token, or several in one message.
            if not first:
                prompt_tokens = sum(len(message.content) for message in messages) / CHARACTERS_PER_TOKEN
                for written in unfinished.values():
                    spending.use(ModelUsage(self.model, prompt_tokens, written))


async def keep_answer(turn: Turn, asked: Sequence[Message], gathered: GatheredAnswer) -> None:
    """Keep what was asked and answered in the turn's conversation; raises what ``Turn.keep`` does."""
    finished = gathered.end()
    said = Message("assistant", gathered.text, tool_calls=tuple(gathered.calls))
    await turn.keep(asked, said, is_whole=finished.finish_reason != "length")


async def gather(events: AsyncGenerator[Indexed, None], count: int) -> list[GatheredAnswer]:
    """Wait for the end of every answer."""
    answers = [GatheredAnswer() for _ in range(count)]
    async with aclosing(events):
        async for index, event in events:
            answers[index].add(event)
    return answers
