"""Units of work on the SQL database: short, either reading or writing. Must not know tables.

No unit of work is open while a model runs: one before, another after. That a writing one ended without an error means
that the database has it.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final, TypeVar, TypeVarTuple

from sqlalchemy import URL, Delete, Insert, Row, Select, Table, Update, insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from smartlite.errors import DatabaseOverloaded, DatabaseUnavailable
from smartlite.storage.engine import BEGIN, LOCK_WAIT_S, open_engine, parse_url
from smartlite.storage.failures import LockNotGiven, translated

T = TypeVar("T")
Columns = TypeVarTuple("Columns")

_TRIES: Final = 3
_CHECK_TIMEOUT_S: Final = 2.0


class ReadSession:
    """A unit of work that only reads."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``mysql``, for statements that each has its own form of."""
        return self._connection.dialect.name

    async def rows(self, query: Select[*Columns]) -> Sequence[Row[*Columns]]:
        """Every row of a query."""
        with translated():
            return (await self._connection.execute(query)).all()

    async def row(self, query: Select[*Columns]) -> Row[*Columns] | None:
        """The first row of a query, or None."""
        with translated():
            return (await self._connection.execute(query)).first()


class WriteSession(ReadSession):
    """A unit of work that writes: all of it or nothing."""

    async def write(self, statement: Insert | Update | Delete) -> int:
        """Run a statement.

        Returns:
            The rows that it found, changed or not.

        Raises:
            AlreadyExists: A row with a value that must be unique is there.
            NotFound: It refers to a row that is not there.
        """
        with translated():
            return (await self._connection.execute(statement)).rowcount

    async def write_many(self, table: Table, rows: Sequence[tuple[object, ...]]) -> None:
        """Insert many rows as fast as the driver does; raises as ``write`` does.

        Args:
            table: Whose rows.
            rows: A value for each column, in the order of the table, as the driver takes it: no type's own rule is
                applied, which would cost more than the insert itself.
        """
        dialect = self._connection.dialect
        statement = str(insert(table).compile(dialect=dialect))
        with translated():
            await self._connection.exec_driver_sql(statement, list(rows))

    async def write_all(self, statement: Insert, rows: Sequence[Mapping[str, object]]) -> None:
        """Run one statement for each of many rows; raises as ``write`` does."""
        with translated():
            await self._connection.execute(statement, list(map(dict, rows)))


class Database:
    """One SQL database, MySQL, MariaDB or a file of SQLite, with the connections that this process keeps to it."""

    def __init__(self, url: str) -> None:
        """Open a database; nothing is connected yet.

        Args:
            url: ``Settings.sql_url``.

        Raises:
            ConfigurationError: The URL is of another kind, or the file cannot be made.
        """
        self.url: URL = parse_url(url)
        """Shows its password only to those who ask for it."""
        self._engine = open_engine(self.url)
        self._writing_engine = self._engine.execution_options(**{BEGIN: "BEGIN IMMEDIATE"})
        # SQLite has one writer at a time. Waiting here, and not at the file, takes no connection from those who read.
        self._turn = asyncio.Lock() if self.url.get_backend_name() == "sqlite" else None

    def __repr__(self) -> str:
        return f"Database({self.url.render_as_string(hide_password=True)})"

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[ReadSession]:
        """A unit of work that reads.

        Raises:
            DatabaseUnavailable: The database cannot be reached, 503; or is too busy (DatabaseOverloaded).
        """
        with translated():
            async with self._engine.connect() as connection:
                await connection.begin()
                yield ReadSession(connection)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[WriteSession]:
        """A unit of work that is committed at its end, and rolled back where an error ends it.

        Raises:
            DatabaseUnavailable: The database cannot be reached, 503; or is too busy (DatabaseOverloaded). If it was
                lost during the commit, nobody knows whether the work was done.
        """
        with translated():
            async with self._turn_to_write(), self._writing_engine.connect() as connection:
                await connection.begin()
                yield WriteSession(connection)
                await connection.commit()

    async def check(self) -> None:
        """Ask the database for an answer.

        Raises:
            DatabaseUnavailable: There was none in time. The driver's reason is its ``__cause__``.
        """
        try:
            async with asyncio.timeout(_CHECK_TIMEOUT_S):
                with translated():
                    async with self._engine.connect() as connection:
                        await connection.execute(text("SELECT 1"))
        except TimeoutError as error:
            raise DatabaseUnavailable("The database does not answer.") from error

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()

    @asynccontextmanager
    async def _turn_to_write(self) -> AsyncIterator[None]:
        if self._turn is None:
            yield
            return
        try:
            async with asyncio.timeout(LOCK_WAIT_S):
                await self._turn.acquire()
        except TimeoutError as error:
            raise DatabaseOverloaded("The database is too busy for now.") from error
        try:
            yield
        finally:
            self._turn.release()


async def retried(work: Callable[[], Awaitable[T]]) -> T:
    """Do a whole unit of work, and again where a lock was not given: up to 3 times in all.

    Args:
        work: Opens its own ``Database.writing()``, so that what went wrong is rolled back before it is done again:
            after a lock that timed out (1205) MySQL keeps the rest of the transaction.

    Raises:
        DatabaseOverloaded: The lock was not given the third time either.
    """
    for attempt in range(1, _TRIES):
        try:
            return await work()
        except LockNotGiven:
            # Two that met once would meet again if they waited for the same time.
            await asyncio.sleep(random.uniform(0.01, 0.05) * 2**attempt)  # noqa: S311 - no secret
    return await work()
