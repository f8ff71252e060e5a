"""What clients are given: tokens for a code, for a refresh token, or for themselves. Must not know HTTP.

What a user gave is a session that the client holds, so that it is refreshed, ends and is ended as any other. Its tokens
name the grant and not the session, and its refresh tokens begin otherwise: nothing that only knows sessions, such as a
replica of the version before, takes them for the user's own.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from smartlite.auth.key_ring import KeyRing
from smartlite.auth.noted import Actor, note, utc_now
from smartlite.auth.oauth.authorization import code_hash
from smartlite.auth.oauth.found import FoundGrant, granted
from smartlite.auth.oauth.pkce import proves
from smartlite.auth.oauth.scope_text import requested, text_of
from smartlite.auth.refresh_tokens import CLIENT_PREFIX, SESSION, RefreshToken, parse_refresh_token
from smartlite.auth.scopes import in_both
from smartlite.auth.sessions import Sessions, Visitor
from smartlite.auth.token_guard import AccessToken
from smartlite.auth.tokens import LIFETIME_S, sign
from smartlite.domain.identity import Page, Session
from smartlite.domain.ids import new_id
from smartlite.domain.oauth import Grant, GrantType, OAuthClient
from smartlite.errors import InvalidGrant, NotFound, UnauthorizedClient
from smartlite.storage import oauth_clients, oauth_grants, sessions, users
from smartlite.storage.database import Database, WriteSession, retried

GRANT: Final = "grant"
"""Prefix of the ids of grants."""
_NO_CODE: Final = "The code is not valid: it was used, has expired, or was given for another request."
_NOT_REFRESHED: Final = "The refresh token is not valid: it was used, has expired, or its grant was taken back."

_Begun = tuple[Grant, Session, RefreshToken]


@dataclass(frozen=True, slots=True)
class Issued:
    """What a client works with."""

    access_token: str
    expires_in_s: int
    """Of the access token."""
    scope: str
    refresh_token: str | None = None

    def __repr__(self) -> str:
        return f"Issued(scope={self.scope!r})"


class Grants:
    """Grants on a database. One for each process; every method runs in its event loop.

    Args:
        database: Where they are.
        opened: Begins and refreshes sessions.
        keys: That access tokens are signed with.
        clock: Tells the time in UTC.
    """

    def __init__(
        self, database: Database, opened: Sessions, keys: KeyRing, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self._database = database
        self._sessions = opened
        self._keys = keys
        self._clock = clock

    async def find(self, grant_id: str) -> FoundGrant | None:
        """A grant by its id, with its user: the question of ``SessionCheck``."""
        async with self._database.reading() as session:
            held = await oauth_grants.with_user(session, grant_id)
            return None if held is None else FoundGrant(held, await granted(session, held.roles))

    async def exchange(
        self, client: OAuthClient, code: str, redirect_uri: str, verifier: str, visitor: Visitor
    ) -> Issued:
        """Give tokens for a code. If it was used before, what was given for it is taken back.

        Raises:
            InvalidGrant: 400, it is not good, whatever the reason.
            UnauthorizedClient: 400, this client gets no codes.
        """
        _check(client, GrantType.AUTHORIZATION_CODE)

        async def work() -> _Begun | None:
            async with self._database.writing() as session:
                return await self._exchange(session, client, code, redirect_uri, verifier, visitor)

        begun = await retried(work)
        if begun is None:
            raise InvalidGrant(_NO_CODE, "code")
        return await self._issued(client, begun, begun[0].scopes)

    async def refresh(self, client: OAuthClient, text: str, scope: str | None, visitor: Visitor) -> Issued:
        """Take a refresh token and give the next, with another access token; see ``Sessions.refresh``.

        Args:
            client: Who asks.
            text: The refresh token.
            scope: What the access token is limited to; None: all that was given.
            visitor: Who asks, as far as it can be seen.

        Raises:
            InvalidGrant: 400, it is not good, whatever the reason. If it was used before, the grant has ended.
            InvalidScope: 400, more than was given.
            UnauthorizedClient: 400, this client gets no refresh tokens.
        """
        _check(client, GrantType.REFRESH_TOKEN)
        shown = parse_refresh_token(text, CLIENT_PREFIX)
        if shown is None:
            raise InvalidGrant(_NOT_REFRESHED, "refresh_token")

        async def work() -> tuple[_Begun, frozenset[str]] | None:
            async with self._database.writing() as session:
                grant = await oauth_grants.of_session(session, shown.session_id)
                if grant is None or grant.client_id != client.id or not await _is_good(session, client):
                    return None
                scopes = requested(scope, grant.scopes)
                followed = await self._sessions.follow(session, shown, visitor)
            return None if followed is None else ((grant, *followed), scopes)

        followed = await retried(work)
        if followed is None:
            raise InvalidGrant(_NOT_REFRESHED, "refresh_token")
        return await self._issued(client, *followed)

    async def for_itself(self, client: OAuthClient, scope: str | None) -> Issued:
        """Give a client a token of its own (RFC 6749, section 4.4).

        Raises:
            InvalidScope: 400, more than the client may be given.
            UnauthorizedClient: 400, this client gets none, or whoever registered it may do nothing of it now.
        """
        _check(client, GrantType.CLIENT_CREDENTIALS)
        asked = requested(scope, client.scopes)
        async with self._database.reading() as session:
            owner = await users.get(session, client.user_id)
            scopes = in_both(asked, await granted(session, await users.roles_of(session, client.user_id)))
        if owner is None or not owner.is_active or not scopes:
            raise UnauthorizedClient("Whoever registered this client may do nothing of it now.", "scope")
        now = int(self._clock().timestamp())
        text = text_of(scopes)
        token = AccessToken(client.id, client.id, new_id("tok"), now, now + LIFETIME_S, client.id, text)
        return Issued(sign(await self._keys.signer(), token), LIFETIME_S, text)

    async def page(self, user_id: str, after: str | None, limit: int) -> Page[tuple[Grant, OAuthClient]]:
        """What a user has given and not taken back, the oldest first."""
        async with self._database.reading() as session:
            return await oauth_grants.page_of_user(session, user_id, now=self._clock(), after=after, limit=limit)

    async def revoke(self, actor: Actor, grant_id: str, owner_id: str | None = None) -> None:
        """Take a grant back for good, of a certain user where one is named; nothing where it has ended.

        Raises:
            NotFound: 404, there is none, or it is somebody else's.
        """

        async def work() -> None:
            async with self._database.writing() as session:
                held = await oauth_grants.with_user(session, grant_id)
                if held is None or owner_id not in {None, held.user.id}:
                    raise NotFound(f"There is no grant '{grant_id[:64]}'.", "grant_id")
                await self._end(session, actor, held.grant, "oauth_grant.revoke")

        await retried(work)

    async def _exchange(
        self, session: WriteSession, client: OAuthClient, text: str, redirect_uri: str, verifier: str, visitor: Visitor
    ) -> _Begun | None:
        code = await oauth_grants.locked_code(session, code_hash(text))
        if code is None or code.client_id != client.id:
            return None
        actor = Actor(code.user_id, visitor.address)
        if code.grant_id is not None:
            used = await oauth_grants.get(session, code.grant_id)
            if used is not None:
                await self._end(session, actor, used, "oauth_grant.code_reused")
            return None
        is_same = redirect_uri == code.redirect_uri and proves(verifier, code.code_challenge)
        user = await users.get(session, code.user_id)
        if not is_same or self._clock() >= code.expires_at or user is None or not user.is_active:
            return None
        if not await _is_good(session, client):
            return None
        begun, refresh = await self._sessions.add(session, user.id, visitor, CLIENT_PREFIX)
        grant = Grant(_grant_of(begun.id), begun.id, client.id, code.scopes, self._clock())
        await oauth_grants.add(session, grant)
        if not await oauth_grants.use_code(session, code.code_hash, grant.id):
            raise InvalidGrant(_NO_CODE, "code")  # which undoes it all
        details = {"client": client.id, "scopes": sorted(grant.scopes)}
        await note(session, actor, "oauth_grant.add", "oauth_grant", grant.id, details)
        return grant, begun, refresh

    async def _end(self, session: WriteSession, actor: Actor, grant: Grant, action: str) -> None:
        if await sessions.revoke(session, grant.session_id, self._clock()):
            await note(session, actor, action, "oauth_grant", grant.id, {"client": grant.client_id})

    async def _issued(self, client: OAuthClient, begun: _Begun, scopes: frozenset[str]) -> Issued:
        grant, held, refresh = begun
        text = text_of(scopes)
        of_session = self._sessions.access_token(held, refresh)
        token = replace(of_session, session_id=grant.id, client_id=client.id, scope=text)
        left_s = max(0, token.expires_at - int(self._clock().timestamp()))
        gets_more = GrantType.REFRESH_TOKEN in client.grant_types
        return Issued(sign(await self._keys.signer(), token), left_s, text, refresh.text if gets_more else None)


def _grant_of(session_id: str) -> str:
    return f"{GRANT}_{session_id.removeprefix(f'{SESSION}_')}"


def _check(client: OAuthClient, grant_type: GrantType) -> None:
    if grant_type not in client.grant_types:
        raise UnauthorizedClient(f"This client gets no tokens by '{grant_type.value}'.", "grant_type")


async def _is_good(session: WriteSession, client: OAuthClient) -> bool:
    found = await oauth_clients.get(session, client.id)
    return found is not None and found.revoked_at is None
