"""What an access token must look like before its signature is checked, and say after. Must not know keys or libraries.

python-jose checks too little to be called bare: it ignores ``crit``, takes several spellings of one signature, lets
claims be missing, and lets exceptions of its own and of Python's escape (docs/decisions/0012-sign-in.md). So nothing
reaches it but a text that could be ours, and nothing is believed that it did not have to check.
"""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

MAX_CHARACTERS: Final = 8 * 1024
MAX_HEADER_CHARACTERS: Final = 1024
MAX_BRACKETS: Final = 16
"""Of header and claims each; ours have two. So no parser can be sent too deep."""
TYPE: Final = "at+jwt"
"""RFC 9068, section 2.1: neither a refresh token nor an ID token is taken for an access token."""
OWN_CLIENT: Final = "smartlite"
"""The ``client_id`` of our own sign-in."""
LEEWAY_S: Final = 30
MAX_LIFETIME_S: Final = 3600

# With fullmatch and not with $, which a newline at the end slips past.
_SHAPE: Final = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)", re.ASCII)
_NAME: Final = re.compile(r"[!-~]{1,128}", re.ASCII)
_SCOPE: Final = re.compile(r"(?:[!#-\[\]-~]+(?: [!#-\[\]-~]+)*)?", re.ASCII)
"""RFC 6749, section 3.3; the empty one grants nothing."""
_BRACKETS: Final = re.compile(rb"[\[\]{}]")
_HEADER: Final = frozenset({"alg", "typ", "kid"})


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What a token that is good says. What its user may do is looked up, so that a role taken away is gone at once."""

    user_id: str
    session_id: str
    token_id: str
    issued_at: int
    """Unix time, seconds; likewise below."""
    expires_at: int
    client_id: str = OWN_CLIENT
    """Whom it was given to (RFC 9068, section 2.2)."""
    scope: str | None = None
    """What it is limited to, in OAuth's spelling; None: everything that its user may do."""


def key_id_of(text: str, algorithm: str) -> str | None:
    """Look at a text that may be an access token, and at nothing else: no key, no store.

    Returns:
        The id of the key that it says it is signed with; None where it cannot be a token of ours.
    """
    if not isinstance(text, str) or len(text) > MAX_CHARACTERS:
        return None
    found = _SHAPE.fullmatch(text)
    if found is None or len(found[1]) > MAX_HEADER_CHARACTERS:
        return None
    header, claims, signature = (_decoded(part) for part in found.groups())
    if header is None or claims is None or signature is None:
        return None
    read = _read(header)
    if read is None or read.keys() != _HEADER or _read(claims) is None:
        return None
    if read["typ"] != TYPE or read["alg"] != algorithm or not _is_name(read["kid"]):
        return None
    return str(read["kid"])


def check_claims(claims: Mapping[str, Any], issuer: str, audience: str, now: float) -> AccessToken | None:
    """Read the claims of a token whose signature is right; None where they are not what we sign, or it has expired."""
    issued_at, expires_at, not_before = claims.get("iat"), claims.get("exp"), claims.get("nbf", 0)
    if not _is_time(issued_at) or not _is_time(expires_at) or not _is_time(not_before):
        return None
    if claims.get("iss") != issuer or claims.get("aud") != audience:
        return None
    names = [claims.get(name) for name in ("sub", "sid", "jti", "client_id")]
    scope = claims.get("scope")
    if not all(_is_name(name) for name in names) or not (scope is None or _is_scope(scope)):
        return None
    in_time = max(issued_at, not_before) - LEEWAY_S <= now < expires_at + LEEWAY_S
    if not in_time or not 0 < expires_at - issued_at <= MAX_LIFETIME_S:
        return None
    return AccessToken(str(names[0]), str(names[1]), str(names[2]), issued_at, expires_at, str(names[3]), scope)


def _decoded(part: str) -> bytes | None:
    """The bytes of a part that is spelt in the one right way; several spellings would decode alike."""
    if len(part) % 4 == 1:
        return None
    data = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    return data if base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii") == part else None


def _read(data: bytes) -> dict[str, Any] | None:
    if len(_BRACKETS.findall(data)) > MAX_BRACKETS:
        return None
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_without_repeats, parse_constant=_refuse)
    except (ValueError, OverflowError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        msg = "a name comes twice"
        raise ValueError(msg)
    return found


def _refuse(_: str) -> None:
    msg = "not a number of JSON"
    raise ValueError(msg)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def _is_scope(value: object) -> bool:
    return isinstance(value, str) and _SCOPE.fullmatch(value) is not None


def _is_time(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53
