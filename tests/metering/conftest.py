"""A migrated SQLite database that can be taken away. Must not know any test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from smartlite.errors import DatabaseUnavailable
from smartlite.storage.database import Database, ReadSession, WriteSession
from smartlite.storage.schema import migrate


class LosableDatabase(Database):
    """As it is, until it is away."""

    is_away = False
    loses_next_commit = False
    """The next unit of work is committed, and nobody learns of it."""

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[ReadSession]:
        if self.is_away:
            raise DatabaseUnavailable("The database is away.")
        async with super().reading() as session:
            yield session

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[WriteSession]:
        if self.is_away:
            raise DatabaseUnavailable("The database is away.")
        async with super().writing() as session:
            yield session
        if self.loses_next_commit:
            self.loses_next_commit = False
            raise DatabaseUnavailable("The connection was lost during the commit.")


@pytest.fixture
async def losable(tmp_path: Path) -> AsyncIterator[LosableDatabase]:
    database = LosableDatabase(f"sqlite+aiosqlite:///{tmp_path}/smartlite.db")
    await migrate(database)
    yield database
    await database.close()
