"""The LLM replica: has an engine answer messages. Must not know wire formats."""

import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from itertools import chain
from typing import Final

from deployments.engine_replica import EngineReplica
from deployments.model_pool import OnDemand
from smartlite.domain.llm import ChatEvent, ChatRequest, TextDelta
from smartlite.engines.protocols import LLMEngine

_WHOLE_FRAME_S: Final = 0.25
"""Between messages of an answer that nobody sees before its end; they tell that the replica still works on it."""


class LLMDeployment(EngineReplica[LLMEngine]):
    """An LLMStage around engines in this process.

    Args:
        load: Loads and starts the engines, by model id; called once, here.
        frame_s: Text that comes within so many seconds of the last frame waits for the next token, since every
            message costs a hop; the first token never waits. 0 sends each token alone.
        on_demand: The engines that are loaded when they are first asked for.
    """

    def __init__(
        self,
        load: Callable[[], Mapping[str, LLMEngine]],
        frame_s: float,
        on_demand: OnDemand[LLMEngine] | None = None,
    ) -> None:
        super().__init__(load, on_demand)
        self._frame_s = frame_s

    async def chat(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        """See LLMStage."""
        frame_s = max(self._frame_s, _WHOLE_FRAME_S) if request.is_whole else self._frame_s
        async with (
            self.engine(request.model) as engine,
            aclosing(engine.chat(request.messages, request.options)) as events,
            aclosing(join_deltas(events, frame_s)) as frames,
        ):
            async for frame in frames:
                yield frame


async def join_deltas(events: AsyncGenerator[ChatEvent, None], frame_s: float) -> AsyncGenerator[ChatEvent, None]:
    """Join deltas that come faster than one a frame.

    No timer runs: a delta that is held back leaves with the next event, one token later.
    """
    held: list[TextDelta] = []
    sent_at = float("-inf")
    async for event in events:
        if isinstance(event, TextDelta):
            held.append(event)
            if time.monotonic() - sent_at < frame_s:
                continue
        if held:
            logprobs = tuple(chain.from_iterable(delta.logprobs for delta in held))
            yield TextDelta("".join(delta.text for delta in held), logprobs)
            held.clear()
            sent_at = time.monotonic()
        if not isinstance(event, TextDelta):
            yield event
