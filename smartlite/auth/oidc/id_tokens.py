"""What a provider signed, checked; the only module that knows joserfc besides its keys. Must not know accounts.

(OpenID Connect Core 1.0, section 3.1.3.7.)
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeGuard

from joserfc import jws, jwt
from joserfc.errors import JoseError

from smartlite.auth.oidc.discovery import Discovery
from smartlite.errors import ExternalSignInFailed, ProviderFailed

ALGORITHMS: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "Ed25519",
)
"""Asymmetric ones alone."""
MAX_CHARACTERS: Final = 16 * 1024
LEEWAY_S: Final = 60
MAX_AGE_S: Final = 600
"""Since it was signed: it was signed for this sign-in."""
MAX_SUBJECT_CHARACTERS: Final = 255

_FAULTS: Final = (JoseError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who signed in, as the provider has it."""

    subject: str
    email: str | None
    """None where it is not verified."""
    name: str


async def read_id_token(
    text: str, discovery: Discovery, issuer: str, client_id: str, nonce: str, now: datetime
) -> Identity:
    """Check what a provider signed.

    Raises:
        ExternalSignInFailed: 400, it was signed for another sign-in than this one.
        ProviderFailed: 502, it is not what a provider may answer.
        ProviderUnavailable: 503, its keys cannot be fetched.
    """
    if len(text) > MAX_CHARACTERS or not text.isascii():
        raise _bad("size")
    try:
        header = jws.extract_compact(text.encode("ascii")).headers()
    except _FAULTS:
        raise _bad("shape") from None
    algorithm, key_id = header.get("alg"), header.get("kid")
    if algorithm not in ALGORITHMS or not isinstance(key_id, str | None) or "crit" in header:
        raise _bad("algorithm")
    key = await discovery.key(key_id, str(algorithm))
    if key is None:
        raise _bad("key")
    try:
        claims = jwt.decode(text, key, algorithms=[str(algorithm)]).claims
    except _FAULTS:
        raise _bad("signature") from None
    return _read(claims, issuer, client_id, nonce, now.timestamp())


def _read(claims: Mapping[str, Any], issuer: str, client_id: str, nonce: str, now: float) -> Identity:
    if claims.get("iss") != issuer:
        raise _bad("iss")
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    # One that is also for others is not for us alone, whatever ``azp`` says of it.
    if named != [client_id] or claims.get("azp", client_id) != client_id:
        raise _bad("aud")
    issued_at, expires_at, not_before = claims.get("iat"), claims.get("exp"), claims.get("nbf", 0)
    if not _is_time(issued_at) or not _is_time(expires_at) or not _is_time(not_before):
        raise _bad("times")
    is_in_time = max(issued_at, not_before) - LEEWAY_S <= now < expires_at + LEEWAY_S
    if not is_in_time or now >= issued_at + MAX_AGE_S + LEEWAY_S:
        raise _bad("times")
    shown = claims.get("nonce")
    if not isinstance(shown, str) or not hmac.compare_digest(shown.encode("utf-8", "replace"), nonce.encode("ascii")):
        raise ExternalSignInFailed("The identity provider's answer is for another sign-in; begin again.")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT_CHARACTERS or not _is_plain(subject):
        raise _bad("sub")
    email, name = claims.get("email"), claims.get("name")
    # The string "true", which some providers send, is not what the specification has: nobody is believed half.
    is_verified = claims.get("email_verified") is True and isinstance(email, str) and _is_address(email)
    shown_name = "".join(filter(str.isprintable, name)) if isinstance(name, str) else ""
    return Identity(subject, str(email) if is_verified else None, shown_name.strip()[:200])


def _is_time(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 2**53


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _is_address(text: str) -> bool:
    local, _, domain = text.rpartition("@")
    return bool(local and domain) and len(text) <= 254 and text.isprintable() and " " not in text


def _bad(what: str) -> ProviderFailed:
    return ProviderFailed(f"The identity provider signed something that cannot be right ({what}).")
