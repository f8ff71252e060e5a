"""Brings a database's schema to what this version needs. Must not know what the tables are for.

Revisions only ever add while the version before may still run: replicas of both work on one database during an upgrade,
and the version before must start on the newer schema after a rollback.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from filelock import AsyncFileLock, Timeout
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from smartlite.errors import DatabaseOverloaded
from smartlite.storage.database import Database
from smartlite.storage.engine import BEGIN, open_engine
from smartlite.storage.failures import translated

_LOCK_WAIT_S: Final = 120
_BUSY: Final = "Another process has been changing the database's schema for too long."
_logger = logging.getLogger(__name__)


async def migrate(database: Database) -> None:
    """Bring the schema to what this version needs; nothing is done where it is, or where it is a later version's.

    Of several processes that start at once one does it and the others wait. SQLite does all of it or nothing; MySQL
    commits each table, so that a migration that was killed may have to be mended by hand.

    Raises:
        DatabaseUnavailable: The database cannot be reached, or another process is at it for too long.
    """
    engine = open_engine(database.url, for_migrations=True)
    locked = _file_locked if database.url.get_backend_name() == "sqlite" else _server_locked
    try:
        with translated():
            async with locked(engine.execution_options(**{BEGIN: "BEGIN IMMEDIATE"}).connect()) as connection:
                await connection.run_sync(_upgrade)
                await connection.commit()
    finally:
        await engine.dispose()  # which also closes the connection that holds the lock of the server


async def current_revision(database: Database) -> str | None:
    """The revision of the schema; None where there is none yet.

    Raises:
        DatabaseUnavailable: The database cannot be reached.
    """
    engine = open_engine(database.url)
    try:
        with translated():
            async with engine.connect() as connection:
                return await connection.run_sync(_revision)
    finally:
        await engine.dispose()


def newest_revision() -> str | None:
    """The revision that this version needs."""
    return ScriptDirectory.from_config(_config()).get_current_head()


@asynccontextmanager
async def _file_locked(connection: AsyncConnection) -> AsyncIterator[AsyncConnection]:
    file = Path(str(connection.engine.url.database))
    try:
        async with AsyncFileLock(file.with_name(f"{file.name}.lock"), timeout=_LOCK_WAIT_S), connection:
            yield connection
    except Timeout as error:
        raise DatabaseOverloaded(_BUSY) from error


@asynccontextmanager
async def _server_locked(connection: AsyncConnection) -> AsyncIterator[AsyncConnection]:
    # Locks belong to the server, not to a database of it, and a name has 64 characters at most.
    lock = text("SELECT GET_LOCK(CONCAT('smartlite.', SHA1(DATABASE())), :wait_s)")
    async with connection:
        if await connection.scalar(lock, {"wait_s": _LOCK_WAIT_S}) != 1:
            raise DatabaseOverloaded(_BUSY)
        yield connection


def _upgrade(connection: Connection) -> None:
    current = _revision(connection)
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if current is not None and current not in known:
        _logger.warning("The database's schema is that of a later version (%s); it is left as it is.", current)
        return
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    return config
