"""Answers that are kept for whoever sends a request again with the same Idempotency-Key. Must not know HTTP's messages.

A run holds its key by a lease that it renews. Where its process is killed, the lease ends, and the next request with
the key takes over. That is the one case in which the work is done twice, besides an answer that could not be stored.
"""

import asyncio
import hashlib
import hmac
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from smartlite.auth.kept_answer import Answer, new_salt, seal, unseal
from smartlite.auth.noted import utc_now
from smartlite.domain.ids import new_id
from smartlite.domain.principal import Principal
from smartlite.errors import (
    AlreadyExists,
    DatabaseUnavailable,
    IdempotencyInProgress,
    IdempotencyKeyReused,
    PermissionDenied,
    SmartLiteError,
    StorageCorrupt,
    Unavailable,
)
from smartlite.storage import idempotency
from smartlite.storage.blobs import BlobStore
from smartlite.storage.database import Database, retried
from smartlite.storage.idempotency import Found, Kept, Run

LEASE: Final = timedelta(seconds=60)
RENEW_EVERY_S: Final = 20.0
KEPT_FOR: Final = timedelta(hours=24)
INLINE_BYTES: Final = 64 * 1024
"""Larger answers are in the object store."""
PURGED_AT_ONCE: Final = 200
_TRIES: Final = 5
"""A key may be taken and released again between two looks; so often in a row that is somebody's loop."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Claim:
    """A run that holds its key."""

    run: Run
    key: str
    """The text, which opens the answer."""


class IdempotencyKeeper:
    """Knows runs and answers by key. One for each process; every method runs in its event loop.

    Args:
        database: Where runs and small answers are.
        blobs: Where large answers are.
        clock: Tells the time in UTC.
        renew_every_s: How often a lease is renewed.
    """

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        clock: Callable[[], datetime] = utc_now,
        renew_every_s: float = RENEW_EVERY_S,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._clock = clock
        self._renew_every_s = renew_every_s

    async def claim(self, principal: Principal, key: str, request_hash: bytes) -> Claim | Answer:
        """Take a key for a request, or find the answer of the one that had it before.

        Args:
            principal: Who asks; each user has keys of their own.
            key: The text of the Idempotency-Key.
            request_hash: What tells this request from another.

        Raises:
            IdempotencyInProgress: 409, that request is still running.
            IdempotencyKeyReused: 422, that was another request.
            PermissionDenied: 403, its credential granted more than this one.
            Unavailable: 503, the database or the store of the answer is away; nothing was begun.
            StorageCorrupt: 502, its answer cannot be read.
        """
        claim = Claim(self._new_run(principal, key, request_hash), key)
        try:
            for _ in range(_TRIES):
                if await self._add(claim.run):
                    return claim
                async with self._database.reading() as session:
                    found = await idempotency.find(session, claim.run.tenant, claim.run.key_hash)
                if found is None:
                    continue
                if found.run.expires_at > self._clock():
                    answer = await self._answer(found, claim, principal)
                    if answer is not None:
                        return answer
                if await self._take_over(found, claim.run):
                    return claim
        except asyncio.CancelledError:
            await asyncio.shield(self.release(claim))
            raise
        raise IdempotencyInProgress("Requests with this Idempotency-Key come too fast; send it again in a moment.")

    @asynccontextmanager
    async def renewed(self, claim: Claim) -> AsyncIterator[None]:
        """Renew a claim's lease while the block runs."""
        renewer = asyncio.create_task(self._renew_for_ever(claim))
        try:
            yield
        finally:
            renewer.cancel()
            with suppress(asyncio.CancelledError):
                await renewer

    async def keep(self, claim: Claim, answer: Answer) -> bool:
        """Store the answer of a run.

        Returns:
            Whether it is kept; False where a store is away, or where another run has taken over.
        """
        run, salt = claim.run, new_salt()
        try:
            sealed = await asyncio.to_thread(seal, claim.key, salt, _place(run), answer)
            is_large = len(answer.body) > INLINE_BYTES
            if is_large:
                await self._blobs.put(run.tenant, _blob(run), sealed)
            kept = Kept(answer.status, answer.headers, salt, None if is_large else sealed)
            is_kept = await self._finish(run, kept)
            if is_large and not is_kept:
                await self._blobs.delete(run.tenant, _blob(run))
        except DatabaseUnavailable as error:
            # Nobody knows whether it has the answer; where it has not, the lease ends by itself.
            _logger.warning("an answer was not kept", extra={"run": run.id, "reason": error.message})
            return False
        except SmartLiteError as error:
            _logger.warning("an answer was not kept", extra={"run": run.id, "reason": error.message})
            await self.release(claim)
            return False
        return is_kept

    async def release(self, claim: Claim) -> None:
        """Let go of a key whose run left no answer to be kept. Where the database is away, the lease ends by itself."""

        async def work() -> None:
            async with self._database.writing() as session:
                await idempotency.release(session, claim.run)

        try:
            await retried(work)
        except SmartLiteError as error:
            _logger.warning("a key was not released", extra={"run": claim.run.id, "reason": error.message})

    async def purge(self) -> int:
        """Remove a portion of the answers that are kept no longer.

        Returns:
            How many they were; less than ``PURGED_AT_ONCE``: there are no more.

        Raises:
            Unavailable: 503, the database is away.
        """
        now = self._clock()
        async with self._database.reading() as session:
            found = await idempotency.expired(session, now, PURGED_AT_ONCE)
        if not found:
            return 0
        for each in found:
            await self._forget_blob(each)

        async def work() -> None:
            async with self._database.writing() as session:
                await idempotency.remove(session, [each.run for each in found], now)

        await retried(work)
        return len(found)

    async def _add(self, run: Run) -> bool:
        async def work() -> bool:
            try:
                async with self._database.writing() as session:
                    await idempotency.add(session, run)
            except AlreadyExists:
                return False
            return True

        return await retried(work)

    async def _take_over(self, found: Found, run: Run) -> bool:
        async def work() -> bool:
            async with self._database.writing() as session:
                return await idempotency.take_over(session, found.run, run, self._clock())

        taken = await retried(work)
        if taken:
            await self._forget_blob(found)
        return taken

    async def _finish(self, run: Run, kept: Kept) -> bool:
        async def work() -> bool:
            async with self._database.writing() as session:
                return await idempotency.finish(session, run, kept)

        return await retried(work)

    async def _answer(self, found: Found, claim: Claim, principal: Principal) -> Answer | None:
        """The answer of a run that has not expired; None where nobody works on it any more."""
        run, kept = found.run, found.kept
        if run.request_hash != claim.run.request_hash:
            raise IdempotencyKeyReused(
                "This Idempotency-Key came with another request before: send a new one.", "Idempotency-Key"
            )
        if kept is None:
            if run.locked_until <= self._clock():
                return None
            raise IdempotencyInProgress("A request with this Idempotency-Key is still running.")
        if run.scopes is not None and not run.scopes <= principal.scopes:
            # What a route would check is behind the answer; a narrower key of the same user must not reach it.
            raise PermissionDenied("The request with this Idempotency-Key was sent with a credential that grants more.")
        sealed = kept.body if kept.body is not None else await self._blobs.get(run.tenant, _blob(run))
        if sealed is None:
            raise StorageCorrupt("The kept answer is not in the object store any more.")
        return await asyncio.to_thread(unseal, claim.key, kept.salt, _place(run), kept.status, kept.headers, sealed)

    async def _forget_blob(self, found: Found) -> None:
        if found.kept is None or found.kept.body is not None:
            return
        try:
            await self._blobs.delete(found.run.tenant, _blob(found.run))
        except SmartLiteError as error:
            _logger.warning("an old answer was not removed", extra={"run": found.run.id, "reason": error.message})

    async def _renew_for_ever(self, claim: Claim) -> None:
        while True:
            await asyncio.sleep(self._renew_every_s)
            try:
                async with self._database.writing() as session:
                    if not await idempotency.renew(session, claim.run, self._clock() + LEASE):
                        return
            except Unavailable as error:
                _logger.warning("a key was not renewed", extra={"run": claim.run.id, "reason": error.message})

    def _new_run(self, principal: Principal, key: str, request_hash: bytes) -> Run:
        now = self._clock()
        is_known = principal.user_id is not None
        return Run(
            tenant=principal.user_id or "",
            key_hash=hashlib.sha256(key.encode()).digest(),
            id=new_id("idem"),
            # With the key, which the database does not have: bodies with a password are guessed from a plain hash.
            request_hash=hmac.digest(key.encode(), request_hash, "sha256"),
            scopes=principal.scopes if is_known else None,
            locked_until=now + LEASE,
            created_at=now,
            expires_at=now + KEPT_FOR,
        )


def _place(run: Run) -> str:
    return f"{run.tenant}/{run.key_hash.hex()}/{run.id}"


def _blob(run: Run) -> str:
    return f"idempotency/{run.id}"
