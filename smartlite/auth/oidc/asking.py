"""How a provider is asked over HTTP: for a bounded time and answer, and nowhere else. Must not know what is asked.

No redirects (ASVS 5.0, 15.3.2), no compressed answers, whose size nobody knows, and https but for this machine.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx2
from authlib.integrations.httpx_client import AsyncOAuth2Client, OAuthError

from smartlite.auth.oidc.providers import KnownProvider
from smartlite.errors import ExternalSignInFailed, ProviderFailed, ProviderUnavailable

TIMEOUT_S: Final = 5.0
"""For a whole answer."""
MAX_BYTES: Final = 1024 * 1024
_METHODS: Final = ("client_secret_basic", "client_secret_post")
_BUSY: Final = frozenset({429, 502, 503, 504})
_logger = logging.getLogger(__name__)


class _Bounded(httpx2.AsyncBaseTransport):  # type: ignore[misc]  # the library shows us no types
    """Reads no more than ``MAX_BYTES`` of an answer. Each request has a connection of its own: they are rare."""

    def __init__(self) -> None:
        self._inner = httpx2.AsyncHTTPTransport(limits=httpx2.Limits(max_keepalive_connections=0, max_connections=20))

    async def handle_async_request(self, request: Any) -> Any:
        """See the library."""
        request.headers["accept-encoding"] = "identity"
        response = await self._inner.handle_async_request(request)
        body = bytearray()
        try:
            if response.headers.get("content-encoding", "identity") != "identity":
                raise ProviderFailed("The identity provider sent a compressed answer.")
            async for chunk in response.stream:
                body += chunk
                if len(body) > MAX_BYTES:
                    raise ProviderFailed("The identity provider sent too long an answer.")
        finally:
            await response.aclose()
        return httpx2.Response(response.status_code, content=bytes(body), request=request)


class Asking:
    """Asks one provider. Used in one event loop."""

    def __init__(self, known: KnownProvider) -> None:
        self._known = known
        self._transport: _Bounded | None = None

    async def get(self, url: str) -> dict[str, Any]:
        """Fetch a JSON object.

        Raises:
            ProviderUnavailable: 503, the provider is away, slow or busy.
            ProviderFailed: 502, what it answered is no JSON object.
        """
        async with self._translated(), httpx2.AsyncClient(**self._options()) as client:
            response = await client.get(url, headers={"accept": "application/json"})
        return _object(response)

    def address(self, url: str, redirect_uri: str, state: str, nonce: str, verifier: str) -> str:
        """Where a browser is sent to sign in.

        Args:
            url: The provider's ``authorization_endpoint``.
            redirect_uri: Where it sends the browser back to.
            state: What it sends back as it is.
            nonce: What it signs.
            verifier: What we exchange the code with (RFC 7636).
        """
        provider = self._known.provider
        client = AsyncOAuth2Client(
            client_id=provider.client_id,
            scope=" ".join(provider.scopes),
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            **self._options(),
        )
        found, _ = client.create_authorization_url(url, state=state, code_verifier=verifier, nonce=nonce)
        return str(found)

    async def exchange(self, url: str, methods: object, redirect_uri: str, code: str, verifier: str) -> str:
        """Exchange a code; the ID token.

        Args:
            url: The provider's ``token_endpoint``.
            methods: What it says of how clients show who they are.
            redirect_uri: As it was in ``address``; likewise below.
            code: That the browser brought.
            verifier: As above.

        Raises:
            ExternalSignInFailed: 400, the provider refuses the code.
            ProviderUnavailable: 503, the provider is away, slow or busy.
            ProviderFailed: 502, it answered something else than tokens.
        """
        known = self._known
        secret = None if known.secret is None else known.secret.get_secret_value()
        told = methods if isinstance(methods, list) else list(_METHODS)
        method = next((each for each in _METHODS if each in told), _METHODS[0]) if secret else "none"
        async with (
            self._translated(),
            AsyncOAuth2Client(
                client_id=known.provider.client_id,
                client_secret=secret,
                token_endpoint_auth_method=method,
                redirect_uri=redirect_uri,
                **self._options(),
            ) as client,
        ):
            client.register_compliance_hook("access_token_response", _checked)
            grant = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
            token = await client.fetch_token(url, **grant)
        found = token.get("id_token")
        if not isinstance(found, str):
            raise ProviderFailed("The identity provider sent no ID token.")
        return found

    def _options(self) -> dict[str, Any]:
        # Made with the first request: it reads certificates, and most replicas never ask.
        self._transport = self._transport or _Bounded()
        return {"transport": self._transport, "timeout": TIMEOUT_S, "follow_redirects": False, "trust_env": False}

    @asynccontextmanager
    async def _translated(self) -> AsyncIterator[None]:
        """Raise our error for the library's."""
        provider_id = self._known.provider.id
        try:
            async with asyncio.timeout(TIMEOUT_S):
                yield
        except OAuthError as error:
            _logger.warning("a provider gave no tokens", extra={"provider": provider_id, "reason": str(error.error)})
            if error.error == "invalid_grant":
                raise ExternalSignInFailed("The identity provider does not know this sign-in; begin again.") from error
            raise ProviderFailed("The identity provider refuses us.") from error
        except (TimeoutError, httpx2.TransportError, OSError) as error:
            _logger.warning("a provider is away", extra={"provider": provider_id, "reason": type(error).__name__})
            raise ProviderUnavailable("The identity provider cannot be reached for now.") from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            _logger.warning("a provider failed", extra={"provider": provider_id, "reason": type(error).__name__})
            raise ProviderFailed("The identity provider answered something that cannot be right.") from error


def _checked(response: Any) -> Any:
    """An answer of the token endpoint in which the library finds what it looks for."""
    if response.status_code in {400, 401} and isinstance(_object(response, any_status=True).get("error"), str):
        return response
    _object(response)
    return response


def _object(response: Any, any_status: bool = False) -> dict[str, Any]:
    status = response.status_code
    if status in _BUSY:
        raise ProviderUnavailable("The identity provider is not ready for now.")
    if status != httpx2.codes.OK and not any_status:
        raise ProviderFailed(f"The identity provider answered with the status {status}.")
    try:
        data = json.loads(response.content.decode("utf-8"))
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise ProviderFailed("The identity provider answered no JSON object.")
    return data
