"""Organisations, their members and their keys, on both databases."""

import asyncio
from dataclasses import replace

import pytest

from smartlite.auth.noted import Actor
from smartlite.auth.organizations import Organizations
from smartlite.auth.permissions import ANONYMOUS_ADMIN
from smartlite.domain.identity import User
from smartlite.domain.ids import new_id
from smartlite.domain.organizations import Member, Organization, OrganizationRole
from smartlite.errors import AlreadyExists, InvalidRequest, LastOwner, NotFound
from smartlite.storage import api_keys, organizations, users
from smartlite.storage.database import Database
from tests.storage.rows import NOON, a_key, a_user

OWNER, ADMIN, MEMBER = OrganizationRole.OWNER, OrganizationRole.ADMIN, OrganizationRole.MEMBER


def an_organization(name: str = "Newsroom", *, is_active: bool = True) -> Organization:
    return Organization(new_id("org"), name, is_active, NOON)


async def people(database: Database, *names: str) -> list[User]:
    made = [a_user(f"{name}@example.org") for name in names]
    async with database.writing() as session:
        for user in made:
            await users.add(session, user)
    return sorted(made, key=lambda user: user.id)


async def added(database: Database, organization: Organization, members: dict[User, OrganizationRole]) -> Organization:
    async with database.writing() as session:
        await organizations.add(session, organization)
        for user, role in members.items():
            await organizations.add_member(session, in_it(organization, user, role))
    return organization


def in_it(organization: Organization, user: User, role: OrganizationRole = MEMBER) -> Member:
    return Member(organization.id, user.id, user.email, user.name, role, NOON)


async def test_an_organization_comes_back_as_it_was_added(database: Database) -> None:
    newsroom = await added(database, an_organization("Редакция 📰"), {})
    async with database.writing() as session:
        assert await organizations.get(session, newsroom.id) == newsroom
        assert await organizations.locked(session, newsroom.id) == newsroom
        assert await organizations.get(session, "org_x") is None
        assert await organizations.get(session, f"{newsroom.id} ") is None


async def test_a_user_is_what_they_are_in_active_organizations_only(database: Database) -> None:
    ana, ben = await people(database, "ana", "ben")
    newsroom = await added(database, an_organization(), {ana: OWNER, ben: MEMBER})
    closed = await added(database, an_organization(is_active=False), {ana: ADMIN})
    async with database.reading() as session:
        assert await organizations.memberships(session, ana.id) == {newsroom.id: OWNER}
        assert await organizations.memberships(session, ben.id) == {newsroom.id: MEMBER}
        assert await organizations.memberships(session, "user_x") == {}
        assert await organizations.role_of(session, closed.id, ana.id) is ADMIN
        assert await organizations.role_of(session, closed.id, ben.id) is None
        assert (await organizations.page(session, user_id=ana.id)).items == (newsroom,)
        assert set((await organizations.page(session)).items) == {newsroom, closed}


async def test_members_are_listed_in_parts(database: Database) -> None:
    ana, ben, eve = await people(database, "ana", "ben", "eve")
    newsroom = await added(database, an_organization(), {ana: OWNER, ben: ADMIN, eve: MEMBER})
    async with database.reading() as session:
        first = await organizations.page_members(session, newsroom.id, limit=2)
        rest = await organizations.page_members(session, newsroom.id, after=first.next, limit=2)
    assert (*first.items, *rest.items) == tuple(
        in_it(newsroom, user, role) for user, role in ((ana, OWNER), (ben, ADMIN), (eve, MEMBER))
    )
    assert rest.next is None


async def test_organizations_are_listed_in_parts(database: Database) -> None:
    made = [await added(database, an_organization(str(number)), {}) for number in range(3)]
    made.sort(key=lambda organization: organization.id)
    async with database.reading() as session:
        first = await organizations.page(session, limit=2)
        rest = await organizations.page(session, after=first.next, limit=2)
    assert [*first.items, *rest.items] == made


async def test_a_member_is_added_once_changed_and_removed(database: Database) -> None:
    (ana,) = await people(database, "ana")
    newsroom = await added(database, an_organization(), {ana: OWNER})
    with pytest.raises(AlreadyExists):
        async with database.writing() as session:
            await organizations.add_member(session, in_it(newsroom, ana))
    async with database.writing() as session:
        assert await organizations.count_owners(session, newsroom.id) == 1
        assert await organizations.set_role(session, newsroom.id, ana.id, MEMBER)
        assert await organizations.set_role(session, newsroom.id, ana.id, MEMBER)
        assert await organizations.member(session, newsroom.id, ana.id) == in_it(newsroom, ana)
        assert await organizations.count_owners(session, newsroom.id) == 0
        assert await organizations.remove_member(session, newsroom.id, ana.id)
        assert not await organizations.remove_member(session, newsroom.id, ana.id)
        assert not await organizations.set_role(session, newsroom.id, ana.id, OWNER)
        assert await organizations.member(session, newsroom.id, ana.id) is None


