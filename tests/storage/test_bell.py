"""The bell over a real Redis, which ends, hangs and comes back: who waits is told, and never only by it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from smartlite.storage.bell import SLOW_POLL_S, Bell
from tests.storage.redis_server import RedisServer

pytestmark = pytest.mark.integration


@pytest.fixture
def server() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    yield server
    server.close()


@pytest.fixture
async def bells(server: RedisServer) -> AsyncIterator[tuple[Bell, Bell]]:
    """Of two processes."""
    bells = Bell(server.url), Bell(server.url)
    yield bells
    for bell in bells:
        await bell.close()


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not is_so():  # noqa: ASYNC110 - nobody tells when
            await asyncio.sleep(0.01)


async def told(event: asyncio.Event) -> None:
    async with asyncio.timeout(30):
        await event.wait()


async def test_who_waits_for_a_topic_is_told_and_nobody_else(bells: tuple[Bell, Bell]) -> None:
    ringing, hearing = bells
    with hearing.waiting("runs") as runs, hearing.waiting("webhooks") as webhooks:
        await until(lambda: hearing.is_heard)
        for event in (runs, webhooks):
            event.clear()
        ringing.ring("other")
        ringing.ring("runs")
        await told(runs)
        assert not webhooks.is_set()


async def test_within_a_process_it_needs_no_redis() -> None:
    bell = Bell()
    with bell.waiting("runs") as runs:
        bell.ring("runs")
        assert runs.is_set()
    assert (bell.is_heard, bell.pause_s(0.2)) == (False, 0.2)


async def test_who_waits_looks_seldom_while_it_works_and_often_while_it_does_not(
    bells: tuple[Bell, Bell], server: RedisServer
) -> None:
    ringing, hearing = bells
    with hearing.waiting("runs") as runs:
        await until(lambda: hearing.is_heard)
        assert hearing.pause_s(0.2) == SLOW_POLL_S
        server.kill()
        await until(lambda: not hearing.is_heard)
        assert hearing.pause_s(0.2) == 0.2
        ringing.ring("runs")
        server.start()
        await until(lambda: hearing.is_heard)
        await told(runs)  # by coming back: what was rung meanwhile nobody heard


async def test_a_redis_that_hangs_is_noticed(bells: tuple[Bell, Bell], server: RedisServer) -> None:
    _, hearing = bells
    with hearing.waiting("runs"):
        await until(lambda: hearing.is_heard)
        server.freeze()
        await until(lambda: not hearing.is_heard)
        server.thaw()
        await until(lambda: hearing.is_heard)
