"""Types of columns that mean the same on both databases. Must not know tables.

Text compares by its code points, as SQLite does it by itself; but MySQL ignores spaces at its end.
"""

import re
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import JSON, DateTime, Dialect, LargeBinary, String
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeDecorator, TypeEngine

from smartlite.errors import InvalidRequest

_NOT_IN_IDS: Final = re.compile(r"[^!-~]")
SHA256: Final[TypeEngine[bytes]] = LargeBinary(32).with_variant(mysql.BINARY(32), "mysql", "mariadb")
BLOB: Final[TypeEngine[bytes]] = LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb")
"""Up to 16 MiB: a BLOB of MySQL holds 65,535 bytes."""
JSON_OR_NULL: Final = JSON(none_as_null=True)


class Identifier(TypeDecorator[str]):
    """Ids and what else is printable ASCII: a byte a character, so that indexes are small.

    A character that no id has becomes ``?``, so that a lookup of whatever a client sent finds nothing. By itself MySQL
    refuses to compare ASCII with other text, and finds ``a`` where ``a`` and a space were asked for.
    """

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """ASCII that compares by its bytes."""
        on_mysql = mysql.VARCHAR(64, charset="ascii", collation="ascii_bin")
        return dialect.type_descriptor(on_mysql if dialect.name == "mysql" else String(64))

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """As it is, but for characters that no id has."""
        return None if value is None else _NOT_IN_IDS.sub("?", value)


class ScopeSet(TypeDecorator[frozenset[str]]):
    """Scopes, as a sorted list in JSON; None is NULL."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """JSON where None is NULL and not JSON's own null."""
        return dialect.type_descriptor(JSON_OR_NULL)

    def process_bind_param(self, value: frozenset[str] | None, dialect: Dialect) -> list[str] | None:
        """From a set to a list."""
        return None if value is None else sorted(value)

    def process_result_value(self, value: list[str] | None, dialect: Dialect) -> frozenset[str] | None:
        """From a list to a set."""
        return None if value is None else frozenset(value)


class UTCDateTime(TypeDecorator[datetime]):
    """A time in UTC to the microsecond, aware in Python.

    DATETIME(6) and not a number: people read the audit log with the database's own tools. Not TIMESTAMP, which ends in
    2038 and turns with the session's time zone.
    """

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """DATETIME(6), where the database's own would have whole seconds."""
        return dialect.type_descriptor(mysql.DATETIME(fsp=6) if dialect.name == "mysql" else DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From aware to what is stored; a naive one is a mistake in our code."""
        if value is None:
            return None
        if value.tzinfo is None:
            msg = "a time without a zone cannot be stored"
            raise ValueError(msg)
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From what is stored to aware."""
        return None if value is None else value.replace(tzinfo=UTC)


def fitting(value: str, characters: int, param: str) -> str:
    """The value, if it fits into its column: SQLite would keep any length.

    Raises:
        InvalidRequest: It is longer.
    """
    if len(value) > characters:
        raise InvalidRequest(f"{param} has {len(value)} characters; at most {characters} are allowed.", param)
    return value
