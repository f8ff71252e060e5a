"""From a client's request, by its user's word, to a code (RFC 6749, section 4.1). Must not know HTTP, nor pages.

Where a request cannot be trusted to come from its client, nobody is sent anywhere; every other answer is an address.
"""

import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from smartlite.auth.noted import Actor, note, utc_now
from smartlite.auth.oauth.found import granted
from smartlite.auth.oauth.pkce import METHOD, is_challenge
from smartlite.auth.oauth.redirect_uris import with_parameters
from smartlite.auth.oauth.scope_text import requested, scopes_of, text_of
from smartlite.auth.oauth.seal import Seal
from smartlite.auth.scopes import in_both
from smartlite.auth.sessions import Visitor
from smartlite.auth.sign_in import REFUSED, SignIn
from smartlite.domain.oauth import Code, GrantType, OAuthClient
from smartlite.errors import (
    AccessDenied,
    InvalidRequest,
    InvalidScope,
    SignInRefused,
    UnauthorizedClient,
    UnsupportedResponseType,
)
from smartlite.storage import oauth_clients, oauth_grants, users
from smartlite.storage.database import Database, retried

CODE_LASTS: Final = timedelta(seconds=60)
MAX_STATE_CHARACTERS: Final = 2048
_CODE_PREFIX: Final = "slac_"
_NO_CLIENT: Final = "This request names no program that is registered here."
_NO_ADDRESS: Final = "The program asks to be answered at an address that it did not register."
_EXPIRED: Final = "This page was open for too long, or is not one of ours. Go back to the program and begin again."

Parameters = Mapping[str, Sequence[str]]
"""Each with every value that was sent for it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A good request, for which its user has to be asked."""

    client: OAuthClient
    redirect_uri: str
    scopes: frozenset[str]
    code_challenge: str
    state: str | None


@dataclass(frozen=True, slots=True)
class Redirect:
    """The answer is for the client: the browser takes it there."""

    location: str


