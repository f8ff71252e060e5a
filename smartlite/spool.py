"""Bytes of one request that may be too many to hold: a few stay in memory, more go to a file without a name.

Must not know HTTP, nor what the bytes are. The file has no name from its first moment on (O_TMPFILE), so that nothing
is left of it when the process ends, however it ends.
"""

import asyncio
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import BinaryIO, Final, TypeVar, cast

from smartlite.errors import Unavailable

T = TypeVar("T")

IN_MEMORY_BYTES: Final = 1024 * 1024
"""As much is held, and as much is written at once of what is more."""
HEAD_BYTES: Final = 64
"""Of the first bytes, which are always at hand."""
PIECE_BYTES: Final = 256 * 1024
"""Read at once."""


class Spool:
    """Takes bytes, then gives them again. Used in one event loop, by one writer and then by any readers.

    Args:
        in_memory_bytes: What is held before there is a file.
    """

    def __init__(self, in_memory_bytes: int = IN_MEMORY_BYTES) -> None:
        self._in_memory_bytes = in_memory_bytes
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._file: BinaryIO | None = None
        self._written_bytes = 0
        self._working: asyncio.Future[object] | None = None
        self.head = b""
        """The first ``HEAD_BYTES``, or all where there are fewer."""

    @property
    def size_bytes(self) -> int:
        """All that was written."""
        return self._written_bytes + self._held_bytes

    @property
    def is_held(self) -> bool:
        """Whether all of it is in memory."""
        return self._file is None

    async def write(self, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            Unavailable: 503, the disk is full or fails.
        """
        if len(self.head) < HEAD_BYTES:
            self.head += data[: HEAD_BYTES - len(self.head)]
        self._held.append(data)
        self._held_bytes += len(data)
        if self._held_bytes > self._in_memory_bytes:
            await self._flush()

    async def finish(self) -> None:
        """Nothing more comes: what is in a file is there as a whole.

        Raises:
            Unavailable: 503, as ``write``.
        """
        if self._file is not None and self._held:
            await self._flush()

    async def read(self) -> bytes:
        """All of it."""
        return await self.piece(0, self.size_bytes)

    async def piece(self, begin: int, most_bytes: int = PIECE_BYTES) -> bytes:
        """At most so many bytes from a place on; none behind the end."""
        file = self._file
        if file is None:
            return self._whole()[begin : begin + most_bytes]
        return await self._in_thread(lambda: os.pread(file.fileno(), most_bytes, begin))

    async def pieces(self, most_bytes: int) -> AsyncIterator[bytes]:
        """All of it, so many bytes at a time."""
        for begin in range(0, self.size_bytes, most_bytes):
            yield await self.piece(begin, most_bytes)

    async def sha256(self) -> bytes:
        """Of all of it."""
        file = self._file
        if file is None:
            return hashlib.sha256(self._whole()).digest()
        return await self._in_thread(lambda: _hash(file, self.size_bytes))

    def duplicate(self) -> int:
        """A descriptor of the file of its own, which outlives ``close``; its caller closes it."""
        assert self._file is not None  # noqa: S101 - only asked for what is not held
        return os.dup(self._file.fileno())

    def close(self) -> None:
        """Forget the bytes. A thread that still works on the file is waited for, without blocking."""
        file, self._file = self._file, None
        self._held, self._held_bytes = [], 0
        if file is None:
            return
        if self._working is not None and not self._working.done():
            # Closed under it, its descriptor could be another file's by the time that it writes.
            self._working.add_done_callback(lambda _: file.close())
        else:
            file.close()

    async def _flush(self) -> None:
        data, self._held, self._held_bytes = self._held, [], 0
        try:
            file = await asyncio.to_thread(_open) if self._file is None else self._file
            self._file = file
            await self._in_thread(lambda: _append(file, data))
        except OSError as error:
            raise Unavailable("The upload cannot be kept on the gateway's disk: it is full, or it fails.") from error
        self._written_bytes += sum(map(len, data))

    def _whole(self) -> bytes:
        if len(self._held) > 1:
            self._held = [b"".join(self._held)]
        return self._held[0] if self._held else b""

    async def _in_thread(self, work: Callable[[], T]) -> T:
        future = asyncio.get_running_loop().run_in_executor(None, work)
        self._working = cast("asyncio.Future[object]", future)
        return await asyncio.shield(future)


@dataclass(frozen=True, slots=True)
class SpooledAudio:
    """An AudioFile that is in a file of this process."""

    spool: Spool
    filename: str
    """See AudioFile."""

    @property
    def size_bytes(self) -> int:
        """See AudioFile."""
        return self.spool.size_bytes

    @property
    def head(self) -> bytes:
        """See AudioFile."""
        return self.spool.head

    async def read(self) -> bytes:
        """See AudioFile."""
        return await self.spool.read()

    async def sha256(self) -> bytes:
        """See AudioFile."""
        return await self.spool.sha256()


def _append(file: BinaryIO, pieces: list[bytes]) -> None:
    for piece in pieces:
        rest = memoryview(piece)
        while rest:
            rest = rest[file.write(rest) :]


def _hash(file: BinaryIO, size_bytes: int) -> bytes:
    found = hashlib.sha256()
    for begin in range(0, size_bytes, PIECE_BYTES):
        found.update(os.pread(file.fileno(), PIECE_BYTES, begin))
    return found.digest()


def _open() -> BinaryIO:
    return cast("BinaryIO", tempfile.TemporaryFile(buffering=0, prefix="smartlite-upload-"))
