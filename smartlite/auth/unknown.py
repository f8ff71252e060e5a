"""Whether a credential that nobody remembers may be looked for, for this request. Must not know why not."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from smartlite.errors import RateLimited

_IS_CLOSED: Final[ContextVar[bool]] = ContextVar("unknown_credentials_are_closed", default=False)


@contextmanager
def unknown_refused() -> Iterator[None]:
    """Within it only credentials that are remembered count: the others are not worth a question to the database."""
    token = _IS_CLOSED.set(True)
    try:
        yield
    finally:
        _IS_CLOSED.reset(token)


def check_unknown() -> None:
    """Return if something that is not remembered may be looked for.

    Raises:
        RateLimited: 429.
    """
    if _IS_CLOSED.get():
        raise RateLimited("Too many credentials that are not valid came from this address; try again later.")
