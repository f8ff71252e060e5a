"""Users, roles and keys as an administrator handles them, each change noted with it. Must not know HTTP or who may.

Whoever calls has asked ``permissions.decide`` before; what is done and the line in the audit log are one unit of work.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from smartlite.auth.api_keys import new_key
from smartlite.auth.found_key import FoundKey
from smartlite.auth.key_rotation import rotate_key
from smartlite.auth.noted import Actor, note, utc_now
from smartlite.auth.organizations import Organizations
from smartlite.auth.policies import missing
from smartlite.auth.scopes import BUILT_IN_ROLES, check_grants, role_grants
from smartlite.auth.sharing import Sharing
from smartlite.domain.identity import ApiKey, AuditEntry, Page, Role, User
from smartlite.domain.ids import new_id
from smartlite.domain.organizations import SubjectKind
from smartlite.errors import InvalidRequest, NotFound
from smartlite.storage import api_keys, audit, organizations, roles, sessions, shares, users
from smartlite.storage.database import Database, ReadSession, WriteSession, retried

ADMIN_EMAIL: Final = "admin@localhost"
"""Of the administrator that the first start makes."""


@dataclass(frozen=True, slots=True)
class UserWithRoles:
    """A user and the names of their roles."""

    user: User
    roles: frozenset[str]


class Identity:
    """What administrators and users do with users, roles and keys."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.organizations = Organizations(database)
        self.sharing = Sharing(database)

    async def find_key(self, public_id: str) -> FoundKey | None:
        """A key by its public id; the authenticator's question."""
        return (await self.find_keys([public_id])).get(public_id)

    async def find_keys(self, public_ids: Collection[str]) -> dict[str, FoundKey]:
        """Likewise many, by their public ids; those that there are not are absent."""
        async with self._database.reading() as session:
            found = await api_keys.by_public_ids(session, public_ids)
            named = frozenset[str]().union(*(held.roles for held in found.values())) - BUILT_IN_ROLES.keys()
            made = {role.name: role.scopes for role in await roles.named(session, named)}
        return {public_id: FoundKey(held, role_grants(held.roles, made)) for public_id, held in found.items()}

    async def note_used(self, used: Mapping[str, datetime]) -> None:
        """Keep when keys were last used."""
        if used:
            async with self._database.writing() as session:
                await api_keys.touch_last_used(session, used)

    async def make_first_admin(self) -> str | None:
        """Where nobody is there yet, make an administrator with a key.

        Returns:
            The key's text, to be shown once; None where there is somebody. Of several processes that start at once one
            gets it.
        """

        async def work() -> str | None:
            async with self._database.writing() as session:
                if (await users.page(session, limit=1)).items:
                    return None
                admin = User(new_id("user"), ADMIN_EMAIL, "Administrator", True, utc_now())
                await users.add(session, admin, {"admin"})
                _, text = await _add_key(session, Actor(None), _key(admin.id, "setup"))
                await note(session, Actor(None), "user.add", "user", admin.id, {"roles": ["admin"]})
            return text

        return await retried(work)

    async def grants_of(self, role_names: Collection[str]) -> frozenset[str]:
        """What roles grant together; a name that nobody knows grants nothing."""
        async with self._database.reading() as session:
            made = await roles.named(session, set(role_names) - BUILT_IN_ROLES.keys())
        return role_grants(role_names, {role.name: role.scopes for role in made})

    async def add_user(self, actor: Actor, email: str, name: str, role_names: Collection[str]) -> UserWithRoles:
        """Add a user.

        Raises:
            InvalidRequest: 400, the address is none, or there is no such role.
            AlreadyExists: 400, somebody has the address.
        """
        local, at, host = email.strip().rpartition("@")
        if not at or not local or not host or any(character.isspace() for character in email.strip()):
            raise InvalidRequest(f"'email': {email[:64]!r} is no e-mail address.", "email")
        user = User(new_id("user"), email.strip(), name, True, utc_now())
        async with self._database.writing() as session:
            await _check_roles(session, role_names)
            await users.add(session, user, role_names)
            await note(session, actor, "user.add", "user", user.id, {"roles": sorted(role_names)})
        return UserWithRoles(user, frozenset(role_names))

    async def find_user(self, name: str) -> UserWithRoles:
        """A user by id or by e-mail address.

        Raises:
            NotFound: 404.
        """
        async with self._database.reading() as session:
            by_address = await users.by_email(session, name) if "@" in name else None
            user = by_address or await users.get(session, name)
            if user is None:
                raise NotFound(f"There is no user '{name[:64]}'.", "user_id")
            return UserWithRoles(user, await users.roles_of(session, user.id))

    async def page_users(self, after: str | None, limit: int) -> Page[UserWithRoles]:
        """Users in the order in which they were made."""
        async with self._database.reading() as session:
            page = await users.page(session, after=after, limit=limit)
            found = [UserWithRoles(user, await users.roles_of(session, user.id)) for user in page.items]
        return Page(tuple(found), page.next)

    async def change_user(
        self, actor: Actor, user_id: str, is_active: bool | None = None, role_names: Collection[str] | None = None
    ) -> UserWithRoles:
        """Let somebody in, keep somebody out, or give other roles. Stops keys within two seconds everywhere.

        Whoever is kept out is signed out for good: let in again, they sign in again; their keys work again.

        Raises:
            NotFound: 404, there is no such user.
            InvalidRequest: 400, there is no such role.
        """

        async def work() -> None:
            async with self._database.writing() as session:
                if role_names is not None:
                    await _check_roles(session, role_names)
                    await users.set_roles(session, user_id, role_names)
                    await note(session, actor, "user.roles", "user", user_id, {"roles": sorted(role_names)})
                if is_active is not None:
                    await users.set_active(session, user_id, is_active)
                    if not is_active:
                        await sessions.revoke_of_user(session, user_id, utc_now())
                    await note(session, actor, "user.let_in" if is_active else "user.keep_out", "user", user_id)

        await retried(work)
        return await self.find_user(user_id)

    async def add_key(
        self,
        actor: Actor,
        user_id: str,
        name: str,
        scopes: Collection[str] | None = None,
        expires_at: datetime | None = None,
        organization_id: str | None = None,
    ) -> tuple[ApiKey, str]:
        """Make a key, of a user alone or for an organisation that they are in.

        Returns:
            The key and its text, which is kept nowhere.

        Raises:
            InvalidRequest: 400, a scope that cannot be granted, or a time that has passed.
            NotFound: 404, there is no such user; or they are in no such organisation.
        """
        if expires_at is not None and expires_at <= utc_now():
            raise InvalidRequest("'expires_at' has passed.", "expires_at")
        granted = None if scopes is None else check_grants(scopes)
        async with self._database.writing() as session:
            if organization_id is not None:
                held = await organizations.memberships(session, user_id)
                if organization_id not in held:
                    raise missing("organization", organization_id)
            return await _add_key(session, actor, _key(user_id, name, granted, expires_at, organization_id))

    async def find_api_key(self, key_id: str, owner_id: str | None = None) -> ApiKey:
        """A key by its id; of a certain owner where one is named.

        Raises:
            NotFound: 404, there is none, or it is somebody else's.
        """
        async with self._database.reading() as session:
            key = await api_keys.get(session, key_id)
        if key is None or owner_id not in {None, key.user_id}:
            raise missing("api_key", key_id)
        return key

    async def page_keys(self, user_id: str, after: str | None, limit: int) -> Page[ApiKey]:
        """A user's keys, the revoked ones too."""
        async with self._database.reading() as session:
            return await api_keys.page_of_user(session, user_id, after=after, limit=limit)

    async def page_organization_keys(
        self, organization_id: str, user_id: str | None, after: str | None, limit: int
    ) -> Page[ApiKey]:
        """The keys for an organisation, the revoked ones too: everybody's, or one user's."""
        async with self._database.reading() as session:
            return await api_keys.page_of_organization(
                session, organization_id, user_id=user_id, after=after, limit=limit
            )

    async def revoke_key(self, actor: Actor, key_id: str) -> None:
        """Revoke a key for good; nothing where it was revoked before."""
        async with self._database.writing() as session:
            if await api_keys.revoke(session, key_id, utc_now()):
                await note(session, actor, "api_key.revoke", "api_key", key_id)

    async def rotate_key(self, actor: Actor, key_id: str, overlap_s: float) -> tuple[ApiKey, str]:
        """See ``key_rotation.rotate_key``."""
        return await rotate_key(self._database, actor, key_id, overlap_s)

    async def page_audit(self, actor_id: str | None, after: str | None, limit: int) -> Page[AuditEntry]:
        """Who did what, newest first."""
        async with self._database.reading() as session:
            return await audit.page(session, actor_id=actor_id, after=after, limit=limit)

    async def add_role(self, actor: Actor, name: str, scopes: Collection[str]) -> Role:
        """Make a role.

        Raises:
            InvalidRequest: 400, the name is one of a role that ships, or a scope cannot be granted.
            AlreadyExists: 400, there is a role of this name.
        """
        if name in BUILT_IN_ROLES:
            raise InvalidRequest(f"'name': '{name}' is a role that ships.", "name")
        role = Role(new_id("role"), name, check_grants(scopes), utc_now())
        async with self._database.writing() as session:
            await roles.add(session, role)
            await note(session, actor, "role.add", "role", role.id, {"name": name, "scopes": sorted(role.scopes)})
        return role

    async def page_roles(self, after: str | None, limit: int) -> Page[Role]:
        """Roles that were made; those that ship are in ``BUILT_IN_ROLES``."""
        async with self._database.reading() as session:
            return await roles.page(session, after=after, limit=limit)

    async def remove_role(self, actor: Actor, role_id: str) -> None:
        """Take a role away, also from those who have it.

        Raises:
            NotFound: 404, there is none.
        """

        async def work() -> None:
            async with self._database.writing() as session:
                role = await roles.get(session, role_id)
                await roles.remove(session, role_id)
                if role is not None:
                    await shares.forget_subject(session, SubjectKind.ROLE, role.name)
                await note(session, actor, "role.remove", "role", role_id)

        await retried(work)


