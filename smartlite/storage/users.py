"""Users and the roles that they have, as rows. Must not know what a role allows."""

import unicodedata
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import delete, insert, select, update

from smartlite.domain.identity import Page, User
from smartlite.errors import AlreadyExists, NotFound
from smartlite.storage.columns import fitting
from smartlite.storage.database import ReadSession, WriteSession
from smartlite.storage.roles import role_name
from smartlite.storage.tables import EMAIL_CHARACTERS, NAME_CHARACTERS, UserRoleRow, UserRow

USER = (UserRow.id, UserRow.email, UserRow.name, UserRow.is_active, UserRow.created_at)
"""The columns of a ``User``, in its order."""


async def add(session: WriteSession, user: User, roles: Collection[str] = ()) -> None:
    """Add a user.

    Raises:
        AlreadyExists: Somebody has the address, in whichever case (``email``).
        InvalidRequest: The address, the name or a role is too long, or a role has a space at an end.
    """
    row = {
        "id": user.id,
        "email": fitting(user.email, EMAIL_CHARACTERS, "email"),
        "email_key": fitting(email_key(user.email), EMAIL_CHARACTERS, "email"),
        "name": fitting(user.name, NAME_CHARACTERS, "name"),
        "is_active": user.is_active,
        "created_at": user.created_at,
    }
    try:
        await session.write(insert(UserRow).values(row))
    except AlreadyExists as error:
        raise AlreadyExists("There is a user with this e-mail address.", "email") from error
    await _give(session, user.id, roles)


async def get(session: ReadSession, user_id: str) -> User | None:
    """The user with an id."""
    row = await session.row(select(*USER).where(UserRow.id == user_id))
    return None if row is None else User(*row)


async def by_email(session: ReadSession, email: str) -> User | None:
    """The user with an address, in whichever case."""
    row = await session.row(select(*USER).where(UserRow.email_key == email_key(email)))
    return None if row is None else User(*row)


async def with_password(session: ReadSession, email: str) -> tuple[User, str | None] | None:
    """The user with an address, in whichever case, and the hash of their password; None where they have none."""
    row = await session.row(select(*USER, UserRow.password_hash).where(UserRow.email_key == email_key(email)))
    return None if row is None else (user_of(row), row.password_hash)


async def locked_password(session: WriteSession, user_id: str) -> str | None:
    """The hash of a user's password, which nobody else changes until this unit of work ends.

    Returns:
        None where the user is not there, is kept out or has no password.
    """
    wanted = (UserRow.id == user_id, UserRow.is_active.is_(True))
    row = await session.row(select(UserRow.password_hash).where(*wanted).with_for_update())
    return None if row is None else row.password_hash


async def set_password(session: WriteSession, user_id: str, password_hash: str | None) -> None:
    """Give a user another password, or none.

    Raises:
        NotFound: There is no such user.
    """
    if not await session.write(update(UserRow).where(UserRow.id == user_id).values(password_hash=password_hash)):
        raise _unknown(user_id)


async def page(session: ReadSession, *, after: str | None = None, limit: int = 50) -> Page[User]:
    """Users in the order of their ids, which is that in which they were made; from after the user ``after``."""
    query = select(*USER).order_by(UserRow.id).limit(limit + 1)
    if after is not None:
        query = query.where(UserRow.id > after)
    users = tuple(User(*row) for row in await session.rows(query))
    return Page(users[:limit], users[limit - 1].id if len(users) > limit else None)


async def set_active(session: WriteSession, user_id: str, is_active: bool) -> None:
    """Let a user in or keep one out.

    Raises:
        NotFound: There is no such user.
    """
    if not await session.write(update(UserRow).where(UserRow.id == user_id).values(is_active=is_active)):
        raise _unknown(user_id)


async def set_roles(session: WriteSession, user_id: str, roles: Collection[str]) -> None:
    """Give a user these roles and no others. Whether there are such roles is the caller's business.

    Raises:
        NotFound: There is no such user.
        InvalidRequest: The name of a role is too long, or has a space at an end.
    """
    # Locked, so that of two who do this at the same time the second replaces what the first wrote.
    if await session.row(select(UserRow.id).where(UserRow.id == user_id).with_for_update()) is None:
        raise _unknown(user_id)
    await session.write(delete(UserRoleRow).where(UserRoleRow.user_id == user_id))
    await _give(session, user_id, roles)


async def roles_of(session: ReadSession, user_id: str) -> frozenset[str]:
    """The names of a user's roles; none where there is no such user."""
    rows = await session.rows(select(UserRoleRow.role).where(UserRoleRow.user_id == user_id))
    return frozenset(row.role for row in rows)


def user_of(row: Sequence[Any]) -> User:
    """The user whose columns a row begins with, in the order of ``USER``."""
    return User(*row[: len(USER)])


def email_key(email: str) -> str:
    """An address without case, spaces around it or other ways to write its letters (Unicode's NFKC, case folding)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", email).casefold()).strip()


async def _give(session: WriteSession, user_id: str, roles: Collection[str]) -> None:
    rows = [{"user_id": user_id, "role": role_name(role, "roles")} for role in sorted(set(roles))]
    if rows:
        await session.write(insert(UserRoleRow).values(rows))


def _unknown(user_id: str) -> NotFound:
    return NotFound(f"There is no user '{user_id[:64]}'.", "user_id")
