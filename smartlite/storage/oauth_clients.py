"""Clients of OAuth 2.0, as rows. Must not know how a secret is made or compared, nor when a client is good."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, func, insert, select, update

from smartlite.domain.identity import Page
from smartlite.domain.oauth import ClientKind, GrantType, HeldClient, OAuthClient
from smartlite.errors import AlreadyExists, NotFound
from smartlite.storage.columns import fitting
from smartlite.storage.database import ReadSession, WriteSession
from smartlite.storage.oauth_tables import OAuthClientRow, OAuthRevokedTokenRow
from smartlite.storage.tables import NAME_CHARACTERS, UserRoleRow, UserRow
from smartlite.storage.users import USER, user_of

CLIENT: Final = (
    OAuthClientRow.id,
    OAuthClientRow.user_id,
    OAuthClientRow.name,
    OAuthClientRow.kind,
    OAuthClientRow.secret_hash,
    OAuthClientRow.redirect_uris,
    OAuthClientRow.grant_types,
    OAuthClientRow.scopes,
    OAuthClientRow.created_at,
    OAuthClientRow.revoked_at,
)
"""The columns of an ``OAuthClient``, in its order."""


async def add(session: WriteSession, client: OAuthClient) -> None:
    """Add a client.

    Raises:
        NotFound: There is no such user (``user_id``).
        InvalidRequest: The name is too long.
    """
    row = {
        "id": client.id,
        "user_id": client.user_id,
        "name": fitting(client.name, NAME_CHARACTERS, "name"),
        "kind": client.kind.value,
        "secret_hash": client.secret_hash,
        "redirect_uris": list(client.redirect_uris),
        "grant_types": sorted(client.grant_types),
        "scopes": client.scopes,
        "created_at": client.created_at,
        "revoked_at": client.revoked_at,
    }
    try:
        await session.write(insert(OAuthClientRow).values(row))
    except NotFound as error:
        raise NotFound(f"There is no user '{client.user_id}'.", "user_id") from error


async def get(session: ReadSession, client_id: str) -> OAuthClient | None:
    """The client with an id, also one that is revoked."""
    row = await session.row(select(*CLIENT).where(OAuthClientRow.id == client_id))
    return None if row is None else client_of(row)


async def with_owner(session: ReadSession, client_id: str, now: datetime) -> HeldClient | None:
    """A client, its owner, their roles, and those of its tokens that were revoked; also one that is revoked itself."""
    rows = await session.rows(
        select(*CLIENT, *USER, UserRoleRow.role)
        .join(UserRow, UserRow.id == OAuthClientRow.user_id)
        .outerjoin(UserRoleRow, UserRoleRow.user_id == OAuthClientRow.user_id)
        .where(OAuthClientRow.id == client_id)
    )
    if not rows:
        return None
    roles = frozenset(row.role for row in rows if row.role is not None)
    revoked = await session.rows(select(OAuthRevokedTokenRow.token_id).where(*_still_good(client_id, now)))
    tokens = frozenset(row.token_id for row in revoked)
    return HeldClient(client_of(rows[0]), user_of(rows[0][len(CLIENT) :]), roles, tokens)


async def page_of_user(
    session: ReadSession, user_id: str, *, after: str | None = None, limit: int = 50
) -> Page[OAuthClient]:
    """A user's clients in the order of their ids, the revoked ones too; from after the client ``after``."""
    query = select(*CLIENT).where(OAuthClientRow.user_id == user_id).order_by(OAuthClientRow.id).limit(limit + 1)
    if after is not None:
        query = query.where(OAuthClientRow.id > after)
    clients = tuple(map(client_of, await session.rows(query)))
    return Page(clients[:limit], clients[limit - 1].id if len(clients) > limit else None)


async def count_of_user(session: ReadSession, user_id: str) -> int:
    """How many clients a user has that are not revoked."""
    wanted = (OAuthClientRow.user_id == user_id, OAuthClientRow.revoked_at.is_(None))
    row = await session.row(select(func.count()).select_from(OAuthClientRow).where(*wanted))
    return 0 if row is None else int(row[0])


async def set_secret(session: WriteSession, client_id: str, secret_hash: bytes) -> bool:
    """Have another secret be the good one.

    Returns:
        Whether the client was there and not revoked.
    """
    wanted = (OAuthClientRow.id == client_id, OAuthClientRow.revoked_at.is_(None))
    return bool(await session.write(update(OAuthClientRow).where(*wanted).values(secret_hash=secret_hash)))


async def revoke(session: WriteSession, client_id: str, at: datetime) -> bool:
    """Revoke a client for good.

    Returns:
        Whether it was there and had not been revoked; the time of the first revocation stays.
    """
    wanted = (OAuthClientRow.id == client_id, OAuthClientRow.revoked_at.is_(None))
    return bool(await session.write(update(OAuthClientRow).where(*wanted).values(revoked_at=at)))


async def revoke_token(
    session: WriteSession, client_id: str, token_id: str, expires_at: datetime, now: datetime
) -> bool:
    """Note that an access token of a client's own is good no more, and forget those that have expired.

    Returns:
        Whether it was not noted before.
    """
    past = (OAuthRevokedTokenRow.client_id == client_id, OAuthRevokedTokenRow.expires_at <= now)
    await session.write(delete(OAuthRevokedTokenRow).where(*past))
    wanted = (OAuthRevokedTokenRow.client_id == client_id, OAuthRevokedTokenRow.token_id == token_id)
    if await session.row(select(OAuthRevokedTokenRow.token_id).where(*wanted)) is not None:
        return False
    row = {"client_id": client_id, "token_id": token_id, "expires_at": expires_at}
    try:
        await session.write(insert(OAuthRevokedTokenRow).values(row))
    except AlreadyExists:
        return False  # somebody else was faster
    return True


async def count_revoked_tokens(session: ReadSession, client_id: str, now: datetime) -> int:
    """How many tokens of a client were revoked and have not expired."""
    query = select(func.count()).select_from(OAuthRevokedTokenRow).where(*_still_good(client_id, now))
    row = await session.row(query)
    return 0 if row is None else int(row[0])


def client_of(row: Sequence[Any]) -> OAuthClient:
    """The client whose columns a row begins with, in the order of ``CLIENT``."""
    values = list(row[: len(CLIENT)])
    values[3] = ClientKind(values[3])
    values[5] = tuple(values[5])
    values[6] = frozenset(map(GrantType, values[6]))
    return OAuthClient(*values)


def _still_good(client_id: str, now: datetime) -> tuple[Any, ...]:
    return (OAuthRevokedTokenRow.client_id == client_id, OAuthRevokedTokenRow.expires_at > now)