async def test_nobody_is_added_who_is_not_there_nor_to_what_is_not_there(database: Database) -> None:
    (ana,) = await people(database, "ana")
    newsroom = await added(database, an_organization(), {})
    for member in (in_it(newsroom, a_user("x@example.org")), in_it(an_organization(), ana)):
        with pytest.raises(NotFound):
            async with database.writing() as session:
                await organizations.add_member(session, member)


async def test_an_organization_is_changed(database: Database) -> None:
    newsroom = await added(database, an_organization(), {})
    async with database.writing() as session:
        await organizations.change(session, newsroom.id, "Archive")
        await organizations.change(session, newsroom.id, is_active=False)
        await organizations.change(session, newsroom.id)
        assert await organizations.get(session, newsroom.id) == replace(newsroom, name="Archive", is_active=False)
        with pytest.raises(InvalidRequest):
            await organizations.change(session, newsroom.id, "x" * 201)
        with pytest.raises(NotFound):
            await organizations.change(session, "org_x", "x")


async def test_with_an_organization_go_its_members_and_keys_and_nothing_else(database: Database) -> None:
    (ana,) = await people(database, "ana")
    newsroom = await added(database, an_organization(), {ana: OWNER})
    other = await added(database, an_organization(), {ana: OWNER})
    own, theirs, others = (a_key(ana), *(replace(a_key(ana), organization_id=each.id) for each in (newsroom, other)))
    async with database.writing() as session:
        for key in (own, theirs, others):
            await api_keys.add(session, key)
        await organizations.remove(session, newsroom.id)
    async with database.writing() as session:
        assert await api_keys.get(session, theirs.id) is None
        assert await api_keys.get(session, own.id) == own
        assert await api_keys.get(session, others.id) == others
        assert await organizations.memberships(session, ana.id) == {other.id: OWNER}
        with pytest.raises(NotFound):
            await organizations.remove(session, newsroom.id)


async def test_the_keys_of_an_organization_are_listed_and_revoked(database: Database) -> None:
    ana, ben = await people(database, "ana", "ben")
    newsroom = await added(database, an_organization(), {ana: OWNER, ben: MEMBER})
    ids = sorted(new_id("key") for _ in range(3))
    pairs = zip(ids, (ana, ben, ben), strict=True)
    anas, bens, also = (replace(a_key(user), id=key_id, organization_id=newsroom.id) for key_id, user in pairs)
    async with database.writing() as session:
        for key in (anas, bens, also, a_key(ben)):
            await api_keys.add(session, key)
        first = await api_keys.page_of_organization(session, newsroom.id, limit=2)
        rest = await api_keys.page_of_organization(session, newsroom.id, after=first.next)
        assert (*first.items, *rest.items) == (anas, bens, also)
        assert (await api_keys.page_of_organization(session, newsroom.id, user_id=ana.id)).items == (anas,)
        assert await api_keys.revoke_of_organization(session, newsroom.id, NOON, user_id=ben.id) == 2
        assert await api_keys.revoke_of_organization(session, newsroom.id, NOON) == 1
        assert await api_keys.revoke_of_organization(session, newsroom.id, NOON) == 0
        with pytest.raises(NotFound):
            await api_keys.add(session, replace(a_key(ana), organization_id="org_x"))


async def test_of_owners_who_leave_at_the_same_time_one_stays(database: Database) -> None:
    owners = await people(database, "ana", "ben", "eve", "zoe")
    newsroom = await added(database, an_organization(), dict.fromkeys(owners, OWNER))
    service = Organizations(database)

    async def leave(user: User) -> bool:
        try:
            await service.remove_member(ANONYMOUS_ADMIN, Actor(user.id), newsroom.id, user.id)
        except LastOwner:
            return False
        return True

    assert sorted(await asyncio.gather(*map(leave, owners))) == [False, True, True, True]
    async with database.reading() as session:
        assert await organizations.count_owners(session, newsroom.id) == 1


async def test_of_two_who_are_added_at_the_same_time_one_is(database: Database) -> None:
    ana, ben = await people(database, "ana", "ben")
    newsroom = await added(database, an_organization(), {ana: OWNER})
    service = Organizations(database)
    done = await asyncio.gather(
        *(service.add_member(ANONYMOUS_ADMIN, Actor(None), newsroom.id, ben.id, MEMBER) for _ in range(2)),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in done) == ["AlreadyExists", "Member"]
