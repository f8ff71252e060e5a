"""Organisations and their members: who may change them, each change noted with it. Must not know HTTP.

Who may is decided in the unit of work that does it, on what the database says at that moment: of two who take each
other's place, the second is refused. To whoever is in none of it, an organisation is not there.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from smartlite.auth.noted import Actor, note, utc_now
from smartlite.auth.policies import decide_whole, missing, role_held
from smartlite.auth.scopes import Scope
from smartlite.domain.identity import Page
from smartlite.domain.ids import new_id
from smartlite.domain.organizations import (
    MANAGERS,
    Member,
    Memberships,
    Organization,
    OrganizationRole,
    SubjectKind,
)
from smartlite.domain.principal import Principal
from smartlite.errors import InvalidRequest, LastOwner, NotFound, PermissionDenied
from smartlite.storage import api_keys, organizations, shares, users
from smartlite.storage.database import Database, ReadSession, WriteSession, retried

_KIND: Final = "organization"


@dataclass(frozen=True, slots=True)
class Seen:
    """An organisation, as somebody sees it."""

    organization: Organization
    role: OrganizationRole | None
    """What they are in it; None: nothing, they have a scope for all of them."""

    @property
    def is_managed(self) -> bool:
        """Whether they handle what belongs to it."""
        return self.role in MANAGERS


class Organizations:
    """What members and administrators do with organisations."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def memberships(self, user_id: str) -> Memberships:
        """What a user is in which active organisation; the authenticator's question."""
        async with self._database.reading() as session:
            return await organizations.memberships(session, user_id)

    async def memberships_of(self, user_ids: Collection[str]) -> Mapping[str, Memberships]:
        """Likewise of many, by their ids."""
        async with self._database.reading() as session:
            return await organizations.memberships_of(session, user_ids)

    async def page(self, principal: Principal, after: str | None, limit: int) -> Page[Seen]:
        """Those that somebody is a member of; all, for who has the scope."""
        whose = None if principal.may(Scope.ORGS_READ) else principal.user_id or ""
        async with self._database.reading() as session:
            page = await organizations.page(session, user_id=whose, after=after, limit=limit)
            held = await organizations.memberships(session, principal.user_id or "")
        seen = [Seen(each, role_held(principal, each.id, held.get(each.id))) for each in page.items]
        return Page(tuple(one for one in seen if whose is None or one.role is not None), page.next)

    async def find(self, principal: Principal, organization_id: str) -> Seen:
        """One of them.

        Raises:
            NotFound: 404, there is none, or it is another's.
        """
        async with self._database.reading() as session:
            found = await organizations.get(session, organization_id)
            return await _seen(session, principal, organization_id, found, Scope.ORGS_READ)

    async def add(self, actor: Actor, name: str, owner_id: str) -> Organization:
        """Make one; whoever calls has asked ``permissions.decide`` before.

        Raises:
            NotFound: 404, there is no such user.
            InvalidRequest: 400, the name is too long.
        """
        now = utc_now()
        organization = Organization(new_id("org"), name, True, now)
        async with self._database.writing() as session:
            await organizations.add(session, organization)
            await organizations.add_member(
                session, Member(organization.id, owner_id, "", "", OrganizationRole.OWNER, now)
            )
            await note(session, actor, "organization.add", _KIND, organization.id, {"name": name, "owner": owner_id})
        return organization

    async def change(
        self, principal: Principal, actor: Actor, organization_id: str, name: str | None, is_active: bool | None
    ) -> Seen:
        """Give another name, as who manages it; have nobody act for it, as who has the scope.

        Raises:
            NotFound: 404, there is none, or it is another's.
            PermissionDenied: 403.
        """

        async def work() -> Seen:
            async with self._database.writing() as session:
                seen = await _manager(session, principal, organization_id)
                if is_active is not None and not principal.may(Scope.ORGS_WRITE):
                    raise PermissionDenied(f"Only who has the scope '{Scope.ORGS_WRITE}' changes 'is_active'.")
                await organizations.change(session, organization_id, name, is_active)
                wanted = {"name": name, "is_active": is_active}
                details = {key: value for key, value in wanted.items() if value is not None}
                await note(session, actor, "organization.change", _KIND, organization_id, details)
                changed = await organizations.get(session, organization_id)
            return Seen(changed or seen.organization, seen.role)

        return await retried(work)

    async def remove(self, principal: Principal, actor: Actor, organization_id: str) -> None:
        """Take one away, as its owner or who has the scope. Its keys are gone; its usage and history stay.

        Raises:
            NotFound: 404, there is none, or it is another's.
            PermissionDenied: 403.
        """

        async def work() -> None:
            async with self._database.writing() as session:
                seen = await _manager(session, principal, organization_id)
                if seen.role is not OrganizationRole.OWNER and not principal.may(Scope.ORGS_WRITE):
                    raise PermissionDenied("Only an owner removes an organization.")
                keys = await api_keys.revoke_of_organization(session, organization_id, utc_now())
                await shares.forget_subject(session, SubjectKind.ORGANIZATION, organization_id)
                await organizations.remove(session, organization_id)
                details = {"name": seen.organization.name, "keys": keys}
                await note(session, actor, "organization.remove", _KIND, organization_id, details)

        await retried(work)

    async def page_members(
        self, principal: Principal, organization_id: str, after: str | None, limit: int
    ) -> Page[Member]:
        """Who is in it.

        Raises:
            NotFound: 404, there is none, or it is another's.
            PermissionDenied: 403, the credential was given only a part of its user's rights.
        """
        async with self._database.reading() as session:
            found = await organizations.get(session, organization_id)
            await _seen(session, principal, organization_id, found, Scope.ORGS_READ)
            decide_whole(principal, Scope.ORGS_READ)
            return await organizations.page_members(session, organization_id, after=after, limit=limit)

    async def add_member(
        self, principal: Principal, actor: Actor, organization_id: str, user: str, role: OrganizationRole
    ) -> Member:
        """Take somebody in, by id or by e-mail address.

        Raises:
            NotFound: 404, there is no such organisation, or it is another's.
            PermissionDenied: 403.
            InvalidRequest: 400, there is no such user.
            AlreadyExists: 400, they are in it.
        """

        async def work() -> Member:
            async with self._database.writing() as session:
                _check_owner(principal, await _manager(session, principal, organization_id), role)
                found = await (users.by_email if "@" in user else users.get)(session, user)
                if found is None:
                    raise InvalidRequest(f"'user': there is no user '{user[:64]}'.", "user")
                member = Member(organization_id, found.id, found.email, found.name, role, utc_now())
                await organizations.add_member(session, member)
                details = {"user": found.id, "role": role.value}
                await note(session, actor, "organization.add_member", _KIND, organization_id, details)
            return member

        return await retried(work)

    async def set_role(
        self, principal: Principal, actor: Actor, organization_id: str, user_id: str, role: OrganizationRole
    ) -> Member:
        """Have a member be something else.

        Raises:
            NotFound: 404, there is no such organisation or member, or it is another's.
            PermissionDenied: 403.
            LastOwner: 409, there would be no owner.
        """

        async def work() -> Member:
            async with self._database.writing() as session:
                seen = await _manager(session, principal, organization_id)
                before = await _member(session, organization_id, user_id)
                _check_owner(principal, seen, before.role, role)
                await organizations.set_role(session, organization_id, user_id, role)
                await _keep_owner(session, organization_id)
                details = {"user": user_id, "role": role.value, "before": before.role.value}
                await note(session, actor, "organization.change_member", _KIND, organization_id, details)
                return await _member(session, organization_id, user_id)

        return await retried(work)

    async def remove_member(self, principal: Principal, actor: Actor, organization_id: str, user_id: str) -> None:
        """Take a member out, or leave; the keys that they have for it are revoked.

        Raises:
            NotFound: 404, there is no such organisation or member, or it is another's.
            PermissionDenied: 403.
            LastOwner: 409, there would be no owner.
        """

        async def work() -> None:
            async with self._database.writing() as session:
                found = await organizations.locked(session, organization_id)
                seen = await _seen(session, principal, organization_id, found, Scope.ORGS_WRITE)
                if user_id != principal.user_id:
                    _check_manager(principal, seen)
                decide_whole(principal, Scope.ORGS_WRITE)
                before = await _member(session, organization_id, user_id)
                if user_id != principal.user_id:
                    _check_owner(principal, seen, before.role)
                await organizations.remove_member(session, organization_id, user_id)
                await _keep_owner(session, organization_id)
                keys = await api_keys.revoke_of_organization(session, organization_id, utc_now(), user_id=user_id)
                details = {"user": user_id, "role": before.role.value, "keys": keys}
                await note(session, actor, "organization.remove_member", _KIND, organization_id, details)

        await retried(work)


