"""Tokens are joined into frames, and nothing of the answer is lost or held back at the end."""

from collections.abc import AsyncGenerator

from deployments.llm import join_deltas
from smartlite.domain.llm import ChatEvent, ChatFinished, TextDelta
from smartlite.domain.usage import TokenUsage

END = ChatFinished("stop", TokenUsage(1, 5))


async def five_tokens() -> AsyncGenerator[ChatEvent, None]:
    for text in "abcde":
        yield TextDelta(text)
    yield END


async def test_the_first_token_is_sent_at_once_and_the_rest_joined() -> None:
    assert [event async for event in join_deltas(five_tokens(), 60)] == [TextDelta("a"), TextDelta("bcde"), END]


async def test_a_frame_of_no_time_sends_every_token_alone() -> None:
    assert [event async for event in join_deltas(five_tokens(), 0)] == [*map(TextDelta, "abcde"), END]
