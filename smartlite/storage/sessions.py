"""Sessions, as rows. Must not know how a refresh token is made or compared, nor when a session is good."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, exists, insert, select, update

from smartlite.domain.identity import HeldSession, Page, Session
from smartlite.errors import NotFound
from smartlite.storage.database import ReadSession, WriteSession
from smartlite.storage.oauth_tables import OAuthGrantRow
from smartlite.storage.tables import USER_AGENT_CHARACTERS, SessionRow, UserRoleRow, UserRow
from smartlite.storage.users import USER, user_of

SESSION: Final = (
    SessionRow.id,
    SessionRow.user_id,
    SessionRow.created_at,
    SessionRow.last_used_at,
    SessionRow.expires_at,
    SessionRow.revoked_at,
    SessionRow.user_agent,
    SessionRow.address,
    SessionRow.generation,
    SessionRow.family_hash,
    SessionRow.refresh_hash,
    SessionRow.previous_refresh_hash,
    SessionRow.rotated_at,
    SessionRow.rotation_salt,
)
"""The columns of a ``Session``, in its order."""


async def add(session: WriteSession, added: Session) -> None:
    """Add a session. What a client says of itself is cut to what fits.

    Raises:
        NotFound: There is no such user (``user_id``).
    """
    row = asdict(added) | {
        "user_agent": added.user_agent[:USER_AGENT_CHARACTERS],
        "address": added.address and added.address[:64],
    }
    try:
        await session.write(insert(SessionRow).values(row))
    except NotFound as error:
        raise NotFound(f"There is no user '{added.user_id}'.", "user_id") from error


async def with_user(session: ReadSession, session_id: str) -> HeldSession | None:
    """A session, its user and the user's roles, in one query; also one that has ended, or of a user who is kept out."""
    rows = await session.rows(
        select(*SESSION, *USER, UserRoleRow.role)
        .join(UserRow, UserRow.id == SessionRow.user_id)
        .outerjoin(UserRoleRow, UserRoleRow.user_id == SessionRow.user_id)
        .where(SessionRow.id == session_id)
    )
    if not rows:
        return None
    roles = frozenset(row.role for row in rows if row.role is not None)
    return HeldSession(session_of(rows[0]), user_of(rows[0][len(SESSION) :]), roles)


async def locked(session: WriteSession, session_id: str) -> Session | None:
    """The session with an id, which nobody else changes until this unit of work ends."""
    row = await session.row(select(*SESSION).where(SessionRow.id == session_id).with_for_update())
    return None if row is None else session_of(row)


async def rotate(session: WriteSession, rotated: Session) -> bool:
    """Put the next refresh token in the place of the good one.

    Returns:
        Whether the session was there, not revoked, and of the generation before.
    """
    values = {
        "generation": rotated.generation,
        "refresh_hash": rotated.refresh_hash,
        "previous_refresh_hash": rotated.previous_refresh_hash,
        "rotated_at": rotated.rotated_at,
        "rotation_salt": rotated.rotation_salt,
        "last_used_at": rotated.last_used_at,
    }
    wanted = (
        SessionRow.id == rotated.id,
        SessionRow.generation == rotated.generation - 1,
        SessionRow.revoked_at.is_(None),
    )
    return bool(await session.write(update(SessionRow).where(*wanted).values(values)))


async def page_of_user(
    session: ReadSession, user_id: str, *, now: datetime, after: str | None = None, limit: int = 50
) -> Page[Session]:
    """A user's sessions that have not ended, in the order in which they began; from after the session ``after``.

    Those that clients of OAuth hold are left out: see ``smartlite.storage.oauth_grants``.
    """
    is_a_clients = exists().where(OAuthGrantRow.session_id == SessionRow.id)
    query = select(*SESSION).where(*_open(user_id, now), ~is_a_clients).order_by(SessionRow.id).limit(limit + 1)
    if after is not None:
        query = query.where(SessionRow.id > after)
    found = tuple(map(session_of, await session.rows(query)))
    return Page(found[:limit], found[limit - 1].id if len(found) > limit else None)


async def revoke(session: WriteSession, session_id: str, at: datetime) -> bool:
    """End a session for good.

    Returns:
        Whether it was there and had not been revoked; the time of the first revocation stays.
    """
    wanted = (SessionRow.id == session_id, SessionRow.revoked_at.is_(None))
    return bool(await session.write(update(SessionRow).where(*wanted).values(revoked_at=at)))


async def revoke_of_user(session: WriteSession, user_id: str, at: datetime, *, but: str | None = None) -> int:
    """End every session of a user, or every other one.

    Returns:
        How many were ended.
    """
    query = update(SessionRow).where(*_open(user_id, at))
    if but is not None:
        query = query.where(SessionRow.id != but)
    return await session.write(query.values(revoked_at=at))


async def make_room(session: WriteSession, user_id: str, now: datetime, most: int) -> None:
    """Forget a user's sessions that have expired, and end the oldest of more than ``most``."""
    await session.write(delete(SessionRow).where(SessionRow.user_id == user_id, SessionRow.expires_at <= now))
    newest_first = select(SessionRow.id).where(*_open(user_id, now)).order_by(SessionRow.id.desc())
    over = [row.id for row in await session.rows(newest_first.offset(most).limit(1000))]
    if over:
        await session.write(update(SessionRow).where(SessionRow.id.in_(over)).values(revoked_at=now))


def _open(user_id: str, now: datetime) -> tuple[Any, ...]:
    return (SessionRow.user_id == user_id, SessionRow.revoked_at.is_(None), SessionRow.expires_at > now)


def session_of(row: Sequence[Any]) -> Session:
    """The session whose columns a row begins with, in the order of ``SESSION``."""
    return Session(*row[: len(SESSION)])
