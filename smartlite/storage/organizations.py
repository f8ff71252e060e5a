"""Organisations and who is in them, as rows. Must not know who may change them, nor that one keeps an owner."""

from collections.abc import Collection
from typing import Final

from sqlalchemy import delete, func, insert, select, update

from smartlite.domain.identity import Page
from smartlite.domain.organizations import Member, Memberships, Organization, OrganizationRole
from smartlite.errors import AlreadyExists, NotFound
from smartlite.storage.columns import fitting
from smartlite.storage.database import ReadSession, WriteSession
from smartlite.storage.organizations_tables import MemberRow, OrganizationRow
from smartlite.storage.tables import NAME_CHARACTERS, UserRow

_ORGANIZATION: Final = (OrganizationRow.id, OrganizationRow.name, OrganizationRow.is_active, OrganizationRow.created_at)
_MEMBER: Final = (
    MemberRow.organization_id,
    MemberRow.user_id,
    UserRow.email,
    UserRow.name,
    MemberRow.role,
    MemberRow.created_at,
)


async def add(session: WriteSession, organization: Organization) -> None:
    """Add an organisation; nobody is in it yet.

    Raises:
        InvalidRequest: The name is too long.
    """
    row = {
        "id": organization.id,
        "name": fitting(organization.name, NAME_CHARACTERS, "name"),
        "is_active": organization.is_active,
        "created_at": organization.created_at,
    }
    await session.write(insert(OrganizationRow).values(row))


async def get(session: ReadSession, organization_id: str) -> Organization | None:
    """The organisation with an id."""
    row = await session.row(select(*_ORGANIZATION).where(OrganizationRow.id == organization_id))
    return None if row is None else Organization(*row)


async def locked(session: WriteSession, organization_id: str) -> Organization | None:
    """Likewise; nobody else locks it until this unit of work ends, so that one at a time changes its members."""
    query = select(*_ORGANIZATION).where(OrganizationRow.id == organization_id).with_for_update()
    row = await session.row(query)
    return None if row is None else Organization(*row)


async def page(
    session: ReadSession, *, user_id: str | None = None, after: str | None = None, limit: int = 50
) -> Page[Organization]:
    """Organisations in the order of their ids; from after the organisation ``after``.

    Args:
        session: Reads.
        user_id: Only those that are active and that this user is in; None: all.
        after: ``Page.next`` of the part before.
        limit: Most.
    """
    query = select(*_ORGANIZATION).order_by(OrganizationRow.id).limit(limit + 1)
    if user_id is not None:
        is_in = MemberRow.organization_id == OrganizationRow.id
        query = query.join(MemberRow, is_in).where(MemberRow.user_id == user_id, OrganizationRow.is_active.is_(True))
    if after is not None:
        query = query.where(OrganizationRow.id > after)
    found = tuple(Organization(*row) for row in await session.rows(query))
    return Page(found[:limit], found[limit - 1].id if len(found) > limit else None)


async def change(
    session: WriteSession, organization_id: str, name: str | None = None, is_active: bool | None = None
) -> None:
    """Give another name, or have nobody act for it; None: as it is.

    Raises:
        NotFound: There is no such organisation.
        InvalidRequest: The name is too long.
    """
    values: dict[str, object] = {}
    if name is not None:
        values["name"] = fitting(name, NAME_CHARACTERS, "name")
    if is_active is not None:
        values["is_active"] = is_active
    wanted = OrganizationRow.id == organization_id
    if values and not await session.write(update(OrganizationRow).where(wanted).values(values)):
        raise _unknown(organization_id)


async def remove(session: WriteSession, organization_id: str) -> None:
    """Take an organisation away, with its members and keys.

    Raises:
        NotFound: There is no such organisation.
    """
    if not await session.write(delete(OrganizationRow).where(OrganizationRow.id == organization_id)):
        raise _unknown(organization_id)


async def memberships(session: ReadSession, user_id: str) -> Memberships:
    """What a user is in which active organisation."""
    return (await memberships_of(session, [user_id]))[user_id]


