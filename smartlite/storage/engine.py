"""How a connection to each kind of database is opened and set up. Must not know tables, nor what is done with it."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from smartlite.errors import ConfigurationError
from smartlite.storage.failures import ends_connections

BEGIN: Final = "smartlite_begin"
"""Execution option: the statement that begins a transaction of SQLite."""

_CONNECT_TIMEOUT_S: Final = 5
_POOL_WAIT_S: Final = 1.0
LOCK_WAIT_S: Final = 3
_STATEMENT_S: Final = 5
_SILENCE_S: Final = 8
"""Longest wait for a byte of the server: more than it may take for a statement or a lock, so that it tells first."""
_MIGRATION_S: Final = 600
_RECYCLE_S: Final = 1500
"""Less than any usual ``wait_timeout``, after which a server ends idle connections."""

_SQL_MODE: Final = "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
"""A value that does not fit is an error, never cut; without this an operator's server decides."""


def parse_url(url: str) -> URL:
    """Read a URL that ``smartlite.config`` has normalised.

    Raises:
        ConfigurationError: It is none, or names a file for TLS that cannot be read. The text has nothing else of the
            URL, which may hold a password.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigurationError("The URL of the database cannot be read.", "database_url") from None
    if parsed.drivername not in ("sqlite+aiosqlite", "mysql+asyncmy") or not parsed.database:
        raise ConfigurationError("The URL of the database is not one of SQLite or MySQL.", "database_url")
    for name in ("ssl_ca", "ssl_cert", "ssl_key"):
        file = parsed.query.get(name)
        if file and not os.access(str(file), os.R_OK):
            raise ConfigurationError(f"{file}, the {name} of the database, cannot be read.", "database_url")
    return parsed


def open_engine(url: URL, *, for_migrations: bool = False) -> AsyncEngine:
    """Make an engine; nothing is connected yet, and a new file of SQLite is made for its owner alone.

    Args:
        url: What ``parse_url`` read.
        for_migrations: Whether statements and locks may take minutes, and rows may point nowhere on the way.

    Raises:
        ConfigurationError: The file of SQLite cannot be made.
    """
    is_sqlite = url.get_backend_name() == "sqlite"
    if is_sqlite:
        _make_file(Path(str(url.database)))
    arguments = _sqlite_arguments(for_migrations) if is_sqlite else _mysql_arguments(for_migrations)
    engine = create_async_engine(
        url,
        hide_parameters=True,  # errors are logged, and e-mail addresses and hashes are no business of logs
        pool_size=5,
        max_overflow=5,
        pool_timeout=_POOL_WAIT_S,
        pool_recycle=_RECYCLE_S,
        **arguments,
    )
    if is_sqlite:
        # A table that is made anew would take the rows that refer to it along. The file remembers that it has a WAL,
        # in which readers do not wait for a writer; to ask for one again could fail while others are at it.
        _listen_on_sqlite(
            engine, ("foreign_keys = OFF", "journal_mode = WAL") if for_migrations else ("foreign_keys = ON",)
        )
    event.listen(engine.sync_engine, "handle_error", ends_connections)
    return engine


def _make_file(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
    except OSError as error:
        raise ConfigurationError(f"The database {path} cannot be made: {error.strerror}.", "database_url") from error


def _sqlite_arguments(for_migrations: bool) -> dict[str, Any]:
    return {"connect_args": {"timeout": float(_MIGRATION_S if for_migrations else LOCK_WAIT_S)}}


def _mysql_arguments(for_migrations: bool) -> dict[str, Any]:
    lock_s = _MIGRATION_S if for_migrations else LOCK_WAIT_S
    statement_s = 0 if for_migrations else _STATEMENT_S  # 0: no limit
    # The two comments are code: the first for MariaDB alone, the second for MySQL alone (MariaDB ignores 50700-99999).
    setup = (
        f"SET SESSION time_zone = '+00:00', sql_mode = '{_SQL_MODE}', innodb_lock_wait_timeout = {lock_s}, "
        f"lock_wait_timeout = {lock_s} "
        f"/*M!100101 , max_statement_time = {statement_s} */ /*!50708 , max_execution_time = {statement_s * 1000} */"
    )
    return {
        "isolation_level": "READ COMMITTED",
        "pool_pre_ping": True,
        "connect_args": {
            "charset": "utf8mb4",
            "connect_timeout": _CONNECT_TIMEOUT_S,
            "read_timeout": _MIGRATION_S if for_migrations else _SILENCE_S,
            "init_command": setup,
        },
    }


def _listen_on_sqlite(engine: AsyncEngine, pragmas: Sequence[str]) -> None:
    def set_up(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        # Else the driver begins transactions when it thinks fit, and never before DDL.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get(BEGIN, "BEGIN"))

    event.listen(engine.sync_engine, "connect", set_up)
    event.listen(engine.sync_engine, "begin", begin)