class Authorization:
    """Asks and answers. One for each process; every method runs in its event loop.

    Args:
        database: Where clients and codes are.
        sign_in: Knows passwords.
        seal: Keeps a request over the time in which its user is asked.
        issuer: URL of the platform (RFC 9207).
        clock: Tells the time in UTC.
    """

    def __init__(
        self, database: Database, sign_in: SignIn, seal: Seal, issuer: str, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self._database = database
        self._sign_in = sign_in
        self._seal = seal
        self._issuer = issuer
        self._clock = clock

    async def ask(self, parameters: Parameters) -> Asked | Redirect:
        """Look at a request.

        Raises:
            InvalidRequest: 400, it names no client, or an address that is not the client's.
        """
        client = await self._client(_one(parameters, "client_id"))
        redirect_uri = _one(parameters, "redirect_uri")
        if redirect_uri is None or redirect_uri not in client.redirect_uris:
            raise InvalidRequest(_NO_ADDRESS, "redirect_uri")
        state = None
        try:
            state = _one(parameters, "state")
            return _read(client, redirect_uri, parameters, state)
        except InvalidRequest as error:
            return self._refused(redirect_uri, state, error)

    async def seal(self, asked: Asked) -> str:
        """What the page sends back, so that what its user said yes to is what is given."""
        return await self._seal.close(
            {
                "client_id": asked.client.id,
                "redirect_uri": asked.redirect_uri,
                "scope": text_of(asked.scopes),
                "code_challenge": asked.code_challenge,
                "state": asked.state,
            }
        )

    async def unseal(self, text: str) -> Asked:
        """The request that a page was made for, looked at again.

        Raises:
            InvalidRequest: 400, it is not one of ours, too old, or its client was revoked meanwhile.
        """
        values = await self._seal.open(text)
        if values is None:
            raise InvalidRequest(_EXPIRED)
        client = await self._client(values["client_id"])
        scopes, redirect_uri = scopes_of(values["scope"]), str(values["redirect_uri"])
        return Asked(client, redirect_uri, scopes, str(values["code_challenge"]), values["state"])

    async def allow(self, asked: Asked, email: str, password: str, visitor: Visitor) -> Redirect:
        """Give a code for what the user with this password may do of what was asked for.

        Raises:
            SignInRefused: 401, the same for every cause.
            TooManySignIns: 429, this account, or this address, failed too often lately.
            Overloaded: 429, too many passwords are being checked.
        """
        user, password_hash = await self._sign_in.check(email, password, visitor.address)
        text = _CODE_PREFIX + secrets.token_urlsafe(32)

        async def work() -> bool:
            async with self._database.writing() as session:
                # Meanwhile the password may have been changed, or its user kept out.
                if await users.locked_password(session, user.id) != password_hash:
                    raise SignInRefused(REFUSED)
                role_scopes = await granted(session, await users.roles_of(session, user.id))
                scopes = in_both(asked.scopes, role_scopes)
                if not scopes:
                    return False
                code = Code(
                    code_hash=code_hash(text),
                    client_id=asked.client.id,
                    user_id=user.id,
                    redirect_uri=asked.redirect_uri,
                    code_challenge=asked.code_challenge,
                    scopes=scopes,
                    expires_at=self._clock() + CODE_LASTS,
                )
                await oauth_grants.add_code(session, code)
                details = {"scopes": sorted(scopes), "redirect_uri": asked.redirect_uri}
                actor = Actor(user.id, visitor.address)
                await note(session, actor, "oauth_client.allow", "oauth_client", asked.client.id, details)
            return True

        if not await retried(work):
            return self._refused(asked.redirect_uri, asked.state, AccessDenied("This user may do nothing of it."))
        answer = {"code": text, "state": asked.state, "iss": self._issuer}
        return Redirect(with_parameters(asked.redirect_uri, answer))

    def deny(self, asked: Asked) -> Redirect:
        """Tell the client that its user said no."""
        return self._refused(asked.redirect_uri, asked.state, AccessDenied("The user said no."))

    async def _client(self, client_id: str | None) -> OAuthClient:
        async with self._database.reading() as session:
            client = None if client_id is None else await oauth_clients.get(session, client_id)
        if client is None or client.revoked_at is not None:
            raise InvalidRequest(_NO_CLIENT, "client_id")
        return client

    def _refused(self, redirect_uri: str, state: str | None, error: InvalidRequest) -> Redirect:
        code = error.code if isinstance(error, _WITH_OWN_CODE) else "invalid_request"
        answer = {"error": code, "error_description": error_description(error.message)}
        return Redirect(with_parameters(redirect_uri, {**answer, "state": state, "iss": self._issuer}))


def code_hash(text: str) -> bytes:
    """What is kept of a code: SHA-256, 32 bytes."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def error_description(message: str) -> str:
    """The message in the characters that RFC 6749, section 5.2 allows."""
    return "".join(character if " " <= character <= "~" and character not in '"\\' else "'" for character in message)


def _one(parameters: Parameters, name: str) -> str | None:
    """The value; None where there is none, or an empty one (RFC 6749, section 3.1)."""
    values = parameters.get(name, ())
    if len(values) > 1:
        raise InvalidRequest(f"'{name}' was sent {len(values)} times; it takes one value.", name)
    return values[0] or None if values else None


def _read(client: OAuthClient, redirect_uri: str, parameters: Parameters, state: str | None) -> Asked:
    if state is not None and len(state) > MAX_STATE_CHARACTERS:
        raise InvalidRequest(f"'state' has at most {MAX_STATE_CHARACTERS} characters.", "state")
    if _one(parameters, "response_type") != "code":
        raise UnsupportedResponseType("'response_type' must be 'code'.", "response_type")
    if GrantType.AUTHORIZATION_CODE not in client.grant_types:
        raise UnauthorizedClient("This client gets no codes.", "client_id")
    if _one(parameters, "response_mode") not in {None, "query"}:
        raise InvalidRequest("'response_mode' can only be 'query'.", "response_mode")
    challenge = _one(parameters, "code_challenge")
    if challenge is None or not is_challenge(challenge) or _one(parameters, "code_challenge_method") != METHOD:
        raise InvalidRequest("'code_challenge' is needed, with 'code_challenge_method=S256'.", "code_challenge")
    return Asked(client, redirect_uri, requested(_one(parameters, "scope"), client.scopes), challenge, state)


_WITH_OWN_CODE: Final = (AccessDenied, InvalidScope, UnauthorizedClient, UnsupportedResponseType)
