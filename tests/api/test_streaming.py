"""Waiting for the first item, and stopping when the client leaves."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message

from smartlite.api.streaming import CLIENT_LEFT, peek, stopped_when_client_leaves
from smartlite.errors import ReplicaLost


class Source:
    def __init__(self, *items: int, error: Exception | None = None) -> None:
        self.items = items
        self.error = error
        self.closed = False

    async def stream(self) -> AsyncGenerator[int, None]:
        try:
            for item in self.items:
                yield item
            if self.error is not None:
                raise self.error
        finally:
            self.closed = True


async def never() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


async def gone() -> Message:
    return {"type": "http.disconnect"}


async def test_a_peeked_stream_has_every_item_in_order() -> None:
    peeked = await peek(Source(1, 2, 3).stream())
    assert [item async for item in peeked] == [1, 2, 3]


async def test_a_stream_that_is_empty_stays_empty() -> None:
    assert [item async for item in await peek(Source().stream())] == []


async def test_an_error_before_the_first_item_is_raised_at_once() -> None:
    source = Source(error=ReplicaLost("gone"))
    with pytest.raises(ReplicaLost):
        await peek(source.stream())
    assert source.closed


async def test_an_error_after_the_first_item_is_raised_where_it_is() -> None:
    peeked = await peek(Source(1, error=ReplicaLost("gone")).stream())
    assert await anext(peeked) == 1
    with pytest.raises(ReplicaLost):
        await anext(peeked)


async def test_closing_before_anything_is_read_closes_the_source() -> None:
    source = Source(1, 2)
    async with aclosing(await peek(source.stream())) as peeked:
        assert not source.closed
    assert source.closed
    assert [item async for item in peeked] == []


async def test_work_is_cancelled_when_the_client_leaves() -> None:
    cancelled = asyncio.Event()

    async def work() -> None:
        async with stopped_when_client_leaves({}, gone):
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()

    with pytest.raises(ClientDisconnect):
        await work()
    assert cancelled.is_set()
    await asyncio.sleep(0)  # the task itself is not cancelled any more


async def test_work_that_ends_first_is_left_alone() -> None:
    async with stopped_when_client_leaves({}, never):
        await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 1


async def test_an_error_of_the_work_passes_through() -> None:
    with pytest.raises(ReplicaLost):
        async with stopped_when_client_leaves({}, never):
            raise ReplicaLost("gone")


async def test_cancellation_from_outside_stays_a_cancellation() -> None:
    started = asyncio.Event()

    async def work() -> None:
        async with stopped_when_client_leaves({}, never):
            started.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(asyncio.all_tasks()) == 1


async def test_a_body_that_still_arrives_is_no_hang_up() -> None:
    messages: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else await never()

    async with stopped_when_client_leaves({}, receive):
        for _ in range(3):
            await asyncio.sleep(0)
    assert not messages


async def test_where_the_server_cancels_nobody_watches_and_it_is_the_client_that_left() -> None:
    started = asyncio.Event()
    scope: dict[str, Any] = {CLIENT_LEFT: False}

    async def work() -> None:
        async with stopped_when_client_leaves(scope, never):
            started.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await started.wait()
    assert asyncio.all_tasks() == {asyncio.current_task(), task}
    scope[CLIENT_LEFT] = True
    task.cancel()
    with pytest.raises(ClientDisconnect):
        await task


async def test_where_the_server_cancels_another_cancellation_stays_one() -> None:
    started = asyncio.Event()

    async def work() -> None:
        async with stopped_when_client_leaves({CLIENT_LEFT: False}, never):
            started.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
