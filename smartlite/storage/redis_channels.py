"""Messages from one process to others, by Redis' channels: for those who listen just now. Must not know what they say.

Nothing here is promised. What cannot be sent at once is dropped, a Redis that is away loses messages, and nobody waits
for it: who needs all of them looks where they are kept.
"""

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from smartlite.stopping import stop

MAX_WAITING: Final = 1024
"""Messages that wait to be sent; the oldest are dropped."""
MAX_MESSAGE_BYTES: Final = 1024 * 1024
_TIMEOUT_S: Final = 1.0
_PAUSE_S: Final = 1.0
"""After Redis did not answer."""
_LISTEN_S: Final = 5.0
_MAX_BATCH: Final = 64
_KNOWN: Final = 4096
"""Channels of which is remembered how many listen."""

_logger = logging.getLogger(__name__)
_FAILURES: Final = (RedisError, OSError, TimeoutError, AttributeError)
"""The last one is redis-py's, of a connection that another task has just found closed (8.1: it has no writer)."""


class RedisChannels:
    """Sends and receives. Used in one event loop; connected when there is something to do.

    Args:
        url: ``Settings.redis_url``.
    """

    def __init__(self, url: str) -> None:
        self._pool = ConnectionPool.from_url(
            url,
            max_connections=4,  # one sends, one listens, each may be replaced before it is closed
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            driver_info=None,
        )
        self._redis = Redis(connection_pool=self._pool)
        self._waiting: deque[tuple[str, bytes]] = deque(maxlen=MAX_WAITING)
        self._listeners: OrderedDict[str, int] = OrderedDict()
        self._handlers: dict[str, set[Callable[[bytes], None]]] = {}
        self._pubsub: PubSub | None = None
        self._sending: asyncio.Task[None] | None = None
        self._listening: asyncio.Task[None] | None = None

    def publish(self, channel: str, message: bytes) -> None:
        """Send soon, in the order of the calls; too long a message is dropped."""
        if len(message) > MAX_MESSAGE_BYTES:
            return
        self._waiting.append((channel, message))
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send_all())

    def has_listeners(self, channel: str) -> bool:
        """Whether somebody heard the last message of a channel that was sent."""
        return self._listeners.get(channel, 0) > 0

    @asynccontextmanager
    async def listening(self, channel: str, handler: Callable[[bytes], None]) -> AsyncIterator[None]:
        """Give a handler every message of a channel, from about now on."""
        handlers = self._handlers.setdefault(channel, set())
        handlers.add(handler)
        try:
            if len(handlers) == 1:
                await self._tell("subscribe", channel)
            if self._listening is None or self._listening.done():
                self._listening = asyncio.create_task(self._listen())
            yield
        finally:
            handlers.discard(handler)
            if not handlers and self._handlers.get(channel) is handlers:
                del self._handlers[channel]
                await self._tell("unsubscribe", channel)

    async def close(self) -> None:
        """Close every connection; nothing more is sent."""
        await stop(task for task in (self._sending, self._listening) if task is not None)
        await self._redis.aclose()
        await self._pool.aclose()

    async def _send_all(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), _MAX_BATCH))]
            try:
                async with self._redis.pipeline(transaction=False) as pipeline:
                    for channel, message in batch:
                        pipeline.publish(channel, message)
                    counts = await pipeline.execute(raise_on_error=False)
            except _FAILURES as error:
                _logger.debug("messages were not sent", extra={"reason": repr(error)})
                self._waiting.clear()
                await asyncio.sleep(_PAUSE_S)
                continue
            for (channel, _), count in zip(batch, counts, strict=True):
                self._remember(channel, count if isinstance(count, int) else 0)

    def _remember(self, channel: str, count: int) -> None:
        self._listeners[channel] = count
        self._listeners.move_to_end(channel)
        if len(self._listeners) > _KNOWN:
            self._listeners.popitem(last=False)

    async def _tell(self, method: str, channel: str) -> None:
        """Change what the open connection listens to; a new one listens to all that is wanted."""
        if self._pubsub is not None:
            try:
                await getattr(self._pubsub, method)(channel)
            except _FAILURES as error:
                _logger.debug("a channel was not changed", extra={"reason": repr(error)})

    async def _listen(self) -> None:
        while self._handlers:
            try:
                async with self._redis.pubsub() as pubsub:
                    wanted = set(self._handlers)
                    await pubsub.subscribe(*wanted)
                    self._pubsub = pubsub
                    if added := self._handlers.keys() - wanted:
                        await pubsub.subscribe(*added)
                    while self._handlers:
                        self._hand_out(await pubsub.get_message(ignore_subscribe_messages=True, timeout=_LISTEN_S))
            except _FAILURES as error:
                _logger.debug("channels are not heard", extra={"reason": repr(error)})
                await asyncio.sleep(_PAUSE_S)
            finally:
                self._pubsub = None

    def _hand_out(self, message: dict[str, Any] | None) -> None:
        if message is not None and message["type"] == "message":
            for handler in tuple(self._handlers.get(message["channel"].decode(), ())):
                handler(message["data"])
