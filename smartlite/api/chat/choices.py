"""Several answers to one request, made at the same time. Must not know wire formats."""

import asyncio
import dataclasses
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Final, TypeVar

from smartlite.domain.llm import ChatEvent, ChatRequest
from smartlite.domain.stages import LLMStage

T = TypeVar("T")

AT_ONCE: Final = 4
"""Answers of one request that are made at the same time; the others wait."""
_QUEUE_SIZE: Final = 16
_MAX_SEED: Final = 2**63 - 1

Indexed = tuple[int, ChatEvent]
"""An event and the number of the answer that it belongs to."""


async def answer(stage: LLMStage, asked: ChatRequest, count: int = 1) -> AsyncGenerator[Indexed, None]:
    """Have the stage answer ``count`` times; a seed is counted on, so that the answers differ.

    Raises:
        SmartLiteError: Whatever the stage raises for any of them; the others are then stopped.
    """
    if count == 1:
        async with aclosing(stage.chat(asked)) as events:
            async for event in events:
                yield 0, event
        return
    sources = [stage.chat(_with_seed(asked, index)) for index in range(count)]
    async with aclosing(merge(sources, AT_ONCE)) as merged:
        async for indexed in merged:
            yield indexed


async def merge(sources: Sequence[AsyncGenerator[T, None]], at_once: int) -> AsyncGenerator[tuple[int, T], None]:
    """Yield the items of all sources as they come, each with its source's number.

    The first failure of a source is raised. When it ends in any way, every source has been closed.

    Args:
        sources: Not yet begun.
        at_once: So many run at the same time; the others wait for one to end.
    """
    queue: asyncio.Queue[tuple[int, T] | BaseException | None] = asyncio.Queue(_QUEUE_SIZE)
    gate = asyncio.Semaphore(at_once)

    async def drain(index: int, source: AsyncGenerator[T, None]) -> None:
        try:
            async with gate, aclosing(source):
                async for item in source:
                    await queue.put((index, item))
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - raised again by merge
            await queue.put(error)
        else:
            await queue.put(None)

    tasks = [asyncio.create_task(drain(index, source)) for index, source in enumerate(sources)]
    running = len(tasks)
    try:
        while running:
            item = await queue.get()
            if item is None:
                running -= 1
            elif isinstance(item, BaseException):
                raise item
            else:
                yield item
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _with_seed(asked: ChatRequest, index: int) -> ChatRequest:
    seed = asked.options.seed
    if seed is None:
        return asked
    # Seeds are 64-bit; one at the very end counts on from 0.
    next_seed = seed + index if seed + index <= _MAX_SEED else index - 1
    return dataclasses.replace(asked, options=dataclasses.replace(asked.options, seed=next_seed))
