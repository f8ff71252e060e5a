"""Sessions on a database: begun, refreshed, used twice, ended; and what other replicas see of it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from smartlite.auth.refresh_tokens import parse_refresh_token
from smartlite.auth.sessions import MAX_PER_USER, SignedIn, Visitor
from smartlite.auth.token_guard import AccessToken
from smartlite.auth.tokens import verify
from smartlite.domain.principal import Principal
from smartlite.errors import InvalidGrant, NotFound, Unauthorized, Unavailable
from tests.auth.accounts import ACTOR, VISITOR, World, a_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path) as world:
        yield world


async def said(world: World, signed_in: SignedIn) -> AccessToken:
    """What an access token says."""
    keys = {key.id: key for key in await world.accounts.keys.published()}
    found = verify(signed_in.access_token, keys, world.clock.now)
    assert found is not None
    return found


async def test_an_access_token_tells_who_asks_and_what_their_roles_grant(world: World) -> None:
    user_id = await world.add_user(roles=("viewer",))
    signed_in = await world.sign_in()
    principal = await world.asks(signed_in.access_token)
    assert principal == Principal(user_id, None, ("viewer",), frozenset({"models:read"}), "Ana", signed_in.session.id)
    assert signed_in.expires_in_s == 900
    assert (signed_in.session.address, signed_in.session.user_agent) == ("203.0.113.7", "curl/8")


async def test_an_access_token_ends_and_a_refresh_token_goes_on(world: World) -> None:
    await world.add_user()
    first = await world.sign_in()
    world.clock.move(930)
    with pytest.raises(Unauthorized):
        await world.asks(first.access_token)
    second = await world.refresh(first.refresh_token)
    assert (await world.asks(second.access_token)).session_id == first.session.id
    assert second.session.generation == 1


async def test_a_session_ends_after_thirty_days_however_much_it_is_used(world: World) -> None:
    await world.add_user()
    signed_in = await world.sign_in()
    for _ in range(29):
        world.clock.move(86_400)
        signed_in = await world.refresh(signed_in.refresh_token)
    world.clock.move(86_400 - 60)
    signed_in = await world.refresh(signed_in.refresh_token)
    assert signed_in.expires_in_s == 60
    world.clock.move(60)
    with pytest.raises(InvalidGrant):
        await world.refresh(signed_in.refresh_token)
    with pytest.raises(Unauthorized):
        await world.asks(signed_in.access_token)


async def test_a_request_that_is_repeated_gets_the_same_successor(world: World) -> None:
    await world.add_user()
    first = await world.sign_in()
    second = await world.refresh(first.refresh_token)
    world.clock.move(29.9)
    again = await world.replica().refresh(first.refresh_token)
    assert again.refresh_token == second.refresh_token
    assert await said(world, again) == await said(world, second)
    third = await world.refresh(again.refresh_token)
    assert third.session.generation == 2
    assert "session.refresh_reused" not in await world.actions()


async def test_two_that_refresh_at_the_same_time_both_get_the_same_successor(world: World) -> None:
    await world.add_user()
    first = await world.sign_in()
    replicas = [world, world.replica(), world.replica()]
    answers = await asyncio.gather(*(each.refresh(first.refresh_token) for each in replicas * 3))
    assert len({answer.refresh_token for answer in answers}) == 1
    assert {answer.session.generation for answer in answers} == {1}


async def test_a_refresh_token_that_is_used_again_later_ends_the_session_for_both(world: World) -> None:
    await world.add_user()
    first = await world.sign_in()
    second = await world.refresh(first.refresh_token)
    world.clock.move(30)
    with pytest.raises(InvalidGrant):
        await world.refresh(first.refresh_token)
    with pytest.raises(InvalidGrant):
        await world.refresh(second.refresh_token)
    with pytest.raises(Unauthorized):
        await world.asks(second.access_token)
    assert (await world.actions())[-1] == "session.refresh_reused"


async def test_a_refresh_token_of_long_ago_ends_the_session_even_within_the_grace_of_another(world: World) -> None:
    await world.add_user()
    stolen = (await world.sign_in()).refresh_token
    thief = await world.refresh((await world.refresh(stolen)).refresh_token)
    with pytest.raises(InvalidGrant):
        await world.refresh(stolen)
    with pytest.raises(InvalidGrant):
        await world.refresh(thief.refresh_token)
    assert (await world.actions()).count("session.refresh_reused") == 1


async def test_what_was_made_up_for_a_session_is_refused_and_ends_nothing(world: World) -> None:
    await world.add_user()
    mine, other = await world.sign_in(), await world.sign_in()
    known = parse_refresh_token(mine.refresh_token)
    assert known is not None
    made_up = replace(known, family="A" * 22)
    moved = replace(known, session_hex=other.session.id.removeprefix("ses_"))
    for text in (made_up.text, moved.text, mine.refresh_token[:-1], mine.access_token, "", "slr_", "\n", "é" * 99):
        with pytest.raises(InvalidGrant) as caught:
            await world.refresh(text)
        assert (caught.value.status_code, caught.value.code) == (400, "invalid_grant")
    await world.refresh(mine.refresh_token)
    await world.refresh(other.refresh_token)


async def test_a_refresh_token_is_no_access_token(world: World) -> None:
    await world.add_user()
    with pytest.raises(Unauthorized):
        await world.asks((await world.sign_in()).refresh_token)


async def test_a_session_that_is_revoked_stops_within_two_seconds_on_every_replica(world: World) -> None:
    user_id = await world.add_user()
    signed_in = await world.sign_in()
    other = world.replica()
    await other.asks(signed_in.access_token)
    await world.accounts.sessions.revoke(ACTOR, signed_in.session.id, user_id)
    await world.accounts.sessions.revoke(ACTOR, signed_in.session.id, user_id)
    world.clock.move(1)
    for replica in (world, other):
        with pytest.raises(Unauthorized):
            await replica.asks(signed_in.access_token)
        with pytest.raises(InvalidGrant):
            await replica.refresh(signed_in.refresh_token)
    assert (await world.actions()).count("session.revoke") == 1


async def test_a_user_who_is_kept_out_is_signed_out_for_good(world: World) -> None:
    user_id = await world.add_user()
    signed_in = await world.sign_in()
    await world.asks(signed_in.access_token)
    await world.identity.change_user(ACTOR, user_id, is_active=False)
    world.clock.move(1)
    for is_active in (False, True):
        await world.identity.change_user(ACTOR, user_id, is_active=is_active)
        with pytest.raises(Unauthorized):
            await world.asks(signed_in.access_token)
        with pytest.raises(InvalidGrant):
            await world.refresh(signed_in.refresh_token)


async def test_a_role_that_is_taken_away_stops_within_a_second(world: World) -> None:
    user_id = await world.add_user(roles=("admin",))
    signed_in = await world.sign_in()
    assert (await world.asks(signed_in.access_token)).may("users:write")
    await world.identity.change_user(ACTOR, user_id, role_names=["viewer"])
    world.clock.move(1)
    assert (await world.asks(signed_in.access_token)).scopes == {"models:read"}


async def test_a_session_is_believed_for_a_minute_while_the_database_is_away(world: World) -> None:
    await world.add_user()
    signed_in = await world.sign_in()
    await world.asks(signed_in.access_token)

    world.database.is_away = True
    world.clock.move(59)
    await world.asks(signed_in.access_token)
    world.clock.move(1)
    with pytest.raises(Unavailable):
        await world.asks(signed_in.access_token)
    with pytest.raises(Unavailable):
        await world.replica().asks(signed_in.access_token)


async def test_sessions_are_listed_and_ended_by_whoever_they_belong_to(world: World) -> None:
    user_id = await world.add_user()
    other_id = await world.add_user("bob@example.com")
    here = await world.sign_in(visitor=Visitor("::1", "Fire\nfox"))
    others = [await world.sign_in() for _ in range(2)]
    listed = (await world.accounts.sessions.page(user_id, None, 50)).items
    assert {each.id for each in listed} == {each.session.id for each in (here, *others)}
    assert here.session.user_agent == "Firefox"
    with pytest.raises(NotFound):
        await world.accounts.sessions.revoke(ACTOR, here.session.id, other_id)
    with pytest.raises(NotFound):
        await world.accounts.sessions.revoke(ACTOR, "ses_x")
    assert await world.accounts.sessions.revoke_all(ACTOR, user_id, but=here.session.id) == 2
    assert await world.accounts.sessions.revoke_all(ACTOR, user_id, but=here.session.id) == 0
    assert [each.id for each in (await world.accounts.sessions.page(user_id, None, 50)).items] == [here.session.id]
    assert (await world.actions()).count("session.revoke_all") == 1


async def test_one_session_too_many_ends_the_oldest(world: World) -> None:
    user_id = await world.add_user()
    first = await world.sign_in()
    for _ in range(MAX_PER_USER):
        async with world.database.writing() as session:
            await world.accounts.sessions.add(session, user_id, VISITOR)
    assert len((await world.accounts.sessions.page(user_id, None, 200)).items) == MAX_PER_USER
    with pytest.raises(InvalidGrant):
        await world.refresh(first.refresh_token)


async def test_a_token_of_another_platform_is_refused(world: World, tmp_path: Path) -> None:
    await world.add_user()
    (tmp_path / "other").mkdir()
    async with a_world(tmp_path / "other") as other:
        await other.add_user()
        foreign = await other.sign_in()
    with pytest.raises(Unauthorized):
        await world.asks(foreign.access_token)
    with pytest.raises(InvalidGrant):
        await world.refresh(foreign.refresh_token)


async def test_nothing_that_could_be_used_is_shown_or_kept(world: World) -> None:
    await world.add_user()
    signed_in = await world.sign_in()
    assert signed_in.refresh_token not in repr(signed_in)
    assert signed_in.access_token not in repr(signed_in)
    known = parse_refresh_token(signed_in.refresh_token)
    assert known is not None
    assert known.secret not in repr(known)
    path = Path(str(world.database.url.database))
    kept = b"".join(file.read_bytes() for file in path.parent.glob("smartlite.db*"))
    for secret in (known.secret, known.family, signed_in.access_token.rpartition(".")[2]):
        assert secret.encode() not in kept
