"""Encryption of what is stored: envelope encryption with AES-256-GCM. Must not know what is encrypted.

Each tenant's data has keys of its own (data keys). They are in the database, wrapped by a key that only the environment
has. Whoever has the database, the disks and the objects, but not the environment, reads nothing. What was stored before
encryption was switched on begins without our mark, and is read as it is.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from smartlite.domain.ids import new_id
from smartlite.errors import ConfigurationError, StorageCorrupt
from smartlite.storage import data_keys
from smartlite.storage.data_keys import DataKey
from smartlite.storage.database import Database, retried

FRESH: Final = timedelta(seconds=30)
"""So long a process goes on with the data key that it knows after somebody rotated it."""
MARK: Final = b"\x89SLE\x01"
"""How encrypted data begins: no text and no file of audio does."""
_NONCE_BYTES: Final = 12
"""Random, so that one data key is good for 2^32 pieces (NIST SP 800-38D, section 8.3)."""
_KEY_BITS: Final = 256
_IN_THREAD_BYTES: Final = 256 * 1024
_REWRAPPED_AT_ONCE: Final = 100
_MAX_REMEMBERED: Final = 10_000

_logger = logging.getLogger(__name__)


class Cipher:
    """Encrypts and decrypts, with the keys of one database. One for each process; used in its event loop.

    Args:
        database: Where the wrapped data keys are.
        keys: Those of the environment by id, the one that wraps first; none: nothing is encrypted.
        clock: Tells the time in UTC.
    """

    def __init__(
        self,
        database: Database,
        keys: Mapping[str, bytes],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._wrapping = {name: AESGCM(key) for name, key in keys.items()}
        self._clock = clock
        self._opened: dict[str, tuple[str, AESGCM]] = {}
        self._current: dict[str, tuple[str, datetime]] = {}

    @property
    def encrypts(self) -> bool:
        """Whether there is a key to encrypt with."""
        return bool(self._wrapping)

    async def seal(self, tenant: str, name: str, data: bytes) -> bytes:
        """Encrypt a piece of data; without a key it stays as it is.

        Args:
            tenant: Whose it is; empty: the platform's own.
            name: What tells it from all others of the tenant: under another name it does not open.
            data: Of any length up to 2 GiB.

        Raises:
            Unavailable: 503, the database cannot be asked for a data key.
            StorageCorrupt: 502, the data key does not open.
        """
        if not self._wrapping:
            return data
        key_id, key = await self._key_of(tenant)
        head = MARK + bytes([len(key_id)]) + key_id.encode()
        nonce = os.urandom(_NONCE_BYTES)
        return head + nonce + await _on(data, lambda: key.encrypt(nonce, data, _bound(tenant, name, head)))

    async def open(self, tenant: str, name: str, data: bytes) -> bytes:
        """Decrypt what ``seal`` made; what was never encrypted comes back as it is.

        Raises:
            StorageCorrupt: 502, it was changed, or it is another tenant's or has another name, or its key is missing.
            Unavailable: 503, the database cannot be asked for the data key.
        """
        if not data.startswith(MARK):
            return data
        begin = len(MARK) + 1
        end = begin + data[len(MARK)] if len(data) > len(MARK) else begin
        head, nonce, sealed = data[:end], data[end : end + _NONCE_BYTES], data[end + _NONCE_BYTES :]
        owner, key = await self._opened_key(head[begin:].decode("ascii", "replace"))
        try:
            if owner != tenant:
                raise InvalidTag
            return await _on(sealed, lambda: key.decrypt(nonce, sealed, _bound(tenant, name, head)))
        except (InvalidTag, ValueError) as error:
            raise StorageCorrupt("Encrypted data is not what was stored, or not where it was stored.") from error

    async def rotate(self) -> int:
        """Have new data keys made for what is written from now on; the old ones still open what they encrypted.

        Returns:
            How many were retired.
        """

        async def work() -> int:
            async with self._database.writing() as session:
                return await data_keys.retire(session, self._clock())

        retired = await retried(work)
        self._current.clear()
        return retired

    async def rewrap(self) -> int:
        """Wrap every data key with the first key, so that the others may be taken from the environment.

        Returns:
            How many were wrapped by another one.

        Raises:
            ConfigurationError: There is no key.
            StorageCorrupt: A data key does not open; those before it are done.
        """
        if not self._wrapping:
            raise ConfigurationError("There is no key to wrap with: see SMARTLITE_ENCRYPTION_KEYS.", "encryption_keys")
        first = next(iter(self._wrapping))
        count, after = 0, ""
        while True:
            async with self._database.reading() as session:
                found = await data_keys.page(session, after, _REWRAPPED_AT_ONCE)
            if not found:
                return count
            for key in found:
                if key.wrapped_by != first:
                    count += await self._rewrap(key, first)
            after = found[-1].id

    async def wrapped_by(self) -> Mapping[str, int]:
        """How many data keys each key opens, those included that the environment does not have."""
        counts, after = dict.fromkeys(self._wrapping, 0), ""
        while True:
            async with self._database.reading() as session:
                found = await data_keys.page(session, after, _REWRAPPED_AT_ONCE)
            if not found:
                return counts
            for key in found:
                counts[key.wrapped_by] = counts.get(key.wrapped_by, 0) + 1
            after = found[-1].id

    async def _key_of(self, tenant: str) -> tuple[str, AESGCM]:
        """The data key for what a tenant writes now; made where there is none."""
        known = self._current.get(tenant)
        if known is None or not known[1] <= self._clock() < known[1] + FRESH:
            if len(self._current) >= _MAX_REMEMBERED:
                self._current.clear()
            asked_at = self._clock()
            async with self._database.reading() as session:
                found = await data_keys.current(session, tenant)
            # Two that make one at the same time both may: each piece of data names the key that it is encrypted with.
            known = ((found or await self._make(tenant)).id, asked_at)
            self._current[tenant] = known
        return known[0], (await self._opened_key(known[0]))[1]

    async def _make(self, tenant: str) -> DataKey:
        first = next(iter(self._wrapping))
        key_id = new_id("dek")
        made = AESGCM.generate_key(_KEY_BITS)
        key = DataKey(key_id, tenant, first, self._wrap(first, key_id, tenant, made), self._clock())

        async def work() -> None:
            async with self._database.writing() as session:
                await data_keys.add(session, key)

        await retried(work)
        return key

    async def _rewrap(self, key: DataKey, first: str) -> bool:
        wrapped = self._wrap(first, key.id, key.tenant, self._unwrap(key))

        async def work() -> bool:
            async with self._database.writing() as session:
                return await data_keys.rewrap(session, key, first, wrapped)

        return await retried(work)

    async def _opened_key(self, key_id: str) -> tuple[str, AESGCM]:
        """A data key, and whose it is."""
        known = self._opened.get(key_id)
        if known is None:
            async with self._database.reading() as session:
                found = await data_keys.get(session, key_id)
            if found is None:
                raise StorageCorrupt("Encrypted data names a key that is not there.")
            if len(self._opened) >= _MAX_REMEMBERED:
                self._opened.clear()
            known = self._opened[key_id] = (found.tenant, AESGCM(self._unwrap(found)))
        return known

    def _wrap(self, by: str, key_id: str, tenant: str, key: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._wrapping[by].encrypt(nonce, key, _bound(tenant, key_id, by.encode()))

    def _unwrap(self, key: DataKey) -> bytes:
        nonce, wrapped = key.wrapped[:_NONCE_BYTES], key.wrapped[_NONCE_BYTES:]
        wrapping = self._wrapping.get(key.wrapped_by)
        if wrapping is None:
            _logger.error("SMARTLITE_ENCRYPTION_KEYS has no key '%s', which opens %s", key.wrapped_by, key.id)
            raise StorageCorrupt("The key that opens this data is not among the platform's keys.")
        try:
            return wrapping.decrypt(nonce, wrapped, _bound(key.tenant, key.id, key.wrapped_by.encode()))
        except (InvalidTag, ValueError) as error:
            _logger.error("the key '%s' of SMARTLITE_ENCRYPTION_KEYS does not open %s", key.wrapped_by, key.id)
            raise StorageCorrupt("The key that opens this data is another one than it was.") from error


async def _on(data: bytes, work: Callable[[], bytes]) -> bytes:
    """Do it, in a thread where it takes longer than the way there."""
    return await asyncio.to_thread(work) if len(data) > _IN_THREAD_BYTES else work()


def _bound(tenant: str, name: str, head: bytes) -> bytes:
    """What the data is bound to (AAD), each part with its length."""
    parts = (tenant.encode(), name.encode(), head)
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)
