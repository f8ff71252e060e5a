"""The places of a replica: how many requests work there at once, whichever way they came. Must not know what they do.

Serve counts calls, and one call may carry many requests: so they are counted here too, each as one.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Final

from ray import serve
from ray.serve.exceptions import RayServeException

from deployments.batch_messages import Room

UNLIMITED: Final = Room(1_000_000, -1)
patience_s: Final[ContextVar[float | None]] = ContextVar("smartlite_patience_s", default=None)
"""How long the request of this task waits for a place, in seconds; None: as long as its caller does."""


class NoPlace(Exception):
    """A request's patience ended before it had a place; nothing of it was begun."""


class Places:
    """Gives places in the order in which they are asked for. Used in one event loop.

    Args:
        count: How many there are; asked each time, since Serve changes it without a new replica.
    """

    def __init__(self, count: Callable[[], int]) -> None:
        self._count = count
        self._taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Hold a place.

        Raises:
            NoPlace: There was none for as long as the task's ``patience_s`` says.
        """
        if self._waiting or self._taken >= self._count():
            await self._wait()
        else:
            self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
            self._hand_on()

    async def _wait(self) -> None:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            async with asyncio.timeout(patience_s.get()):
                await place
        except BaseException as error:
            if place.done() and not place.cancelled():
                self._taken -= 1
                self._hand_on()
            elif place in self._waiting:
                self._waiting.remove(place)
            if isinstance(error, TimeoutError):
                raise NoPlace from None
            raise

    def _hand_on(self) -> None:
        while self._waiting and self._taken < self._count():
            place = self._waiting.popleft()
            if not place.done():
                self._taken += 1
                place.set_result(None)


def room_of_this_replica() -> Room:
    """What the configuration lets this replica take; no bound outside Serve, where nothing comes in batches."""
    try:
        # Serve shows a replica its own limits nowhere else.
        config = serve.get_replica_context()._deployment_config
    except RayServeException:
        return UNLIMITED
    return Room(config.max_ongoing_requests, config.max_queued_requests)
