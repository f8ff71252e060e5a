"""Roles that administrators made, as rows. Must not know those that ship, nor what a scope allows."""

from collections.abc import Collection

from sqlalchemy import delete, insert, select, update

from smartlite.domain.identity import Page, Role
from smartlite.errors import AlreadyExists, InvalidRequest, NotFound
from smartlite.storage.columns import fitting
from smartlite.storage.database import ReadSession, WriteSession
from smartlite.storage.tables import ROLE_CHARACTERS, RoleRow, UserRoleRow

_ROLE = select(RoleRow.id, RoleRow.name, RoleRow.scopes, RoleRow.created_at)


async def add(session: WriteSession, role: Role) -> None:
    """Add a role.

    Raises:
        AlreadyExists: There is a role of this name (``name``).
        InvalidRequest: The name is too long, or has a space at an end.
    """
    row = {
        "id": role.id,
        "name": role_name(role.name, "name"),
        "scopes": role.scopes,
        "created_at": role.created_at,
    }
    try:
        await session.write(insert(RoleRow).values(row))
    except AlreadyExists as error:
        raise AlreadyExists("There is a role of this name.", "name") from error


async def get(session: ReadSession, role_id: str) -> Role | None:
    """The role with an id."""
    row = await session.row(_ROLE.where(RoleRow.id == role_id))
    return None if row is None else Role(*row)


async def named(session: ReadSession, names: Collection[str]) -> tuple[Role, ...]:
    """The roles with these names, by name; those that have no row are left out."""
    if not names:
        return ()
    rows = await session.rows(_ROLE.where(RoleRow.name.in_(sorted(names))).order_by(RoleRow.name))
    return tuple(Role(*row) for row in rows)


async def page(session: ReadSession, *, after: str | None = None, limit: int = 50) -> Page[Role]:
    """Roles in the order of their ids; from after the role ``after``."""
    query = _ROLE.order_by(RoleRow.id).limit(limit + 1)
    if after is not None:
        query = query.where(RoleRow.id > after)
    roles = tuple(Role(*row) for row in await session.rows(query))
    return Page(roles[:limit], roles[limit - 1].id if len(roles) > limit else None)


async def set_scopes(session: WriteSession, role_id: str, scopes: Collection[str]) -> None:
    """Have a role allow these scopes and no others.

    Raises:
        NotFound: There is no such role.
    """
    if not await session.write(update(RoleRow).where(RoleRow.id == role_id).values(scopes=frozenset(scopes))):
        raise _unknown(role_id)


async def remove(session: WriteSession, role_id: str) -> None:
    """Take a role away, also from those who have it.

    Raises:
        NotFound: There is no such role.
    """
    row = await session.row(select(RoleRow.name).where(RoleRow.id == role_id).with_for_update())
    if row is None:
        raise _unknown(role_id)
    await session.write(delete(UserRoleRow).where(UserRoleRow.role == row.name))
    await session.write(delete(RoleRow).where(RoleRow.id == role_id))


def role_name(name: str, param: str) -> str:
    """The name, if a role may have it.

    Raises:
        InvalidRequest: It is too long, or has a space at an end: to MySQL it would be the same as without.
    """
    if name != name.strip() or not name:
        raise InvalidRequest("The name of a role must not be empty, nor begin or end with a space.", param)
    return fitting(name, ROLE_CHARACTERS, param)


def _unknown(role_id: str) -> NotFound:
    return NotFound(f"There is no role '{role_id[:64]}'.", "role_id")
