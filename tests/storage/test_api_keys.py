"""API keys, on both databases."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, event

from smartlite.domain.identity import ApiKey, User
from smartlite.domain.ids import new_id
from smartlite.errors import AlreadyExists, InvalidRequest, NotFound
from smartlite.storage import api_keys, users
from smartlite.storage.database import Database
from tests.storage.rows import NOON, a_key, a_user


async def owner(database: Database, *roles: str, email: str = "ada@example.org", is_active: bool = True) -> User:
    user = a_user(email, is_active=is_active)
    async with database.writing() as session:
        await users.add(session, user, roles)
    return user


async def added(database: Database, *keys: ApiKey) -> ApiKey:
    async with database.writing() as session:
        for key in keys:
            await api_keys.add(session, key)
    return keys[0]


@contextmanager
def statements() -> Iterator[list[str]]:
    """What is sent to a database meanwhile, but for the beginnings and ends of transactions."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.startswith(("BEGIN", "SELECT 1")):
            sent.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", note)


@pytest.mark.parametrize("scopes", [None, frozenset[str](), frozenset({"chat:write", "models:read"})])
async def test_a_key_comes_back_as_it_was_added(database: Database, scopes: frozenset[str] | None) -> None:
    key = await added(database, a_key(await owner(database), scopes=scopes))
    async with database.reading() as session:
        assert await api_keys.get(session, key.id) == key
        assert await api_keys.get(session, "key_x") is None


async def test_a_key_is_found_with_its_user_and_all_roles_in_one_query(database: Database) -> None:
    user = await owner(database, "admin", "editor", "reader")
    await owner(database, "other", email="else@example.org")
    key = await added(database, a_key(user, "pk_1"))
    with statements() as sent:
        async with database.reading() as session:
            found = await api_keys.by_public_id(session, "pk_1")
    assert found is not None
    assert (found.key, found.user, found.roles) == (key, user, {"admin", "editor", "reader"})
    assert len(sent) == 1


async def test_a_key_of_somebody_without_roles_is_found_and_one_who_is_kept_out_is_told(database: Database) -> None:
    user = await owner(database, is_active=False)
    await added(database, a_key(user, "pk_1"))
    async with database.reading() as session:
        found = await api_keys.by_public_id(session, "pk_1")
    assert found is not None
    assert (found.user.is_active, found.roles) == (False, frozenset())


@pytest.mark.parametrize("text", ["PK_1", "pk_1 ", "pk_", "", "é", "🎙", "pk_1\0", "' OR 1=1 -- ", "%", "k" * 9000])
async def test_a_public_part_that_is_not_exactly_right_finds_nothing(database: Database, text: str) -> None:
    await added(database, a_key(await owner(database), "pk_1"))
    async with database.reading() as session:
        assert await api_keys.by_public_id(session, text) is None


async def test_a_public_part_is_taken_once(database: Database) -> None:
    user = await owner(database)
    await added(database, a_key(user, "pk_1"), a_key(user, "PK_1"))
    with pytest.raises(AlreadyExists) as caught:
        await added(database, a_key(user, "pk_1"))
    assert caught.value.param == "public_id"


async def test_a_key_of_nobody_is_not_added(database: Database) -> None:
    with pytest.raises(NotFound) as caught:
        await added(database, a_key(a_user()))
    assert caught.value.param == "user_id"


async def test_a_name_that_is_too_long_is_refused(database: Database) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await added(database, replace(a_key(await owner(database)), name="n" * 201))
    assert caught.value.param == "name"


async def test_pages_of_a_users_keys_have_each_once_and_nobody_elses(database: Database) -> None:
    user, other = await owner(database), await owner(database, email="else@example.org")
    keys = [a_key(user) for _ in range(7)]
    await added(database, *keys, a_key(other))
    found: list[ApiKey] = []
    after = None
    async with database.reading() as session:
        while (page := await api_keys.page_of_user(session, user.id, after=after, limit=3)).next is not None:
            found += page.items
            after = page.next
    assert [*found, *page.items] == sorted(keys, key=lambda key: key.id)


async def test_a_key_is_revoked_once_and_the_first_time_stays(database: Database) -> None:
    key = await added(database, a_key(await owner(database), "pk_1"))
    told = []
    for minutes in (1, 2):
        async with database.writing() as session:
            told.append(await api_keys.revoke(session, key.id, NOON + timedelta(minutes=minutes)))
    async with database.writing() as session:
        told.append(await api_keys.revoke(session, "key_x", NOON))
    assert told == [True, False, False]
    async with database.reading() as session:
        found = await api_keys.by_public_id(session, "pk_1")
    assert found is not None
    assert found.key.revoked_at == NOON + timedelta(minutes=1)


async def test_uses_of_many_keys_are_noted_in_one_statement_and_only_forwards(database: Database) -> None:
    user = await owner(database)
    early, late, unused = a_key(user), a_key(user), a_key(user)
    await added(database, early, replace(late, last_used_at=NOON + timedelta(hours=1)), unused)
    used = {early.id: NOON, late.id: NOON + timedelta(minutes=1), new_id("key"): NOON}
    with statements() as sent:
        async with database.writing() as session:
            await api_keys.touch_last_used(session, used)
    assert len(sent) == 1
    async with database.reading() as session:
        items = (await api_keys.page_of_user(session, user.id)).items
    noted = {key.id: key.last_used_at for key in items}
    assert noted == {early.id: NOON, late.id: NOON + timedelta(hours=1), unused.id: None}


async def test_no_use_and_very_many_uses_can_be_noted(database: Database) -> None:
    key = await added(database, a_key(await owner(database)))
    async with database.writing() as session:
        await api_keys.touch_last_used(session, {})
        await api_keys.touch_last_used(session, {key.id: NOON} | {new_id("key"): NOON for _ in range(2500)})
    async with database.reading() as session:
        found = await api_keys.get(session, key.id)
    assert found is not None
    assert found.last_used_at == NOON


def test_a_keys_hash_is_not_shown() -> None:
    assert "hash" not in repr(a_key(a_user()))
