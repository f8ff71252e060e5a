"""Users and their roles, on both databases."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from sqlalchemy import delete

from smartlite.domain.identity import User
from smartlite.domain.ids import new_id
from smartlite.errors import AlreadyExists, InvalidRequest, NotFound
from smartlite.storage import api_keys, users
from smartlite.storage.database import Database
from smartlite.storage.tables import UserRow
from tests.storage.rows import NOON, a_key, a_user


async def added(database: Database, *many: User, roles: tuple[str, ...] = ()) -> User:
    async with database.writing() as session:
        for user in many:
            await users.add(session, user, roles)
    return many[0]


async def test_a_user_comes_back_as_it_was_added(database: Database) -> None:
    user = await added(database, a_user("Ada.Lovelace@Example.org"))
    async with database.reading() as session:
        assert await users.get(session, user.id) == user
        assert await users.by_email(session, "ada.lovelace@example.ORG") == user


async def test_a_time_of_another_zone_comes_back_in_utc_to_the_microsecond(database: Database) -> None:
    there = datetime(2026, 7, 1, 14, 0, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    user = await added(database, replace(a_user(), created_at=there))
    async with database.reading() as session:
        found = await users.get(session, user.id)
    assert found is not None
    assert found.created_at.isoformat() == "2026-07-01T12:00:00.123456+00:00" == NOON.isoformat()


@pytest.mark.parametrize("again", ["ADA@example.org", "ada@EXAMPLE.org", "ａda@example.org", " ada@example.org "])
async def test_an_address_is_taken_in_every_case(database: Database, again: str) -> None:
    await added(database, a_user("ada@example.org"))
    with pytest.raises(AlreadyExists) as caught:
        await added(database, a_user(again))
    assert (caught.value.param, caught.value.status_code) == ("email", 400)
    assert "ada" not in caught.value.message


async def test_addresses_that_differ_by_an_accent_are_two(database: Database) -> None:
    await added(database, a_user("jose@example.org"), a_user("josé@example.org"))
    async with database.reading() as session:
        assert len((await users.page(session)).items) == 2


async def test_the_same_address_asked_for_at_the_same_time_is_given_once(database: Database) -> None:
    asked = (added(database, a_user(email)) for email in ("x@y.z", "X@y.z", "x@Y.z"))
    ends = await asyncio.gather(*asked, return_exceptions=True)
    assert sorted(type(end).__name__ for end in ends) == ["AlreadyExists", "AlreadyExists", "User"]


@pytest.mark.parametrize("text", ["é", "🎙", "x'; DROP TABLE users; --", "a\\", "%", "nul\0", "", "y" * 5000])
async def test_a_lookup_of_any_text_finds_nobody(database: Database, text: str) -> None:
    await added(database, a_user())
    async with database.reading() as session:
        assert await users.get(session, text) is None
        assert await users.by_email(session, text) is None


@pytest.mark.parametrize("name", ["🎙 Zoë 山田", "a\\'\"`", "%s %(x)s :name ?", "tab\tline\n"])
async def test_a_name_is_kept_as_it_is(database: Database, name: str) -> None:
    user = await added(database, replace(a_user(), name=name))
    async with database.reading() as session:
        assert await users.get(session, user.id) == user


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"email": "a" * 250 + "@x.org"}, "email"),
        ({"email": "ß" * 200 + "@x.org"}, "email"),  # ss without case
        ({"name": "n" * 201}, "name"),
    ],
)
async def test_what_does_not_fit_is_refused_and_named(database: Database, change: dict[str, str], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await added(database, replace(a_user(), **change))
    assert caught.value.param == param


async def test_half_a_character_is_refused(database: Database) -> None:
    with pytest.raises(InvalidRequest, match="character"):
        await added(database, replace(a_user(), name="\ud83c"))


async def test_pages_of_users_have_each_once_and_in_order(database: Database) -> None:
    many = [a_user(f"u{number}@example.org") for number in range(25)]
    await added(database, *many)
    found: list[User] = []
    sizes: list[int] = []
    after = None
    while True:
        async with database.reading() as session:
            page = await users.page(session, after=after, limit=10)
        found += page.items
        sizes.append(len(page.items))
        if page.next is None:
            break
        after = page.next
        await added(database, a_user(f"{after}@example.org"))  # somebody comes while somebody reads
        many.append(found[-1])
    assert sizes[:2] == [10, 10]
    assert [user.id for user in found] == sorted({user.id for user in found})
    assert {user.id for user in many} <= {user.id for user in found}


async def test_a_last_page_that_is_full_has_no_next(database: Database) -> None:
    await added(database, *(a_user(f"u{number}@example.org") for number in range(4)))
    async with database.reading() as session:
        page = await users.page(session, limit=4)
        assert (len(page.items), page.next) == (4, None)


async def test_a_user_is_kept_out_and_let_in_again(database: Database) -> None:
    user = await added(database, a_user())
    for is_active in (False, False, True):
        async with database.writing() as session:
            await users.set_active(session, user.id, is_active)
        async with database.reading() as session:
            assert await users.get(session, user.id) == replace(user, is_active=is_active)


async def test_roles_are_replaced(database: Database) -> None:
    user = await added(database, a_user(), roles=("admin", "reader"))
    for roles in (["reader", "reader", "Editor"], [], ["admin"]):
        async with database.writing() as session:
            await users.set_roles(session, user.id, roles)
        async with database.reading() as session:
            assert await users.roles_of(session, user.id) == frozenset(roles)


async def test_roles_set_by_two_at_the_same_time_are_those_of_one_of_them(database: Database) -> None:
    user = await added(database, a_user(), roles=("a",))

    async def set_to(*roles: str) -> None:
        async with database.writing() as session:
            await users.set_roles(session, user.id, roles)

    await asyncio.gather(*(set_to("a", "b") if number % 2 else set_to("b", "c") for number in range(10)))
    async with database.reading() as session:
        assert await users.roles_of(session, user.id) in ({"a", "b"}, {"b", "c"})


async def test_a_user_who_is_not_there_is_not_found(database: Database) -> None:
    async with database.writing() as session:
        with pytest.raises(NotFound) as caught:
            await users.set_active(session, new_id("user"), False)
        assert caught.value.param == "user_id"
        with pytest.raises(NotFound) as caught:
            await users.set_roles(session, new_id("user"), ())
        assert caught.value.param == "user_id"


@pytest.mark.parametrize("role", ["admin ", " admin", "", "r" * 65])
async def test_a_role_that_none_can_be_called_is_not_given(database: Database, role: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await added(database, a_user(), roles=("admin", role))
    assert caught.value.param == "roles"


async def test_with_a_user_go_the_roles_and_keys(database: Database) -> None:
    user = await added(database, a_user(), roles=("admin",))
    key = a_key(user)
    async with database.writing() as session:
        await api_keys.add(session, key)
        await session.write(delete(UserRow).where(UserRow.id == user.id))
    async with database.reading() as session:
        assert await users.roles_of(session, user.id) == frozenset()
        assert await api_keys.get(session, key.id) is None
