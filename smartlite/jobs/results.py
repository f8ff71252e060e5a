"""Results of recognition and synthesis that are given again to whoever asks for the same. Must not know what they hold.

Nothing is promised: where a store is away, the work is done. A result is in the object store, encrypted where that is
on; the database knows whose it is, how large and until when.
"""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Final

from pydantic_core import to_json

from smartlite.domain.ids import new_id
from smartlite.domain.models import ServedModel
from smartlite.domain.principal import Principal
from smartlite.errors import AlreadyExists, SmartLiteError
from smartlite.storage import results
from smartlite.storage.blobs import BlobStore
from smartlite.storage.database import Database, retried
from smartlite.storage.results import KeptResult

KEEP_TIMEOUT_S: Final = 2.0
"""Longest that an answer waits for its result to be kept, in seconds."""
AT_ONCE: Final = 100
"""Results that are removed together."""
_VERSION: Final = 1
"""Of what the key is made of, and of what results look like."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ResultLimits:
    """Bounds on what is kept."""

    ttl_s: float = 86_400.0
    """How long, where a request does not say it."""
    most_bytes: int = 8 * 1024 * 1024
    """Of one result; larger ones are not kept."""
    most_bytes_per_tenant: int = 256 * 1024 * 1024
    """Of all results of one user; the oldest make room."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a result is, if there is one."""

    tenant: str
    key: bytes


class Results:
    """Keeps and finds results. One for each process; used in its event loop.

    Args:
        database: Knows what there is.
        blobs: Where it is.
        limits: Bounds on it.
        clock: Tells the time in UTC.
    """

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        limits: ResultLimits | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._blobs = blobs
        self.limits = limits or ResultLimits()
        self._clock = clock

    async def find(self, place: Place) -> bytes | None:
        """What is kept at a place; None where there is nothing, where it is too old, or where a store is away."""
        try:
            async with self._database.reading() as session:
                kept = await results.find(session, place.key, place.tenant)
            if kept is None or kept.expires_at <= self._clock():
                return None
            return await self._blobs.get(kept.tenant, _blob(kept))
        except SmartLiteError as error:
            _logger.warning("a result is not given again", extra={"reason": error.message})
            return None

    async def keep(self, place: Place, data: bytes, ttl_s: float | None = None) -> None:
        """Keep a result; nothing happens where it is too large, or where a store is away or slow."""
        if len(data) > min(self.limits.most_bytes, self.limits.most_bytes_per_tenant):
            return
        try:
            async with asyncio.timeout(KEEP_TIMEOUT_S):
                await self._keep(place, data, ttl_s or self.limits.ttl_s)
        except (SmartLiteError, TimeoutError) as error:
            _logger.warning("a result is not kept", extra={"reason": str(error) or type(error).__name__})

    async def clear(self, tenant: str) -> int:
        """Remove every result of a tenant.

        Returns:
            How many they were.

        Raises:
            Unavailable: 503, a store is away.
        """
        count = 0
        while True:
            async with self._database.reading() as session:
                found = await results.oldest(session, tenant, AT_ONCE)
            count += await self._remove(found)
            if len(found) < AT_ONCE:
                return count

    async def purge(self) -> int:
        """Remove a portion of what is too old.

        Returns:
            How many they were; less than ``AT_ONCE``: there are no more.

        Raises:
            Unavailable: 503, a store is away.
        """
        async with self._database.reading() as session:
            found = await results.expired(session, self._clock(), AT_ONCE)
        await self._remove(found)
        return len(found)

    async def _keep(self, place: Place, data: bytes, ttl_s: float) -> None:
        now = self._clock()
        kept = KeptResult(place.key, place.tenant, new_id("res"), len(data), now, now + timedelta(seconds=ttl_s))
        async with self._database.reading() as session:
            before = await results.find(session, place.key, place.tenant)
            used_bytes = await results.size_bytes(session, place.tenant)
        if before is not None:
            await self._remove([before])
            used_bytes -= before.size_bytes
        await self._make_room(place.tenant, used_bytes + len(data) - self.limits.most_bytes_per_tenant)
        await self._blobs.put(place.tenant, _blob(kept), data)
        try:
            await self._add(kept)
        except BaseException as error:
            # Another request may have kept the same meanwhile; or whoever waits has left.
            await asyncio.shield(self._blobs.delete(place.tenant, _blob(kept)))
            if not isinstance(error, AlreadyExists):
                raise

    async def _add(self, kept: KeptResult) -> None:
        async def work() -> None:
            async with self._database.writing() as session:
                await results.add(session, kept)

        await retried(work)

    async def _make_room(self, tenant: str, wanted_bytes: int) -> None:
        while wanted_bytes > 0:
            async with self._database.reading() as session:
                found = await results.oldest(session, tenant, AT_ONCE)
            if not found:
                return
            leaving = []
            for each in found:
                if wanted_bytes <= 0:
                    break
                leaving.append(each)
                wanted_bytes -= each.size_bytes
            await self._remove(leaving)

    async def _remove(self, found: Sequence[KeptResult]) -> int:
        """Their objects first: one that is left behind would be nobody's."""
        if not found:
            return 0
        for each in found:
            await self._blobs.delete(each.tenant, _blob(each))

        async def work() -> int:
            async with self._database.writing() as session:
                return await results.remove(session, found)

        return await retried(work)


def place_of(principal: Principal, model: ServedModel, what: object) -> Place:
    """Where the result of some work is.

    Args:
        principal: Who asks: nobody else finds it, nor do they in another organisation.
        model: What does the work: its id, its engine with its options, and the SHA-256 of its files.
        what: Everything else that makes the result, of JSON's types.
    """
    tenant = principal.user_id or ""
    made_by = [model.id, model.engine, model.fingerprint, version("smartlite")]
    parts = [_VERSION, tenant, principal.organization_id or "", made_by, what]
    return Place(tenant, hashlib.sha256(to_json(parts)).digest())


def _blob(kept: KeptResult) -> str:
    return f"results/{kept.id}"
