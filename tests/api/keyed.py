"""The gateway over fakes and a database of its own, where requests with an Idempotency-Key are answered once.

Must not know any test.
"""

import dataclasses
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx
from fastapi import FastAPI

from smartlite.api.app import create_app
from smartlite.api.services import Services
from smartlite.auth.idempotency import IdempotencyKeeper
from smartlite.errors import DatabaseUnavailable
from smartlite.storage.blobs import BlobStore
from smartlite.storage.database import Database, WriteSession
from smartlite.storage.objects import FsspecObjectStore
from smartlite.storage.schema import migrate
from tests.auth.keyring import Clock

KEY = {"Idempotency-Key": "6f1ed0a7-0000-4000-8000-0123456789ab"}


class Switchable(Database):
    """A database that can be away."""

    is_away = False

    def writing(self) -> AbstractAsyncContextManager[WriteSession]:
        if self.is_away:
            raise DatabaseUnavailable("The database is away.")
        return super().writing()


class Keyed:
    """One gateway, and what its answers are kept in."""

    def __init__(self, folder: Path, database: Switchable) -> None:
        self.folder = folder
        self.database = database
        self.clock = Clock()
        self.blobs = BlobStore(FsspecObjectStore((folder / "objects").as_uri()))
        self.keeper = IdempotencyKeeper(database, self.blobs, self.clock)

    def app(self, services: Services) -> FastAPI:
        """The gateway around these stages."""
        return create_app(dataclasses.replace(services, idempotency=self.keeper))

    def client(self, services: Services) -> httpx.AsyncClient:
        """A client of it."""
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app(services)), base_url="http://gateway")


@asynccontextmanager
async def a_keyed_gateway(folder: Path) -> AsyncIterator[Keyed]:
    """A gateway on a new database."""
    database = Switchable(f"sqlite+aiosqlite:///{folder}/smartlite.db")
    await migrate(database)
    keyed = Keyed(folder, database)
    yield keyed
    keyed.blobs.close()
    await database.close()
