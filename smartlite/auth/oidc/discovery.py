"""What a provider says of itself, and the keys that it signs with; remembered for a while. Must not know tokens.

(OpenID Connect Discovery 1.0; RFC 7517.)
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey

from smartlite.auth.oidc.asking import Asking
from smartlite.errors import ProviderFailed
from smartlite.public_url import is_loopback, secure_parts

FRESH: Final = timedelta(minutes=10)
ASKED_AGAIN: Final = timedelta(minutes=1)
"""Sooner than that no keys are fetched for one that is not known: key ids can be invented."""
MAX_KEYS: Final = 100
_MIN_RSA_BITS: Final = 2048
_KINDS: Final = ("RSA", "EC", "OKP")

PublicKey = RSAKey | ECKey | OKPKey
"""Never a shared secret, so that nobody signs with a public key."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where a provider does what."""

    authorization: str
    token: str
    keys: str
    token_methods: object
    """How clients show who they are, as it was told."""
    names_itself: bool
    """Whether it says in every answer who it is (RFC 9207)."""


class Discovery:
    """Knows one provider. Used in one event loop.

    Args:
        issuer: As it is configured.
        asking: Asks it.
        clock: Tells the time in UTC.
    """

    def __init__(self, issuer: str, asking: Asking, clock: Callable[[], datetime]) -> None:
        self._issuer = issuer
        self._asking = asking
        self._clock = clock
        self._endpoints: tuple[datetime, Endpoints] | None = None
        self._keys: tuple[datetime, list[tuple[dict[str, Any], PublicKey]]] | None = None
        self._reading = asyncio.Lock()

    async def endpoints(self) -> Endpoints:
        """Where it does what.

        Raises:
            ProviderUnavailable: 503, as ``Asking.get``.
            ProviderFailed: 502, it says that it is another one, or something that is not safe.
        """
        async with self._reading:
            if self._endpoints is None or not self._is_within(self._endpoints[0], FRESH):
                told = await self._asking.get(self._issuer.rstrip("/") + "/.well-known/openid-configuration")
                self._endpoints = (self._clock(), self._read(told))
            return self._endpoints[1]

    async def key(self, key_id: str | None, algorithm: str) -> PublicKey | None:
        """The key that a token is signed with; None where it has no such key. Raises as ``endpoints`` does."""
        url = (await self.endpoints()).keys
        async with self._reading:
            if self._keys is None or not self._is_within(self._keys[0], FRESH):
                await self._fetch_keys(url)
            found = self._named(key_id, algorithm)
            if found is None and self._keys is not None and not self._is_within(self._keys[0], ASKED_AGAIN):
                await self._fetch_keys(url)
                found = self._named(key_id, algorithm)
            return found

    def _named(self, key_id: str | None, algorithm: str) -> PublicKey | None:
        fitting = [
            key
            for told, key in (self._keys or (None, []))[1]
            if told.get("alg") in (None, algorithm) and (key_id is None or told.get("kid") == key_id)
        ]
        # Without a name only one can be meant (OpenID Connect Core 1.0, section 10.1).
        return fitting[0] if len(fitting) == 1 or (fitting and key_id is not None) else None

    async def _fetch_keys(self, url: str) -> None:
        told = (await self._asking.get(url)).get("keys")
        if not isinstance(told, list) or len(told) > MAX_KEYS:
            raise ProviderFailed("The identity provider shows no keys.")
        read = [(each, key) for each in told if isinstance(each, dict) and (key := _public_key(each)) is not None]
        self._keys = (self._clock(), read)

    def _read(self, told: dict[str, Any]) -> Endpoints:
        if told.get("issuer") != self._issuer:
            raise ProviderFailed("The identity provider says that it is another one than the one configured.")
        return Endpoints(
            authorization=self._safe(told.get("authorization_endpoint")),
            token=self._safe(told.get("token_endpoint")),
            keys=self._safe(told.get("jwks_uri")),
            token_methods=told.get("token_endpoint_auth_methods_supported"),
            names_itself=told.get("authorization_response_iss_parameter_supported") is True,
        )

    def _safe(self, url: object) -> str:
        """An address, if we may ask there: a provider that is elsewhere names none of this machine."""
        parts, own = secure_parts(url) if isinstance(url, str) else None, secure_parts(self._issuer)
        is_inside = parts is not None and is_loopback(parts.hostname or "")
        if parts is None or own is None or (is_inside and not is_loopback(own.hostname or "")):
            raise ProviderFailed("The identity provider names an address that is not safe, or none.")
        return str(url)

    def _is_within(self, since: datetime, most: timedelta) -> bool:
        return since <= self._clock() < since + most


def _public_key(told: dict[str, Any]) -> PublicKey | None:
    if told.get("kty") not in _KINDS or told.get("use") not in (None, "sig") or "d" in told:
        return None
    try:
        key = JWKRegistry.import_key(told)
        is_long = not isinstance(key, RSAKey) or key.raw_value.key_size >= _MIN_RSA_BITS
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return None
    return key if isinstance(key, RSAKey | ECKey | OKPKey) and is_long else None
