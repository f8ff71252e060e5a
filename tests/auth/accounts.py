"""Accounts on a new database, with a clock that stands still and passwords that cost little. Must not know any test."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from smartlite.auth.accounts import Accounts, open_accounts
from smartlite.auth.attempts import Attempts
from smartlite.auth.authenticator import Authenticator
from smartlite.auth.identity import Identity
from smartlite.auth.noted import Actor
from smartlite.auth.oidc.providers import KnownProvider
from smartlite.auth.passwords import Passwords
from smartlite.auth.sessions import SignedIn, Visitor
from smartlite.domain.principal import Principal
from smartlite.errors import Unavailable
from smartlite.storage.database import Database, ReadSession
from smartlite.storage.schema import migrate
from tests.auth.keyring import Clock

EMAIL = "ana@example.com"
PASSWORD = "correct horse battery"
VISITOR = Visitor("203.0.113.7", "curl/8")
ACTOR = Actor(None)


class Hashing(Passwords):
    """Passwords that cost little, and counts how often they cost it."""

    def __init__(self, memory_kib: int = 8) -> None:
        super().__init__(memory_kib)
        self.verified: list[str | None] = []

    async def verify(self, password_hash: str | None, password: str) -> bool:
        self.verified.append(password_hash)
        return await super().verify(password_hash, password)


class Switchable(Database):
    """A database that can be away."""

    is_away = False

    def reading(self) -> AbstractAsyncContextManager[ReadSession]:
        if self.is_away:
            raise Unavailable("The database is away.")
        return super().reading()


@dataclass
class World:
    """One platform as one or more replicas see it."""

    database: Switchable
    identity: Identity
    accounts: Accounts
    authenticator: Authenticator
    clock: Clock
    passwords: Hashing

    def replica(self) -> "World":
        """Another process over the same database."""
        return world_over(self.database, self.clock)

    async def add_user(
        self, email: str = EMAIL, password: str | None = PASSWORD, roles: tuple[str, ...] = ("user",)
    ) -> str:
        user = (await self.identity.add_user(ACTOR, email, "Ana", roles)).user
        if password is not None:
            await self.accounts.sign_in.set_password(ACTOR, user.id, password)
        return user.id

    async def sign_in(self, email: str = EMAIL, password: str = PASSWORD, visitor: Visitor = VISITOR) -> SignedIn:
        return await self.accounts.sign_in.sign_in(email, password, visitor)

    async def refresh(self, token: str) -> SignedIn:
        return await self.accounts.sessions.refresh(token, VISITOR)

    async def asks(self, token: str) -> Principal:
        return await self.authenticator.authenticate(f"Bearer {token}")

    async def actions(self) -> list[str]:
        """What the audit log says, the oldest first."""
        await self.accounts.sign_in.settle()
        return [entry.action for entry in reversed((await self.identity.page_audit(None, None, 200)).items)]


def world_over(database: Switchable, clock: Clock, providers: Sequence[KnownProvider] = ()) -> World:
    passwords = Hashing()
    accounts = open_accounts(database, clock, passwords, Attempts(clock.seconds), providers=providers)
    identity = Identity(database)
    authenticator = Authenticator(
        identity.find_key,
        clock,
        find_by_token=accounts.check.find,
        find_memberships=identity.organizations.memberships,
    )
    return World(database, identity, accounts, authenticator, clock, passwords)


@asynccontextmanager
async def a_world(folder: Path, providers: Sequence[KnownProvider] = ()) -> AsyncIterator[World]:
    """A platform on a database of its own."""
    database = Switchable(f"sqlite+aiosqlite:///{folder}/smartlite.db")
    await migrate(database)
    world = world_over(database, Clock(), providers)
    yield world
    await world.accounts.sign_in.settle()
    await database.close()
    await asyncio.sleep(0)
    world.passwords.close()
