"""Sessions, on both databases."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from smartlite.domain.identity import Session, User
from smartlite.domain.ids import new_id
from smartlite.errors import NotFound
from smartlite.storage import sessions, users
from smartlite.storage.database import Database
from tests.storage.rows import NOON, a_session, a_user


async def owner(database: Database, *roles: str, email: str = "ada@example.org") -> User:
    user = a_user(email)
    async with database.writing() as session:
        await users.add(session, user, roles)
    return user


async def added(database: Database, *found: Session) -> Session:
    async with database.writing() as session:
        for each in found:
            await sessions.add(session, each)
    return found[0]


def rotated(session: Session, *, number: int = 1) -> Session:
    """The session after its next refresh token."""
    return replace(
        session,
        generation=session.generation + 1,
        refresh_hash=bytes([number] * 32),
        previous_refresh_hash=session.refresh_hash,
        rotated_at=NOON,
        rotation_salt=bytes(32),
        last_used_at=NOON,
    )


async def test_a_session_is_found_with_its_user_and_their_roles(database: Database) -> None:
    user = await owner(database, "admin", "reader")
    session_row = await added(database, a_session(user))
    async with database.reading() as session:
        held = await sessions.with_user(session, session_row.id)
        assert await sessions.with_user(session, "ses_x") is None
    assert held is not None
    assert (held.session, held.user, held.roles) == (session_row, user, {"admin", "reader"})


async def test_what_a_client_says_of_itself_is_cut(database: Database) -> None:
    long = replace(a_session(await owner(database)), user_agent="🎙" * 999, address="a" * 999)
    await added(database, long)
    async with database.writing() as session:
        found = await sessions.locked(session, long.id)
    assert found is not None
    assert (found.user_agent, found.address) == ("🎙" * 200, "a" * 64)


async def test_a_session_of_nobody_is_not_added(database: Database) -> None:
    with pytest.raises(NotFound) as caught:
        await added(database, a_session(a_user()))
    assert caught.value.param == "user_id"


async def test_a_generation_follows_once_and_never_after_the_session_was_revoked(database: Database) -> None:
    first = await added(database, a_session(await owner(database)))
    second = rotated(first)
    async with database.writing() as session:
        assert await sessions.rotate(session, second)
        assert not await sessions.rotate(session, second)
        assert await sessions.locked(session, first.id) == second
        assert await sessions.revoke(session, first.id, NOON)
        assert not await sessions.rotate(session, rotated(second))


async def test_of_two_that_rotate_at_the_same_time_the_second_sees_what_the_first_wrote(database: Database) -> None:
    first = await added(database, a_session(await owner(database)))

    async def work(number: int) -> int:
        async with database.writing() as session:
            found = await sessions.locked(session, first.id)
            assert found is not None
            await asyncio.sleep(0.05)
            assert await sessions.rotate(session, rotated(found, number=number))
            return found.generation

    assert sorted(await asyncio.gather(work(1), work(2))) == [0, 1]


async def test_pages_have_the_open_sessions_of_one_user(database: Database) -> None:
    user, other = await owner(database), await owner(database, email="else@example.org")
    open_ones = sorted((a_session(user) for _ in range(3)), key=lambda each: each.id)
    ended = [replace(a_session(user), revoked_at=NOON), replace(a_session(user), expires_at=NOON)]
    await added(database, *open_ones, *ended, a_session(other))
    async with database.reading() as session:
        first = await sessions.page_of_user(session, user.id, now=NOON, limit=2)
        rest = await sessions.page_of_user(session, user.id, now=NOON, limit=2, after=first.next)
    assert [*first.items, *rest.items] == open_ones
    assert rest.next is None


async def test_all_sessions_of_a_user_but_one_are_revoked(database: Database) -> None:
    user, other = await owner(database), await owner(database, email="else@example.org")
    kept, *rest = (a_session(user) for _ in range(3))
    others = a_session(other)
    await added(database, kept, *rest, others)
    async with database.writing() as session:
        assert await sessions.revoke_of_user(session, user.id, NOON, but=kept.id) == 2
        assert await sessions.revoke_of_user(session, user.id, NOON, but=kept.id) == 0
        assert [each.id for each in (await sessions.page_of_user(session, user.id, now=NOON)).items] == [kept.id]
        assert (await sessions.page_of_user(session, other.id, now=NOON)).items == (others,)
        assert await sessions.revoke_of_user(session, user.id, NOON) == 1


async def test_a_session_is_revoked_once_and_the_first_time_stays(database: Database) -> None:
    row = await added(database, a_session(await owner(database)))
    async with database.writing() as session:
        told = [await sessions.revoke(session, row.id, NOON + timedelta(minutes=n)) for n in (1, 2)]
        found = await sessions.locked(session, row.id)
    assert told == [True, False]
    assert found is not None
    assert found.revoked_at == NOON + timedelta(minutes=1)


async def test_room_is_made_by_forgetting_what_expired_and_ending_the_oldest(database: Database) -> None:
    user = await owner(database)
    rows = [replace(a_session(user), id=f"ses_{number}") for number in range(5)]
    await added(database, *rows, replace(a_session(user), id="ses_old", expires_at=NOON))
    async with database.writing() as session:
        await sessions.make_room(session, user.id, NOON, 3)
        left = (await sessions.page_of_user(session, user.id, now=NOON)).items
        assert await sessions.locked(session, "ses_old") is None
        assert await sessions.locked(session, "ses_0") is not None
    assert [each.id for each in left] == ["ses_2", "ses_3", "ses_4"]


def test_no_hash_of_a_session_is_shown() -> None:
    shown = repr(a_session(a_user()))
    assert "hash" not in shown
    assert "salt" not in shown


async def test_a_password_is_set_found_and_locked(database: Database) -> None:
    user = await owner(database)
    async with database.writing() as session:
        assert await users.with_password(session, "ADA@example.org") == (user, None)
        await users.set_password(session, user.id, "$argon2id$x")
        assert await users.with_password(session, "ada@example.org") == (user, "$argon2id$x")
        assert await users.locked_password(session, user.id) == "$argon2id$x"
        await users.set_active(session, user.id, False)
        assert await users.locked_password(session, user.id) is None
        assert await users.with_password(session, "bob@example.org") is None
        with pytest.raises(NotFound):
            await users.set_password(session, new_id("user"), "x")