def _key(
    user_id: str,
    name: str,
    scopes: frozenset[str] | None = None,
    expires_at: datetime | None = None,
    organization_id: str | None = None,
) -> tuple[ApiKey, str]:
    made = new_key()
    key = ApiKey(new_id("key"), user_id, name, made.public_id, made.secret_hash, scopes, utc_now(), expires_at)
    return replace(key, organization_id=organization_id), made.text


async def _add_key(session: WriteSession, actor: Actor, made: tuple[ApiKey, str]) -> tuple[ApiKey, str]:
    key, _ = made
    await api_keys.add(session, key)
    scopes = None if key.scopes is None else sorted(key.scopes)
    details = {"user": key.user_id, "name": key.name, "scopes": scopes}
    if key.organization_id is not None:
        details["organization"] = key.organization_id
    await note(session, actor, "api_key.add", "api_key", key.id, details)
    return made


async def _check_roles(session: ReadSession, names: Collection[str]) -> None:
    made = {role.name for role in await roles.named(session, set(names) - BUILT_IN_ROLES.keys())}
    for name in sorted(names):
        if name not in BUILT_IN_ROLES and name not in made:
            known = ", ".join((*BUILT_IN_ROLES, *sorted(made)))
            raise InvalidRequest(f"'roles': there is no role '{name[:64]}'. Roles that ship: {known}.", "roles")
