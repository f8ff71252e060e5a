"""Tokens are joined into frames, and nothing of the answer is lost or held back at the end."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from deployments.llm import LLMDeployment, join_deltas
from smartlite.domain.llm import ChatEvent, ChatFinished, ChatOptions, ChatRequest, Message, TextDelta
from smartlite.domain.models import ModelFiles
from smartlite.domain.usage import TokenUsage
from smartlite.engines.protocols import LLMEngine
from smartlite.engines.registry import create_llm

END = ChatFinished("stop", TokenUsage(1, 5))


async def five_tokens() -> AsyncGenerator[ChatEvent, None]:
    for text in "abcde":
        yield TextDelta(text)
    yield END


async def test_the_first_token_is_sent_at_once_and_the_rest_joined() -> None:
    assert [event async for event in join_deltas(five_tokens(), 60)] == [TextDelta("a"), TextDelta("bcde"), END]


async def test_a_frame_of_no_time_sends_every_token_alone() -> None:
    assert [event async for event in join_deltas(five_tokens(), 0)] == [*map(TextDelta, "abcde"), END]


def engines() -> dict[str, LLMEngine]:
    engine = create_llm("fake", ModelFiles("fake", Path()), {})
    engine.start()
    return {"fake": engine}


@pytest.mark.parametrize(("is_whole", "deltas"), [(True, 2), (False, 9)])
async def test_an_answer_that_nobody_sees_before_its_end_comes_in_few_messages(is_whole: bool, deltas: int) -> None:
    replica = LLMDeployment(engines, 0)
    asked = ChatRequest("fake", (Message("user", "one two three four five six seven"),), ChatOptions(), is_whole)
    events = [event async for event in replica.chat(asked)]
    texts = [event.text for event in events if isinstance(event, TextDelta)]
    assert len(texts) == deltas
    assert "one two three four five six seven" in "".join(texts)
    assert isinstance(events[-1], ChatFinished)
