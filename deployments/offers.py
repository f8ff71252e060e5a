"""Uploads that one replica offers to the one that decodes them, on this node or another. Must not know what they are.

A replica's own call carries only where the bytes are; whoever works on them fetches them, when it does, by TCP in
pieces, so that they are never in the memory of the replica that offers them, nor in Ray's object store. Whoever fetches
says a secret of 256 bits, which is made for this one upload and forgotten with it.
"""

import asyncio
import hashlib
import logging
import os
import secrets
import socket
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from typing import Final

import ray.util

from smartlite.domain.audio import AudioFile
from smartlite.errors import ReplicaLost
from smartlite.spool import PIECE_BYTES, SpooledAudio

_logger = logging.getLogger(__name__)

_SECRET_BYTES: Final = 32
_MOST_CONNECTIONS: Final = 256
_CONNECT_TIMEOUT_S: Final = 5.0
IDLE_TIMEOUT_S: Final = 30.0
"""Longest wait for the next bytes, of whoever fetches and of whoever offers."""


@dataclass(frozen=True, slots=True)
class OfferedAudio:
    """An AudioFile that another replica has."""

    host: str
    port: int
    secret: bytes
    size_bytes: int
    head: bytes
    filename: str = ""

    async def read(self) -> bytes:
        """See AudioFile.

        Raises:
            ReplicaLost: 503, whoever offered it has ended, or has given it up.
        """
        # A thread of its own: on a slow network it would keep one from the engines, which share a few.
        thread = ThreadPoolExecutor(1, "smartlite-fetch")
        try:
            return await asyncio.get_running_loop().run_in_executor(thread, self._fetch)
        except OSError as error:
            raise ReplicaLost("The upload was lost with the gateway replica that had it. Try again.") from error
        finally:
            thread.shutdown(wait=False)

    async def sha256(self) -> bytes:
        """See AudioFile."""
        return (await asyncio.to_thread(hashlib.sha256, await self.read())).digest()

    def _fetch(self) -> bytes:
        with socket.create_connection((self.host, self.port), _CONNECT_TIMEOUT_S) as connection:
            connection.settimeout(IDLE_TIMEOUT_S)
            connection.sendall(self.secret)
            # A buffered reader that is asked for all of it fills one object: no second copy.
            with closing(connection.makefile("rb")) as source:
                data = source.read(self.size_bytes)
        if len(data) != self.size_bytes:
            raise ConnectionError
        return data


class Offers:
    """What this process offers. Used in one event loop; it listens from the first offer on."""

    def __init__(self, host: str | None = None) -> None:
        """``host``: the address to listen on; None takes that by which Ray knows this node."""
        self._host = host
        self._offered: dict[bytes, SpooledAudio] = {}
        self._server: asyncio.Server | None = None
        self._starting = asyncio.Lock()
        self._connections = 0

    @asynccontextmanager
    async def offered(self, audio: AudioFile) -> AsyncIterator[AudioFile]:
        """The same file, fit to be sent to another replica and fetched from there within the block."""
        if not isinstance(audio, SpooledAudio):
            yield audio
            return
        host, port = await self._address()
        secret = secrets.token_bytes(_SECRET_BYTES)
        self._offered[secret] = audio
        try:
            yield OfferedAudio(host, port, secret, audio.size_bytes, audio.head, audio.filename)
        finally:
            del self._offered[secret]

    async def close(self) -> None:
        """Offer nothing any more."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _address(self) -> tuple[str, int]:
        async with self._starting:
            host = self._host = self._host or ray.util.get_node_ip_address()
            if self._server is None:
                self._server = await asyncio.start_server(self._give, host, 0)
        return host, self._server.sockets[0].getsockname()[1]

    async def _give(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._connections >= _MOST_CONNECTIONS:
            writer.close()
            return
        self._connections += 1
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                secret = await reader.readexactly(_SECRET_BYTES)
            audio = self._offered.get(secret)
            if audio is not None:
                await _send(audio, writer)
        except (OSError, asyncio.IncompleteReadError) as error:  # TimeoutError is one
            _logger.warning("an upload was not fetched", extra={"reason": type(error).__name__})
        finally:
            self._connections -= 1
            writer.close()


async def _send(audio: SpooledAudio, writer: asyncio.StreamWriter) -> None:
    descriptor = audio.spool.duplicate()  # its request may end, and close the file, while it is sent
    try:
        for begin in range(0, audio.size_bytes, PIECE_BYTES):
            writer.write(await asyncio.to_thread(os.pread, descriptor, PIECE_BYTES, begin))
            async with asyncio.timeout(IDLE_TIMEOUT_S):
                await writer.drain()
    finally:
        os.close(descriptor)
