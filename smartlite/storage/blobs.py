"""Objects of tenants: audio, answers and what else is kept for somebody. Must not know what they are.

Each is written once, under its tenant, with its SHA-256, and encrypted where a cipher is given. The store is
``smartlite.storage.objects``, whose calls block, so that they run in threads and are waited for within a bound.
"""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
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
_SHA256_BYTES: Final = 32
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
        sealed = data if self._cipher is None else await self._cipher.seal(tenant, key, data)
        await self._run(lambda: self._objects.write(_path(tenant, key), _MAGIC + _sha256(sealed) + sealed))

    async def get(self, tenant: str, key: str) -> bytes | None:
        """An object, or None if there is none.

        Raises:
            StorageCorrupt: 502, it is not what was stored, or another tenant's, or under another key.
            StorageUnavailable: 503.
        """
        found = await self._run(lambda: self._read(_path(tenant, key)))
        return found if found is None or self._cipher is None else await self._cipher.open(tenant, key, found)

    async def delete(self, tenant: str, key: str) -> None:
        """Remove an object; nothing where there is none.

        Raises:
            StorageUnavailable: 503.
        """
        await self._run(lambda: self._objects.delete(_path(tenant, key)))

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

    def _read(self, path: str) -> bytes | None:
        stored = self._objects.read(path)
        if stored is None:
            return None
        begin = len(_MAGIC) + _SHA256_BYTES
        data = stored[begin:]
        if stored[: len(_MAGIC)] != _MAGIC or stored[len(_MAGIC) : begin] != _sha256(data):
            raise StorageCorrupt("A stored object is not what was stored.")
        return data

    async def _run(self, work: Callable[[], T]) -> T:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except TimeoutError as error:
            raise StorageUnavailable("The object store does not answer.") from error
        except ModelStoreError as error:
            raise StorageUnavailable("The object store cannot be used for now.") from error


def _path(tenant: str, key: str) -> str:
    return f"tenants/{tenant or _NOBODY}/{key}"


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
