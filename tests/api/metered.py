"""The gateway with keys, limits and metering, over a real database. Must not know any test."""

import dataclasses
from collections.abc import Callable, Collection
from datetime import datetime
from pathlib import Path

import httpx
from fastapi import FastAPI

from smartlite.api.app import create_app
from smartlite.api.services import Services
from smartlite.auth.allowances import Allowances
from smartlite.auth.authenticator import Authenticator
from smartlite.auth.changes import Changes
from smartlite.auth.identity import Identity
from smartlite.auth.light_blocks import LightBlocks
from smartlite.auth.noted import Actor, utc_now
from smartlite.auth.quota_book import QuotaBook
from smartlite.auth.rate_limit import Limits
from smartlite.auth.returning import find_again
from smartlite.domain.principal import Principal
from smartlite.jobs.gateway_calls import Caller
from smartlite.metering import Metering
from smartlite.metering.drain import Drain
from smartlite.metering.history import History
from smartlite.metering.prices import Price, Prices
from smartlite.metering.recorder import Recorder
from smartlite.storage.database import Database
from smartlite.storage.encryption import Cipher
from smartlite.storage.journal import Journal

PRICES = Prices({"*": Price(input_tokens_1m=1, output_tokens_1m=2, audio_input_minute=6, characters_1m=10)})


class Platform:
    """One replica's worth of it."""

    def __init__(
        self,
        services: Services,
        database: Database,
        folder: Path,
        clock: Callable[[], datetime] = utc_now,
        cipher: Cipher | None = None,
    ) -> None:
        self.database = database
        self.journal_dir = folder
        self.cipher = cipher
        self.identity = Identity(database)
        self.changes = Changes(database)
        """Knows nothing until a test has it look."""
        self.journal = Journal(folder)
        self.drain = Drain(database, folder)
        self.history = History(database, self.drain, cipher)
        self.recorder = Recorder(self.journal, PRICES)
        self.quotas = QuotaBook(database, changes=self.changes)
        self.services = dataclasses.replace(
            services,
            authenticator=Authenticator(
                self.identity.find_key,
                clock,
                find_memberships=self.identity.organizations.memberships,
                changes=self.changes,
            ),
            identity=self.identity,
            quotas=self.quotas,
            limits=Limits(
                Allowances(requests=10_000, unknown=10_000),
                None,
                price_of=PRICES.cost_micros,
                spent=lambda rule, first: self.history.spent(
                    rule.subject_kind, rule.subject_id, rule.kind, rule.model, first
                ),
                quotas=self.quotas.of,
                blocks=LightBlocks(self.changes),
            ),
            metering=Metering(self.recorder, self.history, cipher.seal if cipher else None),
        )
        self.app: FastAPI = create_app(self.services)
        self.keys: dict[str, str] = {}
        self.users: dict[str, str] = {}

    def app_of_runs(self) -> FastAPI:
        """As a worker has it: the same limits and history, and no way in."""
        return create_app(dataclasses.replace(self.services, pipelines=None, runs=None, media=None, retention=None))

    async def find_again(self, caller: Caller) -> Principal:
        """Who asked."""
        return await find_again(self.database, caller.user_id, caller.organization_id, caller.key_id, caller.scopes)

    async def add(self, name: str, roles: Collection[str]) -> httpx.AsyncClient:
        """Somebody with a key, and a client that shows it."""
        user = await self.identity.add_user(Actor(None), f"{name}@example.com", name, roles)
        _, self.keys[name] = await self.identity.add_key(Actor(None), user.user.id, "key")
        self.users[name] = user.user.id
        return self.client(name)

    def client(self, name: str) -> httpx.AsyncClient:
        """A client that shows somebody's key."""
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app),
            base_url="http://gateway",
            headers={"Authorization": f"Bearer {self.keys[name]}"},
        )
