"""Signing in with a password and changing it: who gets in, and that nobody else learns anything."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from smartlite.auth.attempts import OF_PAIR, Attempts
from smartlite.auth.passwords import Passwords
from smartlite.auth.sign_in import SignIn
from smartlite.errors import (
    InvalidGrant,
    InvalidRequest,
    NotFound,
    PasswordRefused,
    SignInRefused,
    TooManySignIns,
    Unauthorized,
    Unavailable,
)
from smartlite.storage import users
from tests.auth.accounts import ACTOR, EMAIL, PASSWORD, VISITOR, World, a_world

OTHER = "another good password"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path) as world:
        yield world


async def test_an_address_in_whichever_case_and_its_password_open_a_session(world: World) -> None:
    await world.add_user()
    signed_in = await world.sign_in(" ANA@Example.com ")
    assert (await world.asks(signed_in.access_token)).name == "Ana"
    assert await world.actions() == ["user.add", "user.password", "session.sign_in", "signing_key.rotate"]


async def refusal(world: World, email: str = EMAIL, password: str = PASSWORD) -> tuple[object, ...]:
    with pytest.raises(SignInRefused) as caught:
        await world.sign_in(email, password)
    return (caught.value.status_code, caught.value.code, *caught.value.args)


async def test_every_refusal_is_the_same_and_costs_one_comparison(world: World) -> None:
    await world.add_user()
    await world.add_user("nopassword@example.com", None)
    kept_out = await world.add_user("out@example.com")
    await world.identity.change_user(ACTOR, kept_out, is_active=False)
    world.passwords.verified.clear()
    refusals = {
        await refusal(world, password="wrong password"),
        await refusal(world, password=""),
        await refusal(world, password="x" * 100_000),
        await refusal(world, "nobody@example.com"),
        await refusal(world, "' OR 1=1 --"),
        await refusal(world, "nopassword@example.com"),
        await refusal(world, "out@example.com"),
    }
    assert len(refusals) == 1
    assert next(iter(refusals))[:2] == (401, "invalid_credentials")
    assert len(world.passwords.verified) == 7


async def test_a_failed_sign_in_is_noted_only_where_there_is_such_a_user_and_beside_the_answer(world: World) -> None:
    user_id = await world.add_user()
    await refusal(world, password="wrong password")
    await refusal(world, "nobody@example.com")
    assert (await world.actions()).count("session.sign_in_failed") == 1
    (entry,) = [e for e in (await world.identity.page_audit(None, None, 50)).items if e.action.endswith("failed")]
    assert (entry.target_id, entry.address, entry.actor_id) == (user_id, "203.0.113.7", None)


@pytest.mark.parametrize("email", [EMAIL, "nobody@example.com"])
async def test_too_many_in_vain_are_stopped_before_a_password_is_compared(world: World, email: str) -> None:
    await world.add_user()
    for _ in range(OF_PAIR):
        await refusal(world, email, "wrong password")
    world.passwords.verified.clear()
    with pytest.raises(TooManySignIns):
        await world.sign_in(email.upper())
    assert world.passwords.verified == []
    world.clock.move(3600)
    if email == EMAIL:
        await world.sign_in(email)


async def test_many_at_once_are_no_way_around(world: World) -> None:
    await world.add_user()
    tries = [world.sign_in(EMAIL, f"wrong password {number}") for number in range(40)]
    answers = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(answer, SignInRefused) for answer in answers) == OF_PAIR
    assert sum(isinstance(answer, TooManySignIns) for answer in answers) == 40 - OF_PAIR


async def test_an_outage_counts_as_no_attempt(world: World) -> None:
    await world.add_user()
    world.database.is_away = True
    for _ in range(OF_PAIR * 2):
        with pytest.raises(Unavailable):
            await world.sign_in()
    world.database.is_away = False
    await world.sign_in()


async def test_a_password_is_changed_and_the_other_sessions_end(world: World) -> None:
    user_id = await world.add_user()
    here, there = await world.sign_in(), await world.sign_in()
    await world.accounts.sign_in.change_password(user_id, PASSWORD, OTHER, VISITOR, here.session.id)
    world.clock.move(1)
    await world.asks(here.access_token)
    with pytest.raises(Unauthorized):
        await world.asks(there.access_token)
    with pytest.raises(InvalidGrant):
        await world.refresh(there.refresh_token)
    await refusal(world)
    await world.sign_in(password=OTHER)
    assert (await world.actions()).count("user.password") == 2


async def test_a_password_is_changed_only_by_whoever_knows_it(world: World) -> None:
    user_id = await world.add_user()
    change = world.accounts.sign_in.change_password
    with pytest.raises(InvalidRequest) as caught:
        await change(user_id, "wrong password", OTHER, VISITOR)
    assert (caught.value.status_code, caught.value.param) == (400, "current_password")
    with pytest.raises(PasswordRefused) as refused:
        await change(user_id, PASSWORD, EMAIL, VISITOR)
    assert refused.value.param == "new_password"
    for _ in range(OF_PAIR - 1):
        with pytest.raises(InvalidRequest):
            await change(user_id, "wrong password", OTHER, VISITOR)
    with pytest.raises(TooManySignIns):
        await change(user_id, PASSWORD, OTHER, VISITOR)
    with pytest.raises(NotFound):
        await change("user_nobody", PASSWORD, OTHER, VISITOR)
    world.clock.move(3600)
    await world.sign_in()


async def test_a_password_that_is_set_ends_every_session(world: World) -> None:
    user_id = await world.add_user()
    signed_in = await world.sign_in()
    await world.accounts.sign_in.set_password(ACTOR, EMAIL.upper(), OTHER)
    with pytest.raises(InvalidGrant):
        await world.refresh(signed_in.refresh_token)
    assert (await world.sign_in(password=OTHER)).session.user_id == user_id
    for name in ("nobody@example.com", "user_nobody"):
        with pytest.raises(NotFound):
            await world.accounts.sign_in.set_password(ACTOR, name, OTHER)


class Changing(Passwords):
    """The password is changed while it is compared."""

    def __init__(self, world: World) -> None:
        super().__init__(8)
        self._world = world

    async def verify(self, password_hash: str | None, password: str) -> bool:
        right = await super().verify(password_hash, password)
        await self._world.accounts.sign_in.set_password(ACTOR, EMAIL, OTHER)
        return right


async def test_a_password_that_is_changed_meanwhile_opens_nothing(world: World) -> None:
    user_id = await world.add_user()
    changing = Changing(world)
    sign_in = SignIn(world.database, world.accounts.sessions, changing, Attempts())
    with pytest.raises(SignInRefused):
        await sign_in.sign_in(EMAIL, PASSWORD, VISITOR)
    assert (await world.accounts.sessions.page(user_id, None, 50)).items == ()
    changing.close()


async def test_a_hash_of_other_settings_is_made_anew_when_its_user_signs_in(world: World) -> None:
    await world.add_user()
    dearer = Passwords(memory_kib=16)
    sign_in = SignIn(world.database, world.accounts.sessions, dearer, Attempts())
    await sign_in.sign_in(EMAIL, PASSWORD, VISITOR)
    async with world.database.reading() as session:
        found = await users.with_password(session, EMAIL)
    assert found is not None
    assert "m=16," in str(found[1])
    await sign_in.sign_in(EMAIL, PASSWORD, VISITOR)
    dearer.close()
