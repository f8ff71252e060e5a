"""Scopes in OAuth's spelling: one text, separated by spaces. Must not know which scopes there are."""

import re
from collections.abc import Iterable
from typing import Final

from smartlite.auth.scopes import check_grants, in_both
from smartlite.errors import InvalidRequest, InvalidScope

MAX_CHARACTERS: Final = 2048
"""All scopes of a client together: an access token has room for 8 KiB."""
_SCOPE: Final = re.compile(r"[!#-\[\]-~]+", re.ASCII)
"""RFC 6749, section 3.3."""


def check_client_scopes(texts: Iterable[str]) -> frozenset[str]:
    """Check what a client may be given.

    Raises:
        InvalidRequest: 400, it cannot be granted, or not be spelt in OAuth.
    """
    scopes = check_grants(texts)
    for scope in sorted(scopes):
        if _SCOPE.fullmatch(scope) is None:
            raise InvalidRequest(f"'scopes': {scope[:64]!r} has a character that no scope of OAuth has.", "scopes")
    if not scopes or len(text_of(scopes)) > MAX_CHARACTERS:
        raise InvalidRequest(f"'scopes': at least one, and at most {MAX_CHARACTERS} characters together.", "scopes")
    return scopes


def text_of(scopes: Iterable[str]) -> str:
    """As clients write and read them."""
    return " ".join(sorted(scopes))


def scopes_of(text: str | None) -> frozenset[str]:
    """From a text; None has none."""
    return frozenset((text or "").split(" ")) - {""}


def requested(text: str | None, most: frozenset[str]) -> frozenset[str]:
    """What a client asks for: all that it may have where it does not say.

    Raises:
        InvalidScope: 400, it asks for more.
    """
    asked = scopes_of(text)
    if not asked:
        return most
    if asked - in_both(asked, most):
        raise InvalidScope("'scope' asks for more than may be given here.", "scope")
    return asked
