"""What a client may learn of tokens, and how it gives them back (RFC 7662, RFC 7009). Must not know HTTP."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from smartlite.auth.noted import Actor, note, utc_now
from smartlite.auth.oauth.clients import Clients
from smartlite.auth.oauth.found import FoundGrant
from smartlite.auth.oauth.grants import Grants
from smartlite.auth.oauth.scope_text import text_of
from smartlite.auth.refresh_tokens import CLIENT_PREFIX, parse_refresh_token
from smartlite.auth.scopes import Scope, in_both
from smartlite.auth.session_check import SessionCheck
from smartlite.auth.token_guard import AccessToken
from smartlite.auth.tokens import AUDIENCE
from smartlite.domain.oauth import ClientKind, OAuthClient
from smartlite.errors import InvalidClient, InvalidGrant, Overloaded
from smartlite.storage import oauth_clients, oauth_grants
from smartlite.storage.database import Database, retried

MAX_REVOKED_TOKENS: Final = 1000
"""Of one client, that have not expired."""


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """What is told of a token that is good."""

    scope: str
    client_id: str
    token_type: str
    """``Bearer``, or ``refresh_token``."""
    subject: str
    expires_at: int
    """Unix time, seconds; likewise below."""
    issued_at: int
    username: str
    audience: str | None = None
    token_id: str | None = None


class Inspection:
    """Looks at tokens and takes them back. One for each process; every method runs in its event loop.

    Args:
        database: Where grants are.
        check: Knows access tokens.
        clients: Knows clients.
        grants: Knows what clients were given.
        clock: Tells the time in UTC.
    """

    def __init__(
        self,
        database: Database,
        check: SessionCheck,
        clients: Clients,
        grants: Grants,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._database = database
        self._check = check
        self._clients = clients
        self._grants = grants
        self._clock = clock

    async def tell(self, client: OAuthClient, text: str) -> TokenFacts | None:
        """What a token is good for; None where it is not good, or none of this client's business.

        Its own tokens are; those of others where it may read users.

        Raises:
            InvalidClient: 401, the client is public: anybody could ask in its name.
        """
        if client.kind is not ClientKind.CONFIDENTIAL:
            raise InvalidClient("Only a client that has a secret may ask about tokens.")
        facts = await self._of_access_token(text) or await self._of_refresh_token(text)
        if facts is None or facts.client_id == client.id:
            return facts
        asker = await self._clients.find(client.id)
        may_ask = asker is not None and asker.held.user.is_active and Scope.USERS_READ in asker.scopes
        return facts if may_ask else None

    async def revoke(self, client: OAuthClient, text: str, address: str | None) -> None:
        """Take back what a token stands for: a grant, or a client's own access token; nothing where it is not good.

        Raises:
            InvalidGrant: 400, it was given to another client.
            Overloaded: 429, this client has taken back too many of its own for now.
        """
        shown = parse_refresh_token(text, CLIENT_PREFIX)
        if shown is not None:
            async with self._database.reading() as session:
                grant = await oauth_grants.of_session(session, shown.session_id)
                held = None if grant is None else await oauth_grants.with_user(session, grant.id)
            if held is not None and shown.is_of_family(held.session.family_hash):
                await self._end_grant(client, held.client.id, held.grant.id, address)
            return
        looked_at = await self._check.look(text)
        if looked_at is None:
            return
        token, found = looked_at
        if isinstance(found, FoundGrant):
            await self._end_grant(client, token.client_id, found.held.grant.id, address)
        elif token.client_id == client.id:
            await self._end_own(client, token)
        else:
            raise InvalidGrant("The token was given to another client.", "token")

    async def _end_grant(self, client: OAuthClient, holder_id: str, grant_id: str, address: str | None) -> None:
        if holder_id != client.id:
            raise InvalidGrant("The token was given to another client.", "token")
        await self._grants.revoke(Actor(None, address), grant_id)

    async def _end_own(self, client: OAuthClient, token: AccessToken) -> None:
        async def work() -> None:
            now = self._clock()
            async with self._database.writing() as session:
                if await oauth_clients.count_revoked_tokens(session, client.id, now) >= MAX_REVOKED_TOKENS:
                    raise Overloaded("Too many tokens of this client were revoked; they expire in 15 minutes.")
                expires_at = datetime.fromtimestamp(token.expires_at, now.tzinfo)
                if await oauth_clients.revoke_token(session, client.id, token.token_id, expires_at, now):
                    details = {"token": token.token_id}
                    await note(session, Actor(None), "oauth_client.token", "oauth_client", client.id, details)

        await retried(work)

    async def _of_access_token(self, text: str) -> TokenFacts | None:
        looked_at = await self._check.look(text)
        if looked_at is None:
            return None
        token, found = looked_at
        principal = found.principal(token)
        return TokenFacts(
            scope=text_of(principal.scopes),
            client_id=token.client_id,
            token_type="Bearer",  # noqa: S106 - the word of RFC 6750
            subject=token.user_id,
            expires_at=token.expires_at,
            issued_at=token.issued_at,
            username=principal.name,
            audience=AUDIENCE,
            token_id=token.token_id,
        )

    async def _of_refresh_token(self, text: str) -> TokenFacts | None:
        shown = parse_refresh_token(text, CLIENT_PREFIX)
        if shown is None:
            return None
        async with self._database.reading() as session:
            grant = await oauth_grants.of_session(session, shown.session_id)
            found = None if grant is None else await self._grants.find(grant.id)
        if found is None or not found.goes_on(self._clock()) or not shown.is_one_with(found.held.session.refresh_hash):
            return None
        held = found.held
        return TokenFacts(
            scope=text_of(in_both(found.role_scopes, held.grant.scopes)),
            client_id=held.client.id,
            token_type="refresh_token",  # noqa: S106 - the word of RFC 7009
            subject=held.user.id,
            expires_at=int(held.session.expires_at.timestamp()),
            issued_at=int((held.session.rotated_at or held.session.created_at).timestamp()),
            username=held.user.name,
        )
