"""What the drivers' errors mean, as errors of ours. Must not know statements, nor try anything again.

Told by the drivers' numbers alone, and no text of theirs gets into ours: it may hold addresses and values. Theirs is
the ``__cause__``, for logs.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from smartlite.errors import (
    AlreadyExists,
    DatabaseOverloaded,
    DatabaseUnavailable,
    InvalidRequest,
    NotFound,
    SmartLiteError,
)

# https://mariadb.com/kb/en/mariadb-error-code-reference/ and MySQL's; numbers from 2000 on are the client's own.
_DUPLICATE: Final = frozenset({1062})
_NO_PARENT: Final = frozenset({1216, 1452})
_TOO_LONG: Final = frozenset({1264, 1406})
_CONTENTION: Final = frozenset({1205, 1213, 3572})
_SLOW: Final = frozenset({1969, 3024})
_FULL_HOUSE: Final = frozenset({1040, 1203, 1226})
_READ_ONLY: Final = frozenset({1290, 1792, 1836})
"""A primary that has become a replica: connections to it are of no use any more."""
_GONE: Final = frozenset({1021, 1044, 1045, 1049, 1053, 1114, 1129, 1130, 1698, 1927}) | _READ_ONLY
_CLIENT: Final = range(2000, 2100)

# https://www.sqlite.org/rescode.html: extended codes, whose lowest byte is the primary one.
_LITE_DUPLICATE: Final = frozenset({sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY})
_LITE_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_LITE_GONE: Final = frozenset(
    {
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    }
)

_UNREACHABLE: Final = "The database cannot be reached for now."
_BUSY: Final = "The database is too busy for now."


class LockNotGiven(DatabaseOverloaded):
    """Another transaction held what this one needs; the whole unit of work may be done again."""


@contextmanager
def translated() -> Iterator[None]:
    """Raise our error for a driver's; one that means a mistake in our code passes as it is."""
    try:
        yield
    except PoolTimeoutError as error:
        raise DatabaseOverloaded(_BUSY) from error
    except DBAPIError as error:
        meaning = _meaning(error)
        if meaning is None:
            raise
        raise meaning from error
    except UnicodeEncodeError as error:  # half a surrogate pair, which JSON can spell and UTF-8 cannot
        raise InvalidRequest("The text has a character that cannot be stored.") from error


def ends_connections(context: ExceptionContext) -> None:
    """Have SQLAlchemy drop every connection to a server that has become read-only."""
    if _number(context.original_exception) in _READ_ONLY:
        context.is_disconnect = True


def _meaning(error: DBAPIError) -> SmartLiteError | None:
    found = _of_sqlite(error.orig) if isinstance(error.orig, sqlite3.Error) else _of_mysql(_number(error.orig))
    if found is None and error.connection_invalidated:
        return DatabaseUnavailable(_UNREACHABLE)
    return found


def _of_mysql(number: int) -> SmartLiteError | None:
    found: SmartLiteError | None = None
    if number in _CONTENTION:
        found = LockNotGiven(_BUSY)
    elif number in _SLOW or number in _FULL_HOUSE:
        found = DatabaseOverloaded(_BUSY)
    elif number in _GONE or number in _CLIENT:
        found = DatabaseUnavailable(_UNREACHABLE)
    elif number in _DUPLICATE:
        found = AlreadyExists("There is such a row already.")
    elif number in _NO_PARENT:
        found = NotFound("It refers to something that does not exist.")
    elif number in _TOO_LONG:
        found = InvalidRequest("A value is longer than what can be stored.")
    return found


def _of_sqlite(error: sqlite3.Error) -> SmartLiteError | None:
    code = getattr(error, "sqlite_errorcode", None)  # absent where Python itself raised
    if code is None:
        return None
    if code in _LITE_DUPLICATE:
        return AlreadyExists("There is such a row already.")
    if code == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
        return NotFound("It refers to something that does not exist.")
    if code & 0xFF in _LITE_BUSY:
        return LockNotGiven(_BUSY)
    return DatabaseUnavailable(_UNREACHABLE) if code & 0xFF in _LITE_GONE else None


def _number(error: BaseException | None) -> int:
    """MySQL's number of an error; 0 where it has none."""
    number = error.args[0] if error is not None and error.args else 0
    return number if isinstance(number, int) else 0