async def _seen(
    session: ReadSession, principal: Principal, organization_id: str, found: Organization | None, scope: Scope
) -> Seen:
    """An organisation, if whoever asks may know that there is one."""
    held = await organizations.role_of(session, organization_id, principal.user_id or "")
    role = role_held(principal, organization_id, held) if found is not None and found.is_active else None
    is_for_all = principal.may(scope) or principal.may(Scope.ORGS_READ)
    if found is None or (role is None and not is_for_all):
        raise missing(_KIND, organization_id)
    return Seen(found, role)


async def _manager(session: WriteSession, principal: Principal, organization_id: str) -> Seen:
    """Lock an organisation, for somebody who may change it."""
    found = await organizations.locked(session, organization_id)
    seen = await _seen(session, principal, organization_id, found, Scope.ORGS_WRITE)
    _check_manager(principal, seen)
    return seen


def _check_manager(principal: Principal, seen: Seen) -> None:
    if not seen.is_managed and not principal.may(Scope.ORGS_WRITE):
        raise PermissionDenied("Only an owner or an administrator of the organization may do that.")


def _check_owner(principal: Principal, seen: Seen, *roles: OrganizationRole) -> None:
    is_owner = seen.role is OrganizationRole.OWNER or principal.may(Scope.ORGS_WRITE)
    if OrganizationRole.OWNER in roles and not is_owner:
        raise PermissionDenied("Only an owner makes or removes owners of an organization.")


async def _keep_owner(session: WriteSession, organization_id: str) -> None:
    if not await organizations.count_owners(session, organization_id):
        raise LastOwner("An organization keeps at least one owner: make somebody else one first.", "role")


async def _member(session: ReadSession, organization_id: str, user_id: str) -> Member:
    found = await organizations.member(session, organization_id, user_id)
    if found is None:
        raise NotFound(f"There is no member '{user_id[:64]}' in this organization.", "user_id")
    return found
