"""What clients of OAuth 2.0 were given, and the codes that they get it by, as rows. Must not know when it is good."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, insert, select, update

from smartlite.domain.identity import Page
from smartlite.domain.oauth import Code, Grant, HeldGrant, OAuthClient
from smartlite.errors import NotFound
from smartlite.storage.database import ReadSession, WriteSession
from smartlite.storage.oauth_clients import CLIENT, client_of
from smartlite.storage.oauth_tables import OAuthClientRow, OAuthCodeRow, OAuthGrantRow
from smartlite.storage.sessions import SESSION, session_of
from smartlite.storage.tables import SessionRow, UserRoleRow, UserRow
from smartlite.storage.users import USER, user_of

_GRANT: Final = (
    OAuthGrantRow.id,
    OAuthGrantRow.session_id,
    OAuthGrantRow.client_id,
    OAuthGrantRow.scopes,
    OAuthGrantRow.created_at,
)
_CODE: Final = (
    OAuthCodeRow.code_hash,
    OAuthCodeRow.client_id,
    OAuthCodeRow.user_id,
    OAuthCodeRow.redirect_uri,
    OAuthCodeRow.code_challenge,
    OAuthCodeRow.scopes,
    OAuthCodeRow.expires_at,
    OAuthCodeRow.grant_id,
)
_CODES_KEPT: Final = timedelta(days=1)
"""After they expired; whoever uses one later is refused as if it had never been."""


async def add(session: WriteSession, grant: Grant) -> None:
    """Add a grant to a session that is there.

    Raises:
        NotFound: There is no such session, or no such client.
    """
    row = {
        "id": grant.id,
        "session_id": grant.session_id,
        "client_id": grant.client_id,
        "scopes": grant.scopes,
        "created_at": grant.created_at,
    }
    await session.write(insert(OAuthGrantRow).values(row))


async def with_user(session: ReadSession, grant_id: str) -> HeldGrant | None:
    """A grant with its client, session, user and the user's roles, in one query; also one that is good no more."""
    rows = await session.rows(
        select(*_GRANT, *CLIENT, *SESSION, *USER, UserRoleRow.role)
        .join(OAuthClientRow, OAuthClientRow.id == OAuthGrantRow.client_id)
        .join(SessionRow, SessionRow.id == OAuthGrantRow.session_id)
        .join(UserRow, UserRow.id == SessionRow.user_id)
        .outerjoin(UserRoleRow, UserRoleRow.user_id == SessionRow.user_id)
        .where(OAuthGrantRow.id == grant_id)
    )
    if not rows:
        return None
    roles = frozenset(row.role for row in rows if row.role is not None)
    first = rows[0]
    rest = first[len(_GRANT) :]
    of_session = rest[len(CLIENT) :]
    user = user_of(of_session[len(SESSION) :])
    return HeldGrant(_grant(first), client_of(rest), session_of(of_session), user, roles)


async def get(session: ReadSession, grant_id: str) -> Grant | None:
    """The grant with an id."""
    row = await session.row(select(*_GRANT).where(OAuthGrantRow.id == grant_id))
    return None if row is None else _grant(row)


async def of_session(session: ReadSession, session_id: str) -> Grant | None:
    """The grant that a session belongs to; None where it is nobody's but its user's."""
    row = await session.row(select(*_GRANT).where(OAuthGrantRow.session_id == session_id))
    return None if row is None else _grant(row)


async def page_of_user(
    session: ReadSession, user_id: str, *, now: datetime, after: str | None = None, limit: int = 50
) -> Page[tuple[Grant, OAuthClient]]:
    """What a user has given and not taken back, in the order in which it was given; from after the grant ``after``."""
    query = (
        select(*_GRANT, *CLIENT)
        .join(SessionRow, SessionRow.id == OAuthGrantRow.session_id)
        .join(OAuthClientRow, OAuthClientRow.id == OAuthGrantRow.client_id)
        .where(
            SessionRow.user_id == user_id,
            SessionRow.revoked_at.is_(None),
            SessionRow.expires_at > now,
            OAuthClientRow.revoked_at.is_(None),
        )
        .order_by(OAuthGrantRow.id)
        .limit(limit + 1)
    )
    if after is not None:
        query = query.where(OAuthGrantRow.id > after)
    found = tuple((_grant(row), client_of(row[len(_GRANT) :])) for row in await session.rows(query))
    return Page(found[:limit], found[limit - 1][0].id if len(found) > limit else None)


async def add_code(session: WriteSession, code: Code) -> None:
    """Add a code, and forget those of its client that nobody needs to know any more.

    Raises:
        NotFound: There is no such client, or no such user.
    """
    past = (OAuthCodeRow.client_id == code.client_id, OAuthCodeRow.expires_at <= code.expires_at - _CODES_KEPT)
    await session.write(delete(OAuthCodeRow).where(*past))
    row = {
        "code_hash": code.code_hash,
        "client_id": code.client_id,
        "user_id": code.user_id,
        "redirect_uri": code.redirect_uri,
        "code_challenge": code.code_challenge,
        "scopes": code.scopes,
        "expires_at": code.expires_at,
        "grant_id": code.grant_id,
    }
    try:
        await session.write(insert(OAuthCodeRow).values(row))
    except NotFound as error:
        raise NotFound("There is no such client, or no such user.", "client_id") from error


async def locked_code(session: WriteSession, code_hash: bytes) -> Code | None:
    """The code with a hash, which nobody else changes until this unit of work ends."""
    row = await session.row(select(*_CODE).where(OAuthCodeRow.code_hash == code_hash).with_for_update())
    return None if row is None else Code(*row)


async def use_code(session: WriteSession, code_hash: bytes, grant_id: str) -> bool:
    """Note what a code was exchanged for.

    Returns:
        Whether it was unused.
    """
    wanted = (OAuthCodeRow.code_hash == code_hash, OAuthCodeRow.grant_id.is_(None))
    return bool(await session.write(update(OAuthCodeRow).where(*wanted).values(grant_id=grant_id)))


def _grant(row: Sequence[Any]) -> Grant:
    return Grant(*row[: len(_GRANT)])
