"""Who asks, on an ingress replica: the database, and what was learnt of keys written back. Must not know routes."""

import asyncio
import logging
import os
from typing import Final

from smartlite.auth.accounts import open_accounts
from smartlite.auth.authenticator import Authenticator
from smartlite.auth.changes import Changes
from smartlite.auth.found_key import FoundKey
from smartlite.auth.gathered import Gathered
from smartlite.auth.identity import Identity
from smartlite.auth.oidc.providers import load_providers
from smartlite.config import Settings
from smartlite.domain.organizations import Memberships
from smartlite.errors import SmartLiteError
from smartlite.storage.database import Database
from smartlite.storage.encryption import Cipher

_logger = logging.getLogger(__name__)

_NOTE_EVERY_S: Final = 5.0


class ReplicaIdentity:
    """Users, keys and sessions of this platform, as one replica asks about them. Used in one event loop."""

    def __init__(self, settings: Settings, database: Database, cipher: Cipher) -> None:
        self.identity = Identity(database)
        self.changes = Changes(database)
        self._keys = Gathered(self.identity.find_keys)
        self._memberships = Gathered(self.identity.organizations.memberships_of)
        providers = load_providers(settings.oidc_providers, os.environ)
        self.accounts = open_accounts(database, issuer=settings.issuer, providers=providers, cipher=cipher)
        self.authenticator = Authenticator(
            self._find,
            find_by_token=self.accounts.check.find,
            find_memberships=self._find_memberships,
            changes=self.changes,
        )
        self._looking: asyncio.Task[None] | None = None
        self._noting: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Start to look for changes, once the event loop runs."""
        if self._looking is None:
            self._looking = asyncio.create_task(self.changes.look_for_ever())

    async def _find(self, public_id: str) -> FoundKey | None:
        if self._noting is None:  # with the first key, since a replica is built before its event loop runs
            self._noting = asyncio.create_task(self._note_for_ever())
        return await self._keys.find(public_id)

    async def _find_memberships(self, user_id: str) -> Memberships:
        return await self._memberships.find(user_id) or {}

    async def _note_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_NOTE_EVERY_S)
            try:
                await self.identity.note_used(dict(self.authenticator.take_used()))
            except SmartLiteError as error:
                # When a key was last used is for people who tidy up; nobody waits for it, and it is not kept for later.
                _logger.warning("the last use of keys was not noted", extra={"reason": error.message})
