"""Signing in through another provider, from the first address to a session. Must not know HTTP as we serve it.

What is under way is a row that is good once and for ten minutes, and belongs to the browser that holds its secret: a
state that somebody else was given signs nobody in (RFC 9700, section 4.7). Nonce and verifier come of that secret, so
that neither the row nor the address makes one of the others.
"""

import base64
import hashlib
import hmac
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from smartlite.auth.noted import Actor, note, utc_now
from smartlite.auth.oidc.asking import Asking
from smartlite.auth.oidc.discovery import Discovery
from smartlite.auth.oidc.id_tokens import Identity, read_id_token
from smartlite.auth.oidc.linking import user_of
from smartlite.auth.oidc.providers import KnownProvider, Provider
from smartlite.auth.refresh_tokens import RefreshToken
from smartlite.auth.sessions import Sessions, SignedIn, Visitor
from smartlite.domain.identity import Session
from smartlite.domain.oauth import ExternalSignIn
from smartlite.errors import (
    AlreadyExists,
    ExternalSignInFailed,
    ExternalSignInRefused,
    NotFound,
    ProviderFailed,
    TooManySignIns,
)
from smartlite.storage import external_accounts
from smartlite.storage.database import Database, retried

LASTS: Final = timedelta(minutes=10)
MAX_UNDER_WAY: Final = 500
"""From one address."""
MAX_CHARACTERS: Final = 4096
_UNKNOWN: Final = "This sign-in is not one that this browser began here, or it was begun too long ago. Begin again."
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Begun:
    """Where the browser goes, and what it keeps meanwhile."""

    location: str
    browser_secret: str


@dataclass(frozen=True, slots=True)
class Returned:
    """What the browser brings back from the provider."""

    state: str | None
    code: str | None = None
    issuer: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class _Known:
    known: KnownProvider
    asking: Asking
    discovery: Discovery