async def memberships_of(session: ReadSession, user_ids: Collection[str]) -> dict[str, dict[str, OrganizationRole]]:
    """Likewise many users, by their ids, in one query."""
    rows = await session.rows(
        select(MemberRow.user_id, MemberRow.organization_id, MemberRow.role)
        .join(OrganizationRow, OrganizationRow.id == MemberRow.organization_id)
        .where(MemberRow.user_id.in_(user_ids), OrganizationRow.is_active.is_(True))
    )
    found: dict[str, dict[str, OrganizationRole]] = {user_id: {} for user_id in user_ids}
    for row in rows:
        found[row.user_id][row.organization_id] = OrganizationRole(row.role)
    return found


async def role_of(session: ReadSession, organization_id: str, user_id: str) -> OrganizationRole | None:
    """What a user is in an organisation, be it active or not; None: nothing."""
    wanted = (MemberRow.organization_id == organization_id, MemberRow.user_id == user_id)
    row = await session.row(select(MemberRow.role).where(*wanted))
    return None if row is None else OrganizationRole(row.role)


async def member(session: ReadSession, organization_id: str, user_id: str) -> Member | None:
    """A user as a member of an organisation."""
    wanted = (MemberRow.organization_id == organization_id, MemberRow.user_id == user_id)
    row = await session.row(select(*_MEMBER).join(UserRow, UserRow.id == MemberRow.user_id).where(*wanted))
    return None if row is None else Member(*row[:4], OrganizationRole(row[4]), row[5])


async def page_members(
    session: ReadSession, organization_id: str, *, after: str | None = None, limit: int = 50
) -> Page[Member]:
    """Members in the order of their users' ids; from after the user ``after``."""
    query = (
        select(*_MEMBER)
        .join(UserRow, UserRow.id == MemberRow.user_id)
        .where(MemberRow.organization_id == organization_id)
        .order_by(MemberRow.user_id)
        .limit(limit + 1)
    )
    if after is not None:
        query = query.where(MemberRow.user_id > after)
    found = tuple(Member(*row[:4], OrganizationRole(row[4]), row[5]) for row in await session.rows(query))
    return Page(found[:limit], found[limit - 1].user_id if len(found) > limit else None)


async def add_member(session: WriteSession, added: Member) -> None:
    """Add a user to an organisation.

    Raises:
        AlreadyExists: They are in it (``user``).
        NotFound: There is no such organisation, or no such user.
    """
    row = {
        "organization_id": added.organization_id,
        "user_id": added.user_id,
        "role": added.role.value,
        "created_at": added.created_at,
    }
    try:
        await session.write(insert(MemberRow).values(row))
    except AlreadyExists as error:
        raise AlreadyExists("This user is a member already.", "user") from error


async def set_role(session: WriteSession, organization_id: str, user_id: str, role: OrganizationRole) -> bool:
    """Have a member be something else.

    Returns:
        Whether there is such a member.
    """
    wanted = (MemberRow.organization_id == organization_id, MemberRow.user_id == user_id)
    return bool(await session.write(update(MemberRow).where(*wanted).values(role=role.value)))


async def remove_member(session: WriteSession, organization_id: str, user_id: str) -> bool:
    """Take a user out of an organisation.

    Returns:
        Whether they were in it.
    """
    wanted = (MemberRow.organization_id == organization_id, MemberRow.user_id == user_id)
    return bool(await session.write(delete(MemberRow).where(*wanted)))


async def count_owners(session: ReadSession, organization_id: str) -> int:
    """How many owners an organisation has."""
    wanted = (MemberRow.organization_id == organization_id, MemberRow.role == OrganizationRole.OWNER.value)
    row = await session.row(select(func.count()).select_from(MemberRow).where(*wanted))
    return 0 if row is None else int(row[0])


def _unknown(organization_id: str) -> NotFound:
    return NotFound(f"There is no organization '{organization_id[:64]}'.", "organization_id")
