"""The audio gate: decoder processes shared by the requests of one replica. Must not know PyAV, Ray or HTTP."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from smartlite.codecs.decoder_process import DecoderProcess
from smartlite.codecs.limits import AudioLimits
from smartlite.codecs.sniff import Container, sniff_container
from smartlite.domain.audio import RECOGNITION_SAMPLE_RATE_HZ, AudioChunk, EncodedAudio
from smartlite.errors import AudioInvalid, ConfigurationError, Overloaded, Unavailable

logger = logging.getLogger(__name__)

DEFAULT_TIMEOUT_S: Final = 30.0
"""Longest decoding of one file. Half an hour of stereo mp3 takes 4 s (measured, 2 busy cores)."""


class DecoderPool:
    """Decodes what somebody sent, out of process, one file per process at a time.

    Use as ``async with DecoderPool() as pool`` or call ``start`` and ``close``.
    """

    def __init__(
        self,
        limits: AudioLimits | None = None,
        *,
        workers: int = 1,
        max_waiting: int = 16,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> None:
        """Prepare, start nothing.

        Args:
            limits: What a file may be; by default ``AudioLimits()``.
            workers: Processes; each takes 50 to 80 MB and one core while it decodes.
            max_waiting: Requests that may wait for a process.
            timeout_s: Longest work on one file, in seconds; waiting does not count.
        """
        self._limits = limits or AudioLimits()
        self._max_waiting = max_waiting
        self._waiting = 0
        self._workers = [_Worker(self._limits, timeout_s) for _ in range(workers)]
        self._idle = list(self._workers)
        self._free = asyncio.Semaphore(workers)

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the decoders that run now."""
        return tuple(pid for worker in self._workers if (pid := worker.process.pid) is not None)

    async def start(self) -> None:
        """Start the processes that do not run and wait until they are ready; cheap where all do.

        Raises:
            ConfigurationError: The decoder does not start here.
        """
        await asyncio.gather(*(worker.start() for worker in self._workers))

    async def close(self) -> None:
        """End the processes; files being decoded end with Unavailable. Safe to call twice and without start."""
        await asyncio.gather(*(worker.close() for worker in self._workers))

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def decode(self, audio: EncodedAudio, sample_rate_hz: int = RECOGNITION_SAMPLE_RATE_HZ) -> AudioChunk:
        """Decode a file to mono samples. Cancelling ends the work at once.

        Raises:
            AudioEmpty: 400, no bytes or no samples.
            AudioTooLarge, AudioTooLong: 413.
            UnsupportedMediaType: 415, not one of the media we take, or it refers to other files.
            AudioInvalid, AudioNotFinite, ChannelsUnsupported, SampleRateUnsupported: 422.
            Unprocessable: 422, decoding took too long.
            Overloaded: 429, too many files are waiting.
            Unavailable: 503, the decoder does not start again, or the pool was closed.
        """
        container = sniff_container(audio.data, self._limits)
        if self._free.locked() and self._waiting >= self._max_waiting:
            raise Overloaded(f"{self._max_waiting} files are waiting to be decoded already; try again.", "file")
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        worker = self._idle.pop()
        try:
            samples = await worker.decode(audio.data, container, sample_rate_hz)
        finally:
            self._idle.append(worker)
            self._free.release()
        return AudioChunk(samples, sample_rate_hz)


class _Worker:
    """A decoder process and the one thread that owns it."""

    def __init__(self, limits: AudioLimits, timeout_s: float) -> None:
        self.process = DecoderProcess(limits, timeout_s)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="decoder")
        self._closed = False

    async def start(self) -> None:
        if self._closed or self.process.is_running:
            return  # Perhaps busy: a health check does not wait for a file.
        await asyncio.get_running_loop().run_in_executor(self._thread, self.process.ensure_started)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self.process.kill()
        self._thread.submit(self.process.close)
        await asyncio.to_thread(self._thread.shutdown)

    async def decode(self, data: bytes, container: Container, sample_rate_hz: int) -> NDArray[np.float32]:
        if self._closed:
            raise Unavailable(_CLOSED, "file")
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, self.process.decode, data, container, sample_rate_hz)
        except asyncio.CancelledError:
            self.process.kill()
            self._restart_later()
            raise
        except AudioInvalid as error:
            if self._closed:
                raise Unavailable(_CLOSED, "file") from error
            raise
        except ConfigurationError as error:
            raise Unavailable("The audio decoder does not start again.", "file") from error
        finally:
            if not self.process.is_running:
                self._restart_later()

    def _restart_later(self) -> None:
        """Have a process ready before the next file comes; a file that comes at once waits for it in this thread."""
        if not self._closed:
            self._thread.submit(self._restart)

    def _restart(self) -> None:
        try:
            if not self._closed:
                self.process.ensure_started()
        except ConfigurationError as error:
            logger.error("%s", error)  # The next file tries again and tells its client.


_CLOSED: Final = "The audio decoder is shutting down."
