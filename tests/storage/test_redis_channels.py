"""Messages by channels of a real Redis, which may go away."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from smartlite.storage.redis_channels import MAX_MESSAGE_BYTES, RedisChannels
from tests.storage.redis_server import RedisServer

pytestmark = [pytest.mark.integration, pytest.mark.enable_socket]


@pytest.fixture
def server() -> Iterator[RedisServer]:
    server = RedisServer()
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture
async def channels(server: RedisServer) -> AsyncIterator[RedisChannels]:
    channels = RedisChannels(server.url)
    yield channels
    await channels.close()


async def heard_by(channels: RedisChannels, name: str, heard: list[bytes], sender: RedisChannels) -> None:
    """Send until somebody hears; the first message may be lost before the channel is open."""
    async with asyncio.timeout(20):
        while not heard:
            sender.publish(name, b"hello")
            await asyncio.sleep(0.01)
    heard.clear()


async def test_only_those_who_listen_hear_and_only_their_channel(server: RedisServer, channels: RedisChannels) -> None:
    other = RedisChannels(server.url)
    first: list[bytes] = []
    second: list[bytes] = []
    async with channels.listening("one", first.append), channels.listening("two", second.append):
        await heard_by(channels, "one", first, other)
        await heard_by(channels, "two", second, other)
        for number in range(100):
            other.publish("one", b"%d" % number)
        async with asyncio.timeout(10):
            while b"99" not in first:  # noqa: ASYNC110 - another process sends
                await asyncio.sleep(0.01)
        assert [each for each in first if each != b"hello"] == [b"%d" % number for number in range(100)]
        assert b"99" not in second
        assert other.has_listeners("one")
    await other.close()


async def test_where_nobody_listens_that_is_known(channels: RedisChannels) -> None:
    channels.publish("nobody", b"hello")
    async with asyncio.timeout(10):
        while "nobody" not in channels._listeners:  # noqa: ASYNC110 - another process answers
            await asyncio.sleep(0.01)
    assert not channels.has_listeners("nobody")


async def test_too_long_a_message_is_not_sent(channels: RedisChannels) -> None:
    channels.publish("one", b"x" * (MAX_MESSAGE_BYTES + 1))
    assert not channels._waiting


async def test_those_who_listen_hear_again_once_redis_is_back(server: RedisServer, channels: RedisChannels) -> None:
    heard: list[bytes] = []
    async with channels.listening("one", heard.append):
        await heard_by(channels, "one", heard, channels)
        server.kill()
        channels.publish("one", b"lost")
        await asyncio.sleep(0.05)
        server.start()
        await heard_by(channels, "one", heard, channels)
