"""A bell that every process hears: somebody rings it for a topic, those who wait for that topic look at once.

Must not know what anybody looks at. Nothing is kept and nothing depends on it: who waits also looks by themselves every
so often, seldom while the bell works and often while it does not. Within a process it works without Redis too.
"""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from smartlite.stopping import stop
from smartlite.storage.redis import RedisStore, RedisUnavailable, Script

RUNS: Final = "runs"
"""A run waits to be taken."""
WEBHOOKS: Final = "webhooks"
"""A webhook waits to be sent."""
SLOW_POLL_S: Final = 1.0
"""How often is looked while the bell works."""
_CHANNEL: Final = "smartlite:bell"
_MAX_UNSENT: Final = 1000
"""Topics; more are not sent, and found by those who look."""
_AGAIN_S: Final = 1.0
_PING_EVERY_S: Final = 5.0
_TIMEOUT_S: Final = 2.0
_RING: Final = Script("for i = 1, #ARGV do redis.call('PUBLISH', KEYS[1], ARGV[i]) end return {}")

_logger = logging.getLogger(__name__)


class Bell:
    """One process's part of it. Used in one event loop.

    Args:
        url: ``Settings.redis_url``; empty: only this process hears it. Nothing is connected yet.
    """

    def __init__(self, url: str = "") -> None:
        self._url = url
        self._store = RedisStore(url) if url else None
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._unsent: dict[str, None] = {}
        self._sending: asyncio.Task[None] | None = None
        self._listening: asyncio.Task[None] | None = None
        self._is_heard = False

    @property
    def is_heard(self) -> bool:
        """Whether what other processes ring reaches this one, as far as is known."""
        return self._is_heard

    def pause_s(self, poll_s: float) -> float:
        """How long to wait for the bell before looking all the same; ``poll_s`` where it does not work."""
        return max(poll_s, SLOW_POLL_S) if self._is_heard else poll_s

    def ring(self, topic: str) -> None:
        """Have everybody look who waits for a topic; does not wait, and never fails."""
        self._strike(topic)
        if self._store is None or len(self._unsent) >= _MAX_UNSENT:
            return
        self._unsent[topic] = None
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())

    @contextmanager
    def waiting(self, topic: str, event: asyncio.Event | None = None) -> Iterator[asyncio.Event]:
        """An event that is set whenever somebody rings; whoever waits clears it, looks, and waits then."""
        event = event or asyncio.Event()
        if self._url and (self._listening is None or self._listening.done()):
            self._listening = asyncio.create_task(self._listen_for_ever())
        self._waiting.setdefault(topic, set()).add(event)
        try:
            yield event
        finally:
            events = self._waiting[topic]
            events.discard(event)
            if not events:
                del self._waiting[topic]

    async def wait(self, heard: asyncio.Event, poll_s: float, most_s: float | None = None) -> None:
        """Wait for the bell; without it for ``pause_s(poll_s)``, and for no longer than ``most_s``."""
        pause_s = self.pause_s(poll_s)
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_s if most_s is None else min(pause_s, most_s)):
                await heard.wait()

    async def close(self) -> None:
        """Hear and ring nothing more."""
        await stop(task for task in (self._sending, self._listening) if task is not None)
        self._is_heard = False
        if self._store is not None:
            await self._store.close()

    def _strike(self, topic: str) -> None:
        for event in self._waiting.get(topic, ()):
            event.set()

    async def _send(self) -> None:
        assert self._store is not None  # noqa: S101 - whoever calls has looked
        while self._unsent:
            topics, self._unsent = list(self._unsent), {}
            try:
                await self._store.run(_RING, [_CHANNEL], topics)
            except RedisUnavailable:
                return  # those who wait look by themselves

    async def _listen_for_ever(self) -> None:
        while True:
            try:
                await self._listen()
            except (RedisError, OSError, TimeoutError) as error:
                if self._is_heard:
                    _logger.warning("the bell is not heard", extra={"reason": type(error).__name__})
            finally:
                self._is_heard = False
            await asyncio.sleep(_AGAIN_S)

    async def _listen(self) -> None:
        redis = Redis.from_url(
            self._url,
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            driver_info=None,
        )
        try:
            async with redis.pubsub() as channel:
                await channel.subscribe(_CHANNEL)
                asked = False
                while True:
                    message = await channel.get_message(timeout=_PING_EVERY_S)
                    if message is None:
                        if asked:
                            raise TimeoutError
                        await channel.ping()
                        asked = True
                        continue
                    asked = False
                    if message["type"] == "subscribe":
                        self._is_heard = True
                        self._strike_all()  # what was rung before was not heard
                    elif message["type"] == "message":
                        self._strike(message["data"].decode("utf-8", "replace"))
        finally:
            await redis.aclose()

    def _strike_all(self) -> None:
        for topic in list(self._waiting):
            self._strike(topic)
