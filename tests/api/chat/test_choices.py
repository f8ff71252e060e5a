"""Several answers at the same time: how many, in which order they come, and that all of them end."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from smartlite.api.chat.choices import AT_ONCE, answer, merge
from smartlite.domain.llm import ChatEvent, ChatFinished, ChatOptions, ChatRequest, Message, TextDelta
from smartlite.domain.usage import TokenUsage
from smartlite.errors import ReplicaLost


class Counter:
    """Sources that note how many of them run."""

    def __init__(self) -> None:
        self.running = 0
        self.most = 0
        self.ended = 0

    async def source(
        self, *items: int, error: Exception | None = None, waits: bool = False
    ) -> AsyncGenerator[int, None]:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            for item in items:
                await asyncio.sleep(0)
                yield item
            if waits:
                await asyncio.Event().wait()
            if error is not None:
                raise error
        finally:
            self.running -= 1
            self.ended += 1


async def test_every_item_comes_with_its_number_and_in_its_order() -> None:
    counter = Counter()
    async with aclosing(merge([counter.source(1, 2, 3), counter.source(), counter.source(4, 5)], 2)) as merged:
        items = [item async for item in merged]
    assert [value for index, value in items if index == 0] == [1, 2, 3]
    assert [value for index, value in items if index == 2] == [4, 5]
    assert len(items) == 5
    assert counter.most == 2


async def test_more_items_than_the_queue_holds_are_all_given() -> None:
    counter = Counter()
    async with aclosing(merge([counter.source(*range(100)) for _ in range(8)], AT_ONCE)) as merged:
        items = [item async for item in merged]
    assert len(items) == 800
    assert counter.most == AT_ONCE


async def test_one_failure_ends_all() -> None:
    counter = Counter()
    sources = [counter.source(1, waits=True), counter.source(error=ReplicaLost("It ended.")), counter.source(2)]
    async with aclosing(merge(sources, 3)) as merged:
        with pytest.raises(ReplicaLost):
            assert len([item async for item in merged]) < 3
    assert counter.ended == 3
    assert len(asyncio.all_tasks()) == 1


async def test_closing_it_closes_all() -> None:
    counter = Counter()
    async with asyncio.timeout(5):
        async with aclosing(merge([counter.source(1, waits=True) for _ in range(3)], 3)) as merged:
            await anext(merged)
            await asyncio.sleep(0.01)
    assert (counter.running, counter.ended) == (0, 3)
    assert len(asyncio.all_tasks()) == 1


class Stage:
    """An LLM stage that notes its seeds."""

    def __init__(self) -> None:
        self.seeds: list[int | None] = []

    async def chat(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        self.seeds.append(request.options.seed)
        yield TextDelta("x")
        yield ChatFinished("stop", TokenUsage(1, 1))


@pytest.mark.parametrize(
    ("seed", "seeds"), [(None, [None] * 3), (7, [7, 8, 9]), (2**63 - 2, [2**63 - 2, 2**63 - 1, 1])]
)
async def test_a_seed_is_counted_on(seed: int | None, seeds: list[int | None]) -> None:
    stage = Stage()
    asked = ChatRequest("m", (Message("user", "hi"),), ChatOptions(seed=seed))
    async with aclosing(answer(stage, asked, 3)) as events:
        assert sorted([index async for index, _ in events]) == [0, 0, 1, 1, 2, 2]
    assert stage.seeds == seeds
