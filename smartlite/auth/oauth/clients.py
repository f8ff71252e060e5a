"""Clients: registered, listed, revoked, and known by their secret. Must not know HTTP, nor who may.

Whoever calls has asked ``permissions`` before; what is done and the line in the audit log are one unit of work.
"""

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime
from typing import Final

from smartlite.auth.noted import Actor, note, utc_now
from smartlite.auth.oauth.client_secrets import matches, new_secret
from smartlite.auth.oauth.found import FoundClient, granted
from smartlite.auth.oauth.redirect_uris import check_redirect_uri
from smartlite.auth.oauth.scope_text import check_client_scopes
from smartlite.domain.identity import Page
from smartlite.domain.ids import new_id
from smartlite.domain.oauth import ClientKind, GrantType, OAuthClient
from smartlite.errors import InvalidClient, InvalidRequest, NotFound
from smartlite.storage import oauth_clients, users
from smartlite.storage.database import Database, retried

CLIENT: Final = "client"
"""Prefix of the ids of clients."""
MAX_PER_USER: Final = 100
"""Clients that are not revoked."""
MAX_REDIRECT_URIS: Final = 10

_REFUSED: Final = "There is no such client, or it did not show that it is the one."


class Clients:
    """Clients on a database. One for each process; every method runs in its event loop."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def find(self, client_id: str) -> FoundClient | None:
        """A client by its id, with its owner: the question of ``SessionCheck``."""
        async with self._database.reading() as session:
            held = await oauth_clients.with_owner(session, client_id, self._clock())
            return None if held is None else FoundClient(held, await granted(session, held.roles))

    async def add(
        self,
        actor: Actor,
        user_id: str,
        name: str,
        kind: ClientKind,
        grant_types: Collection[GrantType],
        scopes: Collection[str],
        redirect_uris: Collection[str] = (),
    ) -> tuple[OAuthClient, str | None]:
        """Register a client.

        Returns:
            The client and its secret, which is kept nowhere; None for a public one.

        Raises:
            InvalidRequest: 400, it says something that does not go together.
            NotFound: 404, there is no such user.
        """
        uris = tuple(dict.fromkeys(check_redirect_uri(uri, kind) for uri in redirect_uris))
        _check_kind(kind, frozenset(grant_types), uris)
        client_id = new_id(CLIENT)
        secret = new_secret(client_id) if kind is ClientKind.CONFIDENTIAL else None
        client = OAuthClient(
            id=client_id,
            user_id=user_id,
            name=_checked_name(name),
            kind=kind,
            secret_hash=None if secret is None else secret.secret_hash,
            redirect_uris=uris,
            grant_types=frozenset(grant_types),
            scopes=check_client_scopes(scopes),
            created_at=self._clock(),
        )
        async with self._database.writing() as session:
            if await oauth_clients.count_of_user(session, user_id) >= MAX_PER_USER:
                raise InvalidRequest(f"There are {MAX_PER_USER} clients already; revoke one.")
            await oauth_clients.add(session, client)
            details = {"name": name, "kind": kind.value, "scopes": sorted(client.scopes)}
            await note(session, actor, "oauth_client.add", "oauth_client", client.id, details)
        return client, None if secret is None else secret.text

    async def get(self, client_id: str, owner_id: str | None = None) -> OAuthClient:
        """A client by its id; of a certain owner where one is named.

        Raises:
            NotFound: 404, there is none, or it is somebody else's.
        """
        async with self._database.reading() as session:
            client = await oauth_clients.get(session, client_id)
        if client is None or owner_id not in {None, client.user_id}:
            raise NotFound(f"There is no client '{client_id[:64]}'.", "client_id")
        return client

    async def owner_scopes(self, client: OAuthClient) -> frozenset[str]:
        """What the roles of a client's owner grant."""
        async with self._database.reading() as session:
            return await granted(session, await users.roles_of(session, client.user_id))

    async def page(self, user_id: str, after: str | None, limit: int) -> Page[OAuthClient]:
        """A user's clients, the revoked ones too."""
        async with self._database.reading() as session:
            return await oauth_clients.page_of_user(session, user_id, after=after, limit=limit)

    async def renew_secret(self, actor: Actor, client: OAuthClient) -> tuple[OAuthClient, str]:
        """Give a client another secret; the one before is good no more, what was given by it goes on.

        Raises:
            InvalidRequest: 400, the client is public, or revoked.
        """
        if client.kind is not ClientKind.CONFIDENTIAL:
            raise InvalidRequest("A public client has no secret.", "client_id")
        secret = new_secret(client.id)

        async def work() -> None:
            async with self._database.writing() as session:
                if not await oauth_clients.set_secret(session, client.id, secret.secret_hash):
                    raise InvalidRequest("The client is revoked.", "client_id")
                await note(session, actor, "oauth_client.secret", "oauth_client", client.id)

        await retried(work)
        return replace(client, secret_hash=secret.secret_hash), secret.text

    async def revoke(self, actor: Actor, client_id: str) -> None:
        """Revoke a client for good, with everything that it was given; nothing where it was revoked before."""

        async def work() -> None:
            async with self._database.writing() as session:
                if await oauth_clients.revoke(session, client_id, self._clock()):
                    await note(session, actor, "oauth_client.revoke", "oauth_client", client_id)

        await retried(work)

    async def authenticate(self, client_id: str, secret: str | None) -> OAuthClient:
        """Find out which client asks.

        Args:
            client_id: That it says it is.
            secret: That it sent; a public client has none.

        Raises:
            InvalidClient: 401, the same for every cause.
        """
        async with self._database.reading() as session:
            client = await oauth_clients.get(session, client_id)
        secret_hash = None if client is None else client.secret_hash
        is_right = matches(client_id, secret, secret_hash) if secret is not None else secret_hash is None
        if client is None or client.revoked_at is not None or not is_right:
            raise InvalidClient(_REFUSED)
        return client


def _check_kind(kind: ClientKind, grant_types: frozenset[GrantType], uris: tuple[str, ...]) -> None:
    """Raises InvalidRequest where these do not go together."""
    if not grant_types:
        raise InvalidRequest("'grant_types': at least one.", "grant_types")
    if kind is ClientKind.PUBLIC and GrantType.CLIENT_CREDENTIALS in grant_types:
        raise InvalidRequest("'grant_types': a public client has no credentials of its own.", "grant_types")
    by_code = GrantType.AUTHORIZATION_CODE in grant_types
    if GrantType.REFRESH_TOKEN in grant_types and not by_code:
        raise InvalidRequest("'grant_types': 'refresh_token' goes with 'authorization_code'.", "grant_types")
    if by_code != bool(uris) or len(uris) > MAX_REDIRECT_URIS:
        raise InvalidRequest(
            f"'redirect_uris': 1 to {MAX_REDIRECT_URIS} with the grant type 'authorization_code', else none.",
            "redirect_uris",
        )


def _checked_name(name: str) -> str:
    """People are shown it when they are asked: it must be readable, and not turn the text around it."""
    if not name.strip() or not name.isprintable():
        raise InvalidRequest("'name' must be text that can be shown.", "name")
    return name.strip()
