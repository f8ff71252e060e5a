"""Which SQL database a URL names, written as our drivers want it. Must not open it, nor repeat what it was given.

A URL of a database holds a password, so no message here quotes any part of one.
"""

import re
from typing import Final
from urllib.parse import parse_qsl, urlsplit

_SQLITE: Final = frozenset({"sqlite", "sqlite+aiosqlite"})
_MYSQL: Final = frozenset({"mysql", "mysql+asyncmy", "mariadb", "mariadb+asyncmy"})
MYSQL_OPTIONS: Final = frozenset({"ssl_ca", "ssl_cert", "ssl_key", "unix_socket"})
"""What may follow the question mark: files for TLS, and a socket in place of host and port."""
_ALLOWED: Final = "must be sqlite:///FILE or mysql://USER:PASSWORD@HOST/DATABASE (or mariadb://)"
_ENCODED: Final = "; write / @ : ? # % in a password as %2F %40 %3A %3F %23 %25"


def normal_database_url(url: str) -> str:
    """The URL with the driver that we use: ``sqlite+aiosqlite`` or ``mysql+asyncmy``, which MariaDB speaks too.

    Raises:
        ValueError: It is no such URL. The message says what is allowed and nothing of what was given.
    """
    scheme, mark, rest = url.partition("://")
    if mark and scheme in _SQLITE:
        # A database in memory would be another one in each replica.
        if not re.fullmatch(r"/[^?#]+", rest) or rest.removeprefix("/").startswith((":memory:", "file:")):
            msg = "must name a file, such as sqlite:////var/lib/smartlite/smartlite.db, and no options"
            raise ValueError(msg)
        return f"sqlite+aiosqlite://{rest}"
    if mark and scheme in _MYSQL:
        _check_mysql(f"mysql://{rest}")
        return f"mysql+asyncmy://{rest}"
    raise ValueError(_ALLOWED)


def _check_mysql(url: str) -> None:
    try:
        parts = urlsplit(url)
        host, user, port = parts.hostname, parts.username, parts.port
        options = parse_qsl(parts.query, strict_parsing=bool(parts.query))
    except ValueError:
        # From None: the library's own message quotes what it could not read, such as a part of the password.
        raise ValueError(_ALLOWED + _ENCODED) from None
    names = {name for name, _ in options}
    whole = re.fullmatch(r"/[A-Za-z0-9_$-]{1,64}", parts.path) and user and not parts.fragment and port != 0
    if not whole or not (host or "unix_socket" in names) or parts.netloc.count("@") != 1:
        raise ValueError(_ALLOWED + _ENCODED)
    if not names <= MYSQL_OPTIONS:
        raise ValueError(f"may have the options {', '.join(sorted(MYSQL_OPTIONS))} and no others")
