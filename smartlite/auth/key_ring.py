"""The keys that access tokens are signed with: made, remembered, rotated. Must not know tokens, nor HTTP.

A new key signs, and those before it verify until the last token that they signed has expired: nobody is signed out.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from smartlite.auth.noted import Actor, note, utc_now
from smartlite.auth.tokens import LIFETIME_S, TokenKey, new_signing_key, read_key
from smartlite.domain.identity import SigningKey
from smartlite.errors import Unavailable
from smartlite.storage import signing_keys
from smartlite.storage.database import Database, WriteSession, retried
from smartlite.storage.encryption import Cipher

FRESH: Final = timedelta(seconds=10)
"""So old what a replica remembers may be: after that it signs with no retired key, and takes no forgotten one."""
ASKED_AGAIN: Final = timedelta(seconds=1)
"""Sooner than that the database is not asked for a key that is not remembered: key ids can be invented."""
KEPT: Final = timedelta(seconds=LIFETIME_S) + timedelta(minutes=5)
"""After it was retired: the tokens, the replicas that signed for a moment more, and clocks that differ."""


class KeyRing:
    """Knows the keys. One for each process; every method runs in its event loop.

    Args:
        database: Where they are.
        clock: Tells the time in UTC.
        cipher: Encrypts the private keys that are made; None: they are stored as they are.
    """

    def __init__(
        self, database: Database, clock: Callable[[], datetime] = utc_now, cipher: Cipher | None = None
    ) -> None:
        self._database = database
        self._clock = clock
        self._cipher = Cipher(database, {}) if cipher is None else cipher
        self._keys: dict[str, TokenKey] = {}
        self._read_at: datetime | None = None
        self._reading = asyncio.Lock()

    async def signer(self) -> TokenKey:
        """The key to sign with; where there is none yet, it is made.

        Raises:
            Unavailable: 503, the database cannot be asked, and no key is remembered.
        """
        await self._refresh(FRESH)
        found = self._signers()
        if not found:
            await self._make_first()
            await self._refresh(timedelta(0))
            found = self._signers()
        return found[-1]

    async def verifiers(self, key_id: str) -> Mapping[str, TokenKey]:
        """The keys that a token may be signed with; read anew where this one is not among them.

        Raises:
            Unavailable: 503, the database cannot be asked, and no key is remembered.
        """
        await self._refresh(FRESH if key_id in self._keys else ASKED_AGAIN)
        return self._keys

    async def published(self) -> Sequence[TokenKey]:
        """Every key, the oldest first; none where nobody has signed in yet.

        Raises:
            Unavailable: 503, the database cannot be asked, and no key is remembered.
        """
        await self._refresh(FRESH)
        return list(self._keys.values())

    async def rotate(self, actor: Actor, at_once: bool = False) -> SigningKey:
        """Have a new key sign.

        Args:
            actor: Who wants it.
            at_once: The others verify nothing any more: for keys that somebody else has. Their tokens end within
                seconds, and who shows one refreshes it.
        """

        async def work() -> SigningKey:
            now = self._clock()
            made = new_signing_key(now)
            stored = await signing_keys.sealed(self._cipher, made)
            async with self._database.writing() as session:
                await signing_keys.retire(session, now)
                await signing_keys.forget_retired(session, now if at_once else now - KEPT)
                await self._add(session, actor, stored)
            return made

        made = await retried(work)
        self._read_at = None
        return made

    async def _make_first(self) -> None:
        async def work() -> None:
            made = await signing_keys.sealed(self._cipher, new_signing_key(self._clock()))
            async with self._database.writing() as session:
                if all(key.retired_at is not None for key in await signing_keys.every(session)):
                    await self._add(session, Actor(None), made)

        # Two replicas at MySQL may both make one: then both verify, and the younger signs.
        await retried(work)

    async def _add(self, session: WriteSession, actor: Actor, key: SigningKey) -> None:
        await signing_keys.add(session, key)
        await note(session, actor, "signing_key.rotate", "signing_key", key.id, {"algorithm": key.algorithm})

    def _signers(self) -> list[TokenKey]:
        return [key for key in self._keys.values() if key.stored.retired_at is None]

    async def _refresh(self, most: timedelta) -> None:
        """Read the keys unless that was done within this time."""
        if self._is_fresh(most):
            return
        async with self._reading:
            if self._is_fresh(most):
                return
            asked_at = self._clock()
            try:
                async with self._database.reading() as session:
                    found = await signing_keys.every(session)
                stored = [await signing_keys.opened(self._cipher, key) for key in found]
            except Unavailable:
                if not self._keys:
                    raise
                # What a key is does not change; whether a session goes on is asked elsewhere, and not for long.
                self._read_at = asked_at
                return
            kept = [key for key in stored if key.retired_at is None or asked_at < key.retired_at + KEPT]
            self._keys = {key.id: read_key(key) for key in kept}
            self._read_at = asked_at

    def _is_fresh(self, most: timedelta) -> bool:
        return self._read_at is not None and self._read_at <= self._clock() < self._read_at + most
