"""What somebody has used who hangs up in the middle of an answer."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, cast

import pytest

from smartlite.api.chat.asking import Asking
from smartlite.api.observation import Observation
from smartlite.domain.llm import ChatEvent, ChatOptions, ChatRequest, Message, TextDelta
from smartlite.domain.usage import ModelUsage


class Hearing:
    """Messages without recordings."""

    has_recordings = False

    async def messages(self) -> tuple[Message, ...]:
        return (Message("user", "Tell me a story"),)


class Spending:
    def __init__(self) -> None:
        self.used: list[ModelUsage] = []

    def use(self, usage: ModelUsage) -> None:
        self.used.append(usage)


class Writing:
    """An LLM stage that says the same again and again."""

    def __init__(self, text: str) -> None:
        self.text = text

    async def chat(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        while True:
            yield TextDelta(self.text)


@pytest.mark.parametrize(
    ("text", "tokens"), [("a", 3), ("word", 3), ("words of a message with several tokens in it", 33)]
)
async def test_whoever_hangs_up_is_counted_by_what_was_written(text: str, tokens: int) -> None:
    spending = Spending()
    asked = Asking("m", ChatOptions(), cast("Any", Hearing()))
    async with aclosing(asked.events(Writing(text), Observation(), cast("Any", spending))) as events:
        for _ in range(3):
            await anext(events)
    assert [usage.completion_tokens for usage in spending.used] == [tokens]
