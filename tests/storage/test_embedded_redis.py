"""The Redis that the platform brings along: reachable by its user alone, started again, gone at the end."""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from smartlite.edge import tether
from smartlite.storage.embedded_redis import EmbeddedRedis
from smartlite.storage.redis import RedisStore, RedisUnavailable

pytestmark = pytest.mark.integration


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not there yet; its path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="smartlite-test-") as parent:
        yield Path(parent) / "redis"


def mode(path: Path) -> int | None:
    """Who may do what; None where there is nothing."""
    return path.stat().st_mode & 0o777 if path.exists() else None


async def answers(url: str) -> bool:
    store = RedisStore(url)
    try:
        await store.check()
    except RedisUnavailable:
        return False
    finally:
        await store.close()
    return True


async def test_it_answers_on_a_socket_that_only_its_user_reaches_and_leaves_nothing(folder: Path) -> None:
    async with EmbeddedRedis(folder) as redis:
        assert await answers(redis.url)
        assert mode(folder) == 0o700
        assert mode(folder / "redis.sock") == 0o600
    assert mode(folder) is None
    assert redis.pid is None


async def test_it_is_started_again_when_it_ends(folder: Path) -> None:
    async with EmbeddedRedis(folder) as redis:
        first = redis.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        async with asyncio.timeout(10):
            while redis.pid in {first, None} or not await answers(redis.url):  # noqa: ASYNC110 - a process' end
                await asyncio.sleep(0.02)


async def test_a_tether_becomes_redis(folder: Path) -> None:
    before = (sys.executable, "-I", "-S", tether.__file__, str(os.getpid()))
    async with EmbeddedRedis(folder, before) as redis:
        assert await answers(redis.url)


async def test_a_folder_that_somebody_else_has_made_is_not_used(folder: Path) -> None:
    with pytest.raises(FileExistsError):
        await EmbeddedRedis(folder.parent).start()
    assert mode(folder.parent)
