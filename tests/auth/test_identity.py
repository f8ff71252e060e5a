"""Users, roles and keys on a database: who is found by a key, and what the audit log says of each change."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from smartlite.auth.api_keys import parse
from smartlite.auth.authenticator import Authenticator
from smartlite.auth.identity import ADMIN_EMAIL, Identity
from smartlite.auth.noted import Actor, utc_now
from smartlite.errors import AlreadyExists, InvalidRequest, NotFound, Unauthorized
from smartlite.storage.database import Database
from smartlite.storage.schema import migrate

ACTOR = Actor("user_1", "127.0.0.1")


@pytest.fixture
async def identity(tmp_path: Path) -> AsyncIterator[Identity]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/smartlite.db")
    await migrate(database)
    yield Identity(database)
    await database.close()


async def actions(identity: Identity) -> list[str]:
    return [entry.action for entry in reversed((await identity.page_audit(None, None, 50)).items)]


async def test_the_first_start_makes_an_administrator_whose_key_works_and_no_later_one_does(identity: Identity) -> None:
    keys = await asyncio.gather(identity.make_first_admin(), identity.make_first_admin())
    (text,) = [key for key in keys if key is not None]
    principal = await Authenticator(identity.find_key).authenticate(f"Bearer {text}")
    assert (principal.name, principal.roles) == ("Administrator", ("admin",))
    assert principal.may("users:write")
    assert (await identity.find_user(ADMIN_EMAIL.upper())).roles == {"admin"}
    assert await identity.make_first_admin() is None
    assert await actions(identity) == ["api_key.add", "user.add"]


async def test_a_key_grants_what_the_roles_of_its_user_grant_and_its_own_scopes_leave(identity: Identity) -> None:
    await identity.add_role(ACTOR, "captions", ["asr:transcribe", "models:read"])
    user = (await identity.add_user(ACTOR, " ana@example.com ", "Ana", ["captions", "viewer"])).user
    _, whole = await identity.add_key(ACTOR, user.id, "whole")
    _, narrow = await identity.add_key(ACTOR, user.id, "narrow", ["asr:transcribe:whisper-base", "llm:chat"])
    authenticator = Authenticator(identity.find_key)
    assert (await authenticator.authenticate(f"Bearer {whole}")).scopes == {"asr:transcribe", "models:read"}
    assert (await authenticator.authenticate(f"Bearer {narrow}")).scopes == {"asr:transcribe:whisper-base"}


async def test_what_is_taken_away_stops_the_key(identity: Identity) -> None:
    user = (await identity.add_user(ACTOR, "ana@example.com", "Ana", ["user"])).user
    key, text = await identity.add_key(ACTOR, user.id, "laptop")
    public_id = parse(text).public_id  # type: ignore[union-attr]

    async def is_let_in() -> bool:
        try:
            await Authenticator(identity.find_key).authenticate(f"Bearer {text}")
        except Unauthorized:
            return False
        return True

    assert await is_let_in()
    await identity.change_user(ACTOR, user.id, is_active=False)
    assert not await is_let_in()
    await identity.change_user(ACTOR, user.id, is_active=True, role_names=["viewer"])
    assert await is_let_in()
    assert (await identity.find_key(public_id)).role_scopes == {"models:read"}  # type: ignore[union-attr]
    await identity.revoke_key(ACTOR, key.id)
    await identity.revoke_key(ACTOR, key.id)
    assert not await is_let_in()
    assert await actions(identity) == [
        *("user.add", "api_key.add", "user.keep_out", "user.roles", "user.let_in", "api_key.revoke"),
    ]


async def test_the_last_use_of_a_key_is_kept(identity: Identity) -> None:
    user = (await identity.add_user(ACTOR, "ana@example.com", "Ana", ["user"])).user
    key, text = await identity.add_key(ACTOR, user.id, "laptop")
    authenticator = Authenticator(identity.find_key)
    await authenticator.authenticate(f"Bearer {text}")
    await identity.note_used(dict(authenticator.take_used()))
    await identity.note_used({})
    last_used_at = (await identity.find_api_key(key.id)).last_used_at
    assert last_used_at is not None
    assert utc_now() - last_used_at < timedelta(minutes=1)


async def test_a_role_that_is_removed_grants_nothing_any_more(identity: Identity) -> None:
    role = await identity.add_role(ACTOR, "captions", ["asr:transcribe"])
    user = (await identity.add_user(ACTOR, "ana@example.com", "Ana", ["captions"])).user
    assert await identity.grants_of(["captions", "nobody"]) == {"asr:transcribe"}
    await identity.remove_role(ACTOR, role.id)
    assert (await identity.find_user(user.id)).roles == frozenset()
    assert (await identity.page_roles(None, 50)).items == ()


@pytest.mark.parametrize("email", ["ana", "@example.com", "ana@", "a na@example.com", "ana@example.com x"])
async def test_what_is_no_address_is_refused(identity: Identity, email: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await identity.add_user(ACTOR, email, "", [])
    assert caught.value.param == "email"


async def test_what_cannot_be_is_refused_and_leaves_nothing_behind(identity: Identity) -> None:
    user = (await identity.add_user(ACTOR, "ana@example.com", "Ana", ["user"])).user
    with pytest.raises(AlreadyExists):
        await identity.add_user(ACTOR, "ANA@example.com", "", [])
    with pytest.raises(InvalidRequest, match="admin, operator"):
        await identity.add_user(ACTOR, "bob@example.com", "", ["nobody"])
    with pytest.raises(NotFound):
        await identity.find_user("bob@example.com")
    with pytest.raises(InvalidRequest, match="has passed"):
        await identity.add_key(ACTOR, user.id, "old", None, utc_now())
    with pytest.raises(InvalidRequest, match="is not a scope"):
        await identity.add_key(ACTOR, user.id, "wrong", ["llm:everything"])
    with pytest.raises(NotFound):
        await identity.add_key(ACTOR, "user_nobody", "x")
    with pytest.raises(InvalidRequest, match="ships"):
        await identity.add_role(ACTOR, "admin", [])
    with pytest.raises(NotFound):
        await identity.change_user(ACTOR, "user_nobody", is_active=False)
    assert await actions(identity) == ["user.add"]


async def test_a_key_of_somebody_else_is_not_there(identity: Identity) -> None:
    user = (await identity.add_user(ACTOR, "ana@example.com", "Ana", ["user"])).user
    key, _ = await identity.add_key(ACTOR, user.id, "laptop")
    with pytest.raises(NotFound):
        await identity.find_api_key(key.id, "user_other")
    assert (await identity.find_api_key(key.id, user.id)).name == "laptop"
