"""Objects of tenants: audio, answers and what else is kept for somebody. Must not know what they are.

Each is written once, under its tenant, with its SHA-256, and encrypted where a cipher is given; one that is never held
as a whole is in parts beside it. The store is
``smartlite.storage.objects``, whose calls block, so that they run in threads and are waited for within a bound.
"""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol, TypeVar

from smartlite.errors import ModelStoreError, StorageCorrupt, StorageUnavailable
from smartlite.storage.objects import FsspecObjectStore

T = TypeVar("T")

TIMEOUT_S: Final = 15.0
"""Longest wait for one object, in seconds: 64 MiB at 5 MB/s."""
THREADS: Final = 8
"""Calls at once. One that hangs keeps its thread, and those that then wait for one end after ``TIMEOUT_S`` too."""
_MAGIC: Final = b"SLO1"
_MAGIC_OF_PARTS: Final = b"SLP1"
"""Of an object that only says how many parts there are."""
_COUNT_BYTES: Final = 4
_SHA256_BYTES: Final = 32
_logger = logging.getLogger(__name__)
_NOBODY: Final = "-"
"""The folder of what belongs to no user, which no id is."""


class Seals(Protocol):
    """What encrypts; ``smartlite.storage.encryption.Cipher`` is one."""

    async def seal(self, tenant: str, name: str, data: bytes) -> bytes:
        """Encrypt."""
        ...

    async def open(self, tenant: str, name: str, data: bytes) -> bytes:
        """Decrypt; what was not encrypted comes back as it is."""
        ...


class BlobStore:
    """Objects by tenant and key.

    Args:
        objects: Where they are.
        cipher: Encrypts them; None: they are stored as they are.
        timeout_s: Longest wait for one call, in seconds.
    """

    def __init__(self, objects: FsspecObjectStore, cipher: Seals | None = None, timeout_s: float = TIMEOUT_S) -> None:
        self._objects = objects
        self._cipher = cipher
        self._timeout_s = timeout_s
        self._threads = ThreadPoolExecutor(THREADS, "smartlite-blobs")

    async def put(self, tenant: str, key: str, data: bytes) -> None:
        """Store an object, once.

        Raises:
            AlreadyExists: 400, there is one of this key.
            StorageUnavailable: 503.
        """
        await self._put(tenant, key, data, _MAGIC)

    async def put_pieces(self, tenant: str, key: str, pieces: AsyncIterable[bytes]) -> None:
        """Store an object, once, of which one piece is held at a time; ``get`` gives it as a whole.

        Its parts are keys of their own that begin with ``key``.

        Raises:
            AlreadyExists: 400, there is one of this key.
            StorageUnavailable: 503.
        """
        count = 0
        try:
            async for piece in pieces:
                await self._put(tenant, _part(key, count), piece, _MAGIC)
                count += 1
            await self._put(tenant, key, count.to_bytes(_COUNT_BYTES, "big"), _MAGIC_OF_PARTS)
        except BaseException:
            await asyncio.shield(self._forget_parts(tenant, key, count))
            raise

    async def get(self, tenant: str, key: str) -> bytes | None:
        """An object, or None if there is none.

        Raises:
            StorageCorrupt: 502, it is not what was stored, or another tenant's, or under another key.
            StorageUnavailable: 503.
        """
        found = await self._run(lambda: self._read(_path(tenant, key)))
        if found is None:
            return None
        magic, sealed = found
        data = sealed if self._cipher is None else await self._cipher.open(tenant, _name(key, magic), sealed)
        return data if magic == _MAGIC else await self._joined(tenant, key, int.from_bytes(data, "big"))

    async def delete(self, tenant: str, key: str) -> None:
        """Remove an object; nothing where there is none.

        Raises:
            StorageUnavailable: 503.
        """
        await self._run(lambda: self._objects.delete(_path(tenant, key)))

    async def delete_pieces(self, tenant: str, key: str) -> None:
        """Remove an object with its parts, where it is in parts; nothing where there is none.

        Raises:
            StorageUnavailable: 503.
        """
        for part in await self.list(tenant, _parts(key)):
            await self.delete(tenant, part)
        await self.delete(tenant, key)

    async def list(self, tenant: str, prefix: str = "") -> Sequence[str]:
        """A tenant's keys that begin with ``prefix``, sorted.

        Raises:
            StorageUnavailable: 503.
        """
        root = _path(tenant, "")
        return [path.removeprefix(root) for path in await self._run(lambda: self._objects.list(root + prefix))]

    def close(self) -> None:
        """End the threads that are idle; the others end with what they wait for."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _put(self, tenant: str, key: str, data: bytes, magic: bytes) -> None:
        sealed = data if self._cipher is None else await self._cipher.seal(tenant, _name(key, magic), data)
        await self._run(lambda: self._objects.write(_path(tenant, key), magic + _sha256(sealed) + sealed))

    async def _joined(self, tenant: str, key: str, count: int) -> bytes:
        whole = bytearray()
        for number in range(count):
            part = await self.get(tenant, _part(key, number))
            if part is None:
                raise StorageCorrupt("A part of a stored object is missing.")
            whole += part
        return bytes(whole)

    async def _forget_parts(self, tenant: str, key: str, count: int) -> None:
        try:
            for number in range(count):
                await self.delete(tenant, _part(key, number))
        except StorageUnavailable as error:
            _logger.warning("parts of an object are left behind", extra={"key": key, "reason": error.message})

    def _read(self, path: str) -> tuple[bytes, bytes] | None:
        """What kind of object it is, and its bytes."""
        stored = self._objects.read(path)
        if stored is None:
            return None
        begin = len(_MAGIC) + _SHA256_BYTES
        magic, data = stored[: len(_MAGIC)], stored[begin:]
        if magic not in {_MAGIC, _MAGIC_OF_PARTS} or stored[len(_MAGIC) : begin] != _sha256(data):
            raise StorageCorrupt("A stored object is not what was stored.")
        return magic, data

    async def _run(self, work: Callable[[], T]) -> T:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except TimeoutError as error:
            raise StorageUnavailable("The object store does not answer.") from error
        except ModelStoreError as error:
            raise StorageUnavailable("The object store cannot be used for now.") from error


def _name(key: str, magic: bytes) -> str:
    """What an object is encrypted under: one that says how many parts there are is not taken for another."""
    return key if magic == _MAGIC else f"{key}.parts"


def _part(key: str, number: int) -> str:
    return f"{_parts(key)}{number:05}"


def _parts(key: str) -> str:
    return f"{key}.part-"


def _path(tenant: str, key: str) -> str:
    return f"tenants/{tenant or _NOBODY}/{key}"


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
