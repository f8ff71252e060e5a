"""Who asked some time ago gets what they may do by now, and no more than they might do then."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from smartlite.auth.identity import Identity
from smartlite.auth.noted import Actor, utc_now
from smartlite.auth.returning import find_again
from smartlite.auth.scopes import BUILT_IN_ROLES
from smartlite.domain.identity import ApiKey
from smartlite.errors import Unauthorized
from smartlite.storage import api_keys
from smartlite.storage.database import Database
from smartlite.storage.schema import migrate

NOBODY = Actor(None)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/smartlite.db")
    await migrate(database)
    yield database
    await database.close()


@pytest.fixture
def identity(database: Database) -> Identity:
    return Identity(database)


async def ana(identity: Identity, role: str = "user") -> str:
    return (await identity.add_user(NOBODY, "ana@example.com", "Ana", [role])).user.id


async def test_what_was_lost_is_lost_and_what_is_new_is_not_there(database: Database, identity: Identity) -> None:
    user_id = await ana(identity, "viewer")
    then = frozenset({"models:read", "llm:chat:small", "users:write"})
    assert (await find_again(database, user_id, None, None, then)).scopes == {"models:read"}
    await identity.change_user(NOBODY, user_id, role_names=["user"])
    found = await find_again(database, user_id, None, None, then)
    assert (found.scopes, found.roles) == ({"models:read", "llm:chat:small"}, ("user",))
    assert (await find_again(database, user_id, None, None, None)).scopes == BUILT_IN_ROLES["user"]


async def test_whoever_is_kept_out_or_unknown_is_refused(database: Database, identity: Identity) -> None:
    user_id = await ana(identity)
    await identity.change_user(NOBODY, user_id, is_active=False)
    for each in (user_id, "user_unknown", ""):
        with pytest.raises(Unauthorized):
            await find_again(database, each, None, None, None)


async def test_a_key_may_have_expired_and_may_not_have_been_revoked(database: Database, identity: Identity) -> None:
    user_id = await ana(identity)
    ago = utc_now() - timedelta(days=1)
    key = ApiKey("key_1", user_id, "key", "public", b"h" * 32, None, ago, ago)
    async with database.writing() as session:
        await api_keys.add(session, key)
    found = await find_again(database, user_id, None, key.id, None)
    assert (found.key_id, found.is_limited) == (key.id, True)
    await identity.revoke_key(NOBODY, key.id)
    for each in (key.id, "key_unknown"):
        with pytest.raises(Unauthorized):
            await find_again(database, user_id, None, each, None)


async def test_whoever_left_the_organization_acts_for_it_no_more(database: Database, identity: Identity) -> None:
    user_id = await ana(identity)
    team = await identity.organizations.add(NOBODY, "Newsroom", user_id)
    assert (await find_again(database, user_id, team.id, None, None)).organization_id == team.id
    with pytest.raises(Unauthorized):
        await find_again(database, user_id, "org_other", None, None)
