"""What the audit log says of changes, how soon, and that every change of a right is among them."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from smartlite.auth import changes as watching
from smartlite.auth.changes import BELIEVED_S, EVERY_S, WINDOW_S, Changes
from smartlite.auth.identity import Identity
from smartlite.auth.noted import Actor, note, utc_now
from smartlite.auth.permissions import ANONYMOUS_ADMIN
from smartlite.auth.quota_book import QuotaBook
from smartlite.domain.ids import new_id
from smartlite.domain.limits import LimitKind, Period, Quota
from smartlite.domain.organizations import OrganizationRole
from smartlite.storage.database import Database
from tests.auth.keyring import Clock
from tests.storage.conftest import database, empty_database, mariadb

__all__ = ["database", "empty_database", "mariadb"]

ACTOR = Actor(None)


class People:
    """Somebody with a key, a role, a limit and an organisation."""

    def __init__(self, database: Database) -> None:
        self.identity = Identity(database)
        self.quotas = QuotaBook(database)

    async def begin(self) -> None:
        name = new_id("x")
        self.role = (await self.identity.add_role(ACTOR, name, ["models:read"])).id
        self.owner = (await self.identity.add_user(ACTOR, f"eve-{name}@example.com", "Eve", ["user"])).user.id
        self.user = (await self.identity.add_user(ACTOR, f"ana-{name}@example.com", "Ana", ["user", name])).user.id
        key, _ = await self.identity.add_key(ACTOR, self.user, "laptop")
        self.key = key.id
        self.team = (await self.identity.organizations.add(ACTOR, "Newsroom", self.owner)).id
        await self.join()
        self.quota = (await self.limit(100)).id

    async def join(self) -> None:
        organizations = self.identity.organizations
        await organizations.add_member(ANONYMOUS_ADMIN, ACTOR, self.team, self.user, OrganizationRole.MEMBER)

    async def limit(self, most: int) -> Quota:
        return await self.quotas.put(
            ACTOR, Quota("", "key", self.key, LimitKind.REQUESTS, most, Period.MINUTE, None, "local")
        )

    async def promote(self) -> None:
        organizations = self.identity.organizations
        await organizations.set_role(ANONYMOUS_ADMIN, ACTOR, self.team, self.user, OrganizationRole.ADMIN)

    async def close_team(self) -> None:
        await self.identity.organizations.change(ANONYMOUS_ADMIN, ACTOR, self.team, None, is_active=False)


CHANGES: dict[str, Callable[[People], Awaitable[object]]] = {
    "a key is revoked": lambda it: it.identity.revoke_key(ACTOR, it.key),
    "a key is rotated": lambda it: it.identity.rotate_key(ACTOR, it.key, 60),
    "a user is kept out": lambda it: it.identity.change_user(ACTOR, it.user, is_active=False),
    "a user gets other roles": lambda it: it.identity.change_user(ACTOR, it.user, role_names=["viewer"]),
    "a role is removed": lambda it: it.identity.remove_role(ACTOR, it.role),
    "a role is made": lambda it: it.identity.add_role(ACTOR, new_id("x"), ["llm:chat"]),
    "a limit is set": lambda it: it.limit(5),
    "a limit is removed": lambda it: it.quotas.remove(ACTOR, it.quota),
    "an organisation is made": lambda it: it.identity.organizations.add(ACTOR, "Archive", it.user),
    "an organisation is closed": People.close_team,
    "an organisation is removed": lambda it: it.identity.organizations.remove(ANONYMOUS_ADMIN, ACTOR, it.team),
    "a member becomes something else": People.promote,
    "a member leaves": lambda it: it.identity.organizations.remove_member(ANONYMOUS_ADMIN, ACTOR, it.team, it.user),
}


async def test_every_change_of_a_right_is_seen_once(database: Database) -> None:
    changes = Changes(database)
    unseen, seen_twice = [], []
    for name, change in CHANGES.items():
        people = People(database)
        await people.begin()
        await changes.look()
        before = changes.current()
        await change(people)
        await changes.look()
        after = changes.current()
        unseen += [name] if after == before else []
        await changes.look()
        seen_twice += [name] if changes.current() != after else []
    assert (unseen, seen_twice) == ([], [])


async def test_who_signs_in_and_who_is_added_changes_nothing_that_is_known(database: Database) -> None:
    changes, identity = Changes(database), Identity(database)
    await changes.look()
    before = changes.current()
    user = (await identity.add_user(ACTOR, "ana@example.com", "Ana", ["user"])).user
    await identity.add_key(ACTOR, user.id, "laptop")
    async with database.writing() as session:
        await note(session, ACTOR, "session.sign_in_failed", "user", user.id)
    await changes.look()
    assert changes.current() == before


async def test_what_is_committed_late_is_seen_though_younger_entries_were_seen_before(database: Database) -> None:
    changes = Changes(database)
    async with database.writing() as session:
        await note(session, ACTOR, "quota.set", "quota", "quota_1")
        await changes.look()
        before = changes.current()
    await changes.look()
    assert changes.current() != before


@pytest.fixture
async def watched(database: Database) -> tuple[Changes, Clock]:
    """Changes on a clock that stands still at the present."""
    clock = Clock()
    clock.now = utc_now()
    return Changes(database, clock, clock.seconds), clock


async def test_nothing_is_known_before_the_first_look_nor_long_after_the_last(watched: tuple[Changes, Clock]) -> None:
    changes, clock = watched
    assert changes.current() is None
    await changes.look()
    clock.move(BELIEVED_S - 0.01)
    assert changes.current() is not None
    clock.move(0.01)
    assert changes.current() is None


async def test_after_a_moment_without_an_answer_what_was_true_is_true_again(watched: tuple[Changes, Clock]) -> None:
    changes, clock = watched
    await changes.look()
    before = changes.current()
    clock.move(10)
    await changes.look()
    assert changes.current() == before


@pytest.mark.parametrize("seconds", [WINDOW_S, -1.0])
async def test_after_a_gap_in_which_an_entry_may_have_gone_by_everything_counts_as_changed(
    watched: tuple[Changes, Clock], seconds: float
) -> None:
    changes, clock = watched
    await changes.look()
    before = changes.current()
    clock.move(seconds)
    await changes.look()
    clock.move(max(0.0, -seconds))
    assert changes.current() != before


async def test_an_entry_of_a_clock_that_is_behind_is_seen(watched: tuple[Changes, Clock], database: Database) -> None:
    changes, clock = watched
    clock.move(WINDOW_S / 2)  # ours is ahead of the one that makes the entry
    await changes.look()
    before = changes.current()
    async with database.writing() as session:
        await note(session, ACTOR, "api_key.revoke", "api_key", "key_1")
    clock.move(EVERY_S)
    await changes.look()
    assert changes.current() != before


async def test_more_changes_than_are_looked_at_count_as_one_each_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "_MOST", 2)
    changes = Changes(database)
    await People(database).begin()
    await changes.look()
    before = changes.current()
    await changes.look()
    assert changes.current() != before


async def test_the_confirmation_is_of_the_last_generation_alone(watched: tuple[Changes, Clock]) -> None:
    changes, clock = watched
    await changes.look()
    generation = changes.current()
    at = clock.now
    clock.move(10)
    assert changes.confirmed_at(generation) == at
    assert changes.confirmed_at(None) is None


async def test_it_goes_on_looking_whatever_happens(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(watching, "EVERY_S", 0.0)
    changes, looked, answered = Changes(database), Changes.look, asyncio.Event()
    calls = 0

    async def look(_: Changes) -> None:
        nonlocal calls
        calls += 1
        if calls <= 2:
            raise OSError("The disk is gone.")
        await looked(changes)
        answered.set()

    monkeypatch.setattr(Changes, "look", look)
    task = asyncio.create_task(changes.look_for_ever())
    async with asyncio.timeout(5):
        await answered.wait()
    task.cancel()
    assert changes.current() is not None
    assert [record.message for record in caplog.records] == [
        "the audit log could not be asked: each key is looked up again"
    ]