class ExternalSignIns:
    """Providers and what comes of them. One for each process; every method runs in its event loop.

    Args:
        database: Where accounts are.
        opened: Begins sessions.
        providers: That people may sign in through.
        public_url: URL of the platform, where providers send browsers back to.
        clock: Tells the time in UTC.
    """

    def __init__(
        self,
        database: Database,
        opened: Sessions,
        providers: Sequence[KnownProvider],
        public_url: str,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._database = database
        self._sessions = opened
        self._public_url = public_url
        self._clock = clock
        self._providers: dict[str, _Known] = {}
        for known in providers:
            asking = Asking(known)
            discovery = Discovery(known.provider.issuer, asking, clock)
            self._providers[known.provider.id] = _Known(known, asking, discovery)

    @property
    def providers(self) -> Sequence[Provider]:
        """In the order of the configuration."""
        return [each.known.provider for each in self._providers.values()]

    async def begin(self, provider_id: str, visitor: Visitor) -> Begun:
        """Send a browser to a provider.

        Raises:
            NotFound: 404, there is no such provider.
            TooManySignIns: 429, too many are under way from this address.
            ProviderUnavailable: 503, the provider cannot be reached.
            ProviderFailed: 502, it answered something that cannot be right.
        """
        found = self._provider(provider_id)
        endpoints = await found.discovery.endpoints()
        state, secret = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        now = self._clock()
        begun = ExternalSignIn(_hash(state), provider_id, _hash(secret), visitor.address, now + LASTS)

        async def work() -> None:
            async with self._database.writing() as session:
                if await external_accounts.count_under_way(session, visitor.address, now) >= MAX_UNDER_WAY:
                    raise TooManySignIns("Too many sign-ins are under way from this address.")
                await external_accounts.begin(session, begun, now)

        await retried(work)
        nonce, verifier = _derived(secret, "nonce"), _derived(secret, "verifier")
        redirect_uri = self._redirect_uri(provider_id)
        return Begun(found.asking.address(endpoints.authorization, redirect_uri, state, nonce, verifier), secret)

    async def finish(
        self, provider_id: str, returned: Returned, browser_secret: str | None, visitor: Visitor
    ) -> SignedIn:
        """Begin a session for whoever comes back.

        Raises:
            NotFound: 404, there is no such provider.
            ExternalSignInFailed: 400, this browser did not begin it, too late, or the provider refused.
            ExternalSignInRefused: 403, the account is nobody's here, or of somebody who is kept out.
            ProviderFailed: 502, the provider answered something that cannot be right.
            ProviderUnavailable: 503, the provider cannot be reached.
        """
        found = self._provider(provider_id)
        secret = await self._check_state(provider_id, returned.state, browser_secret)
        if returned.error is not None or returned.code is None:
            raise ExternalSignInFailed("The identity provider did not let you in.")
        identity = await self._identity(found, returned.code, returned.issuer, secret)
        provider = found.known.provider

        async def work() -> tuple[Session, RefreshToken]:
            async with self._database.writing() as session:
                user = await user_of(session, provider, identity, visitor.address, self._clock())
                begun = await self._sessions.add(session, user.id, visitor)
                actor, details = Actor(user.id, visitor.address), {"provider": provider.id}
                await note(session, actor, "session.sign_in", "session", begun[0].id, details)
            return begun

        try:
            try:
                begun = await retried(work)
            except AlreadyExists:  # the same account came back in two windows at once
                begun = await retried(work)
        except ExternalSignInRefused:
            _logger.info("an account of a provider was refused", extra={"provider": provider.id})
            raise
        return await self._sessions.signed_in(*begun)

    async def _identity(self, found: _Known, code: str, issuer: str | None, secret: str) -> Identity:
        provider = found.known.provider
        endpoints = await found.discovery.endpoints()
        if issuer != provider.issuer and (issuer is not None or endpoints.names_itself):
            raise ExternalSignInFailed("Another identity provider answered than the one that was asked; begin again.")
        redirect_uri, verifier = self._redirect_uri(provider.id), _derived(secret, "verifier")
        try:
            text = await found.asking.exchange(
                endpoints.token, endpoints.token_methods, redirect_uri, code[:MAX_CHARACTERS], verifier
            )
            nonce, now = _derived(secret, "nonce"), self._clock()
            return await read_id_token(text, found.discovery, provider.issuer, provider.client_id, nonce, now)
        except ProviderFailed as error:
            _logger.warning("a provider failed", extra={"provider": provider.id, "reason": error.message})
            raise

    async def _check_state(self, provider_id: str, state: str | None, browser_secret: str | None) -> str:
        if not state or not browser_secret or len(state) > MAX_CHARACTERS or len(browser_secret) > MAX_CHARACTERS:
            raise ExternalSignInFailed(_UNKNOWN, "state")

        async def work() -> ExternalSignIn | None:
            async with self._database.writing() as session:
                return await external_accounts.end(session, _hash(state))

        begun = await retried(work)
        is_this_browser = begun is not None and hmac.compare_digest(begun.browser_hash, _hash(browser_secret))
        if begun is None or not is_this_browser or begun.provider != provider_id or self._clock() >= begun.expires_at:
            raise ExternalSignInFailed(_UNKNOWN, "state")
        return browser_secret

    def _provider(self, provider_id: str) -> _Known:
        found = self._providers.get(provider_id)
        if found is None:
            raise NotFound(f"There is no provider '{provider_id[:64]}'.", "provider_id")
        return found

    def _redirect_uri(self, provider_id: str) -> str:
        return f"{self._public_url}/v1/auth/oidc/{provider_id}/callback"


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _derived(secret: str, purpose: str) -> str:
    """256 bits that follow from a secret, of which neither follows from the other: 43 characters."""
    digest = hmac.digest(secret.encode("ascii"), f"smartlite: external sign-in: {purpose}".encode("ascii"), "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
