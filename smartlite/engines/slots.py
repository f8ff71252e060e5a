"""How many requests an engine computes at once and how many may wait. Must not know what they ask."""

import asyncio

from smartlite.errors import Overloaded


class Slots:
    """Admits requests of one event loop at a time. A new loop finds every slot free."""

    def __init__(self, parallel: int, max_waiting: int, model: str) -> None:
        self._parallel = parallel
        self._max_waiting = max_waiting
        self._model = model
        self._slots: asyncio.Semaphore | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting = 0

    async def take(self) -> asyncio.Semaphore:
        """Wait for a slot; release it when the request is over.

        Raises:
            Overloaded: 429, too many wait already.
        """
        loop = asyncio.get_running_loop()
        if self._slots is None or self._loop is not loop:
            self._slots, self._loop, self._waiting = asyncio.Semaphore(self._parallel), loop, 0
        slots = self._slots
        if slots.locked() and self._waiting >= self._max_waiting:
            raise Overloaded(f"{self._waiting} requests already wait for the model '{self._model}'.")
        self._waiting += 1
        try:
            await slots.acquire()
        finally:
            self._waiting -= 1
        return slots
