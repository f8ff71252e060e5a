"""Preprocessing as a replica calls it: off the event loop, a few recordings at a time, ended when nobody waits.

Must not know what is done to the samples.
"""

import asyncio
from threading import Event
from typing import Final

from smartlite.codecs.preprocessing import Prepared, prepare
from smartlite.domain.asr import Preprocessing
from smartlite.domain.audio import AudioChunk
from smartlite.errors import Overloaded, Unprocessable

DEFAULT_TIMEOUT_S: Final = 60.0
"""Longest work on one recording. Half an hour with every step takes 7 s (measured, 2 busy cores)."""


class Preparer:
    """Prepares recordings in threads; a pool of its own kind would only wait beside the decoder's.

    Args:
        workers: Recordings prepared at the same time.
        max_waiting: Requests that may wait for their turn.
        timeout_s: Longest work on one recording, in seconds; waiting does not count.
    """

    def __init__(self, *, workers: int = 1, max_waiting: int = 16, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        self._free = asyncio.Semaphore(workers)
        self._max_waiting = max_waiting
        self._waiting = 0
        self._timeout_s = timeout_s

    async def prepare(self, audio: AudioChunk, asked: Preprocessing) -> Prepared:
        """Do the steps that are asked for or that help. Cancelling ends the work within milliseconds.

        Raises:
            Unprocessable: 422, it took too long.
            Overloaded: 429, too many recordings are waiting.
        """
        if self._free.locked() and self._waiting >= self._max_waiting:
            raise Overloaded(f"{self._max_waiting} recordings are waiting to be prepared already; try again.", "file")
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        stopped = Event()
        try:
            async with asyncio.timeout(self._timeout_s):
                return await asyncio.to_thread(prepare, audio, asked, stopped)
        except TimeoutError as error:
            raise Unprocessable(f"Preparing the audio took longer than {self._timeout_s:g} s.", "file") from error
        finally:
            stopped.set()
            self._free.release()
