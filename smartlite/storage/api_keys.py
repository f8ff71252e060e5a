"""API keys, as rows. Must not know how a key is made or compared, nor when it is good."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import case, insert, or_, select, update

from smartlite.domain.identity import ApiKey, HeldKey, Page, User
from smartlite.errors import AlreadyExists, NotFound
from smartlite.storage.columns import fitting
from smartlite.storage.database import ReadSession, WriteSession
from smartlite.storage.tables import NAME_CHARACTERS, ApiKeyRow, UserRoleRow, UserRow
from smartlite.storage.users import USER

_KEY: Final = (
    ApiKeyRow.id,
    ApiKeyRow.user_id,
    ApiKeyRow.name,
    ApiKeyRow.public_id,
    ApiKeyRow.secret_hash,
    ApiKeyRow.scopes,
    ApiKeyRow.created_at,
    ApiKeyRow.expires_at,
    ApiKeyRow.revoked_at,
    ApiKeyRow.last_used_at,
    ApiKeyRow.organization_id,
)
_TOUCHED_AT_ONCE: Final = 1000
"""Keys in one statement: SQLite takes 32,766 parameters, and a key has three."""


async def add(session: WriteSession, key: ApiKey) -> None:
    """Add a key.

    Raises:
        AlreadyExists: There is a key with this public part (``public_id``): make another one.
        NotFound: There is no such user (``user_id``), or no such organisation.
        InvalidRequest: The name is too long.
    """
    row = {
        "id": key.id,
        "user_id": key.user_id,
        "name": fitting(key.name, NAME_CHARACTERS, "name"),
        "public_id": key.public_id,
        "secret_hash": key.secret_hash,
        "scopes": key.scopes,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "last_used_at": key.last_used_at,
        "organization_id": key.organization_id,
    }
    try:
        await session.write(insert(ApiKeyRow).values(row))
    except AlreadyExists as error:
        raise AlreadyExists("There is a key with this public part.", "public_id") from error
    except NotFound as error:
        raise NotFound(f"There is no user '{key.user_id}'.", "user_id") from error


async def by_public_id(session: ReadSession, public_id: str) -> HeldKey | None:
    """The key with a public part, its user and the user's roles, in one query.

    Also keys that are revoked or have expired, and those of users who are kept out: the caller tells them apart.
    """
    return (await by_public_ids(session, [public_id])).get(public_id)


async def by_public_ids(session: ReadSession, public_ids: Collection[str]) -> dict[str, HeldKey]:
    """Likewise the keys with many public parts, by these, in one query; those that there are not are absent."""
    rows = await session.rows(
        select(*_KEY, *USER, UserRoleRow.role)
        .join(UserRow, UserRow.id == ApiKeyRow.user_id)
        .outerjoin(UserRoleRow, UserRoleRow.user_id == ApiKeyRow.user_id)
        .where(ApiKeyRow.public_id.in_(public_ids))
    )
    roles: dict[str, set[str]] = {}
    for row in rows:
        held = roles.setdefault(row.public_id, set())
        if row.role is not None:
            held.add(row.role)
    firsts = {row.public_id: row for row in reversed(rows)}
    return {
        public_id: HeldKey(_key(row), _user(row[len(_KEY) :]), frozenset(roles[public_id]))
        for public_id, row in firsts.items()
    }


async def get(session: ReadSession, key_id: str) -> ApiKey | None:
    """The key with an id."""
    row = await session.row(select(*_KEY).where(ApiKeyRow.id == key_id))
    return None if row is None else _key(row)


async def page_of_user(
    session: ReadSession, user_id: str, *, after: str | None = None, limit: int = 50
) -> Page[ApiKey]:
    """A user's keys in the order of their ids, the revoked ones too; from after the key ``after``."""
    query = select(*_KEY).where(ApiKeyRow.user_id == user_id).order_by(ApiKeyRow.id).limit(limit + 1)
    if after is not None:
        query = query.where(ApiKeyRow.id > after)
    keys = tuple(map(_key, await session.rows(query)))
    return Page(keys[:limit], keys[limit - 1].id if len(keys) > limit else None)


async def page_of_organization(
    session: ReadSession,
    organization_id: str,
    *,
    user_id: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[ApiKey]:
    """Likewise an organisation's keys: everybody's, or one user's."""
    query = select(*_KEY).where(ApiKeyRow.organization_id == organization_id).order_by(ApiKeyRow.id).limit(limit + 1)
    if user_id is not None:
        query = query.where(ApiKeyRow.user_id == user_id)
    if after is not None:
        query = query.where(ApiKeyRow.id > after)
    keys = tuple(map(_key, await session.rows(query)))
    return Page(keys[:limit], keys[limit - 1].id if len(keys) > limit else None)


async def revoke_of_organization(
    session: WriteSession, organization_id: str, at: datetime, *, user_id: str | None = None
) -> int:
    """Revoke an organisation's keys for good: everybody's, or one user's.

    Returns:
        How many had not been revoked.
    """
    wanted = (ApiKeyRow.organization_id == organization_id, ApiKeyRow.revoked_at.is_(None))
    query = update(ApiKeyRow).where(*wanted)
    if user_id is not None:
        query = query.where(ApiKeyRow.user_id == user_id)
    return await session.write(query.values(revoked_at=at))


async def revoke(session: WriteSession, key_id: str, at: datetime) -> bool:
    """Revoke a key for good.

    Returns:
        Whether it was there and had not been revoked; the time of the first revocation stays.
    """
    wanted = (ApiKeyRow.id == key_id, ApiKeyRow.revoked_at.is_(None))
    return bool(await session.write(update(ApiKeyRow).where(*wanted).values(revoked_at=at)))


async def expire(session: WriteSession, key_id: str, at: datetime) -> None:
    """Have a key end at a time, unless it was to end before."""
    wanted = (ApiKeyRow.id == key_id, or_(ApiKeyRow.expires_at.is_(None), ApiKeyRow.expires_at > at))
    await session.write(update(ApiKeyRow).where(*wanted).values(expires_at=at))


async def touch_last_used(session: WriteSession, used: Mapping[str, datetime]) -> None:
    """Note when keys were used, many in one statement. A later time that somebody else noted stays.

    Args:
        used: Time by the key's id; ids that are not there are passed over.
    """
    ids = sorted(used)  # one order for everybody who locks several rows
    for start in range(0, len(ids), _TOUCHED_AT_ONCE):
        part = {key_id: used[key_id] for key_id in ids[start : start + _TOUCHED_AT_ONCE]}
        at = case(part, value=ApiKeyRow.id)
        await session.write(
            update(ApiKeyRow)
            .where(ApiKeyRow.id.in_(part), or_(ApiKeyRow.last_used_at.is_(None), ApiKeyRow.last_used_at < at))
            .values(last_used_at=at)
        )


def _key(row: Sequence[Any]) -> ApiKey:
    return ApiKey(*row[: len(_KEY)])


def _user(row: Sequence[Any]) -> User:
    return User(*row[: len(USER)])
