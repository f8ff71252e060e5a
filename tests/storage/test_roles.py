"""Roles that were made, on both databases."""

import pytest

from smartlite.domain.identity import Role
from smartlite.domain.ids import new_id
from smartlite.errors import AlreadyExists, InvalidRequest, NotFound
from smartlite.storage import roles, users
from smartlite.storage.database import Database
from tests.storage.rows import NOON, a_user


def a_role(name: str, *scopes: str) -> Role:
    return Role(new_id("role"), name, frozenset(scopes), NOON)


async def added(database: Database, *many: Role) -> Role:
    async with database.writing() as session:
        for role in many:
            await roles.add(session, role)
    return many[0]


async def test_a_role_comes_back_as_it_was_added(database: Database) -> None:
    role = await added(database, a_role("Übersetzer", "speech:write", "chat:write"))
    nothing = await added(database, a_role("nothing"))
    async with database.reading() as session:
        assert await roles.get(session, role.id) == role
        assert await roles.get(session, nothing.id) == nothing
        assert await roles.get(session, "role_x") is None


async def test_a_name_is_taken_by_itself_and_not_by_another_case(database: Database) -> None:
    await added(database, a_role("editor"), a_role("Editor"))
    with pytest.raises(AlreadyExists) as caught:
        await added(database, a_role("editor"))
    assert caught.value.param == "name"


@pytest.mark.parametrize("name", ["r" * 65, "admin ", ""])
async def test_a_name_that_is_too_long_or_ends_with_a_space_is_refused(database: Database, name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await added(database, a_role(name))
    assert caught.value.param == "name"


async def test_roles_are_found_by_their_names(database: Database) -> None:
    first, second = a_role("a", "x"), a_role("b", "y")
    await added(database, first, second, a_role("c"))
    async with database.reading() as session:
        assert await roles.named(session, {"b", "a", "admin"}) == (first, second)
        assert await roles.named(session, ()) == ()


async def test_pages_of_roles_have_each_once(database: Database) -> None:
    many = [a_role(f"r{number}") for number in range(7)]
    await added(database, *many)
    found: list[Role] = []
    after = None
    async with database.reading() as session:
        while (page := await roles.page(session, after=after, limit=3)).next is not None:
            found += page.items
            after = page.next
    assert [*found, *page.items] == sorted(many, key=lambda role: role.id)


async def test_scopes_are_replaced(database: Database) -> None:
    role = await added(database, a_role("a", "x"))
    async with database.writing() as session:
        await roles.set_scopes(session, role.id, ["y", "z", "y"])
    async with database.reading() as session:
        found = await roles.get(session, role.id)
    assert found is not None
    assert found.scopes == {"y", "z"}


async def test_a_role_that_is_taken_away_is_nobodys_any_more(database: Database) -> None:
    role, user = await added(database, a_role("a"), a_role("b")), a_user()
    async with database.writing() as session:
        await users.add(session, user, ("a", "b", "admin"))
    async with database.writing() as session:
        await roles.remove(session, role.id)
    async with database.reading() as session:
        assert await users.roles_of(session, user.id) == {"b", "admin"}
        assert await roles.get(session, role.id) is None


async def test_a_role_that_is_not_there_is_not_found(database: Database) -> None:
    with pytest.raises(NotFound):
        async with database.writing() as session:
            await roles.remove(session, "role_x")
    with pytest.raises(NotFound):
        async with database.writing() as session:
            await roles.set_scopes(session, "role_x", ())
