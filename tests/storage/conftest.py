"""An empty database for each test, on SQLite and on a real MariaDB. Must not know any test."""

import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from smartlite.storage.database import Database
from smartlite.storage.schema import migrate
from tests.storage.mariadb import MariaDB
from tests.storage.seaweedfs import Seaweed

ON_MARIADB = [pytest.mark.integration, pytest.mark.enable_socket]
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    """A server that all tests share; those that harm it take ``fragile_mariadb``."""
    server = MariaDB(tmp_path_factory.mktemp("mariadb"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    """An S3 server that all tests share; those that harm it take ``fragile_seaweed``."""
    server = Seaweed(tmp_path_factory.mktemp("seaweed"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def fragile_seaweed(tmp_path: Path) -> Iterator[Seaweed]:
    """A server of the test's own."""
    folder = tmp_path / "seaweed"
    folder.mkdir()
    server = Seaweed(folder)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def fragile_mariadb(tmp_path: Path) -> Iterator[MariaDB]:
    """A server of the test's own."""
    server = MariaDB(tmp_path)
    server.start()
    yield server
    server.stop()


async def as_boss(server: MariaDB, *statements: str) -> None:
    """Run statements with every right."""
    engine = create_async_engine(f"mysql+asyncmy://boss@127.0.0.1:{server.port}/mysql", poolclass=NullPool)
    async with engine.connect() as connection:
        for statement in statements:
            await connection.execute(text(statement))
        await connection.commit()
    await engine.dispose()


async def new_database(server: MariaDB) -> str:
    """Make an empty database on a server; its name."""
    name = f"t_{next(_numbers)}"
    await as_boss(server, f"CREATE DATABASE {name} CHARACTER SET latin1")  # so that what we need is said by us
    return name


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=ON_MARIADB)])
async def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """A database without tables, of each kind."""
    server: MariaDB | None = request.getfixturevalue("mariadb") if request.param == "mariadb" else None
    name = "" if server is None else await new_database(server)
    url = f"sqlite+aiosqlite:///{tmp_path}/data/smartlite.db" if server is None else server.url(name)
    database = Database(url)
    yield database
    await database.close()
    if server is not None:
        await as_boss(server, f"DROP DATABASE {name}")


@pytest.fixture
async def database(empty_database: Database) -> Database:
    """A database with its tables, of each kind."""
    await migrate(empty_database)
    return empty_database


@pytest.fixture
async def fragile_database(fragile_mariadb: MariaDB) -> AsyncIterator[Database]:
    """A database with its tables, on a server that may be harmed."""
    database = Database(fragile_mariadb.url(await new_database(fragile_mariadb)))
    await migrate(database)
    yield database
    await database.close()
