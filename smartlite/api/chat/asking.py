"""A request that passed every check that needs no stage, and the stages' answers to it. Must not know wire formats."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from smartlite.api.chat.choices import Indexed, answer
from smartlite.api.chat.gathered import GatheredAnswer
from smartlite.api.chat.recordings import Hearing
from smartlite.api.observation import Observation
from smartlite.api.spending import Spending
from smartlite.domain.estimates import CHARACTERS_PER_TOKEN, DEFAULT_ANSWER_TOKENS, most_audio_s
from smartlite.domain.llm import ChatFinished, ChatOptions, ChatRequest, TextDelta
from smartlite.domain.stages import LLMStage
from smartlite.domain.usage import ModelUsage


@dataclass(frozen=True, slots=True)
class Asking:
    """What is asked of the LLM stage once the recordings in it were heard."""

    model: str
    """A served model's own id."""
    options: ChatOptions
    hearing: Hearing
    count: int = 1
    """So many answers."""

    async def reserve(self, spending: Spending, longest_s: float) -> None:
        """Take what hearing and answering may need; ``longest_s`` bounds each recording.

        Raises:
            RateLimited: 429.
        """
        answers = self.count * (self.options.max_tokens or DEFAULT_ANSWER_TOKENS)
        heard = self.hearing.recordings
        await spending.reserve(
            ModelUsage(self.model, self.hearing.characters / CHARACTERS_PER_TOKEN, answers),
            ModelUsage(self.hearing.model, audio_input_s=sum(most_audio_s(audio.data, longest_s) for audio in heard)),
        )

    async def events(
        self, stage: LLMStage, observation: Observation, spending: Spending
    ) -> AsyncGenerator[Indexed, None]:
        """Hear, then ask; note how long the stage took to its first event and to the end of the last answer."""
        began = time.perf_counter()
        asked = ChatRequest(self.model, await self.hearing.messages(), self.options)
        if self.hearing.has_recordings:
            observation.record("asr", time.perf_counter() - began)
            spending.use(ModelUsage(self.hearing.model, audio_input_s=self.hearing.heard_s))
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
                        unfinished[index] += 1
                    yield index, event
        finally:
            # Whoever hangs up has used what was written until then: a delta is a token, or nearly.
            if not first:
                for written in unfinished.values():
                    spending.use(ModelUsage(self.model, self.hearing.characters / CHARACTERS_PER_TOKEN, written))


async def gather(events: AsyncGenerator[Indexed, None], count: int) -> list[GatheredAnswer]:
    """Wait for the end of every answer."""
    answers = [GatheredAnswer() for _ in range(count)]
    async with aclosing(events):
        async for index, event in events:
            answers[index].add(event)
    return answers
