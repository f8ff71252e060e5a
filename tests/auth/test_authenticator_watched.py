"""How long an answer of the store is believed where somebody tells of every change."""

import asyncio
from datetime import timedelta

import pytest

from smartlite.auth.authenticator import Authenticator
from smartlite.auth.remembered import LONGEST, TAKEN_WITHOUT_DATABASE
from smartlite.domain.organizations import Memberships
from smartlite.errors import Unauthorized, Unavailable
from tests.auth.keyring import Clock, Keyring, Record, bearer
from tests.auth.watched import Told


class Watched:
    """An authenticator over a keyring, a clock and changes."""

    def __init__(self, keyring: Keyring | None = None) -> None:
        self.keyring, self.clock = keyring or Keyring(), Clock()
        self.changes = Told(self.clock)
        self.authenticator = Authenticator(
            self.keyring.find, self.clock, find_memberships=self.memberships, changes=self.changes
        )

    async def memberships(self, _user_id: str) -> Memberships:
        return {}


class SlowKeyring(Keyring):
    """Answers with what was true when it was asked, once it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()

    async def find(self, public_id: str, /) -> Record | None:
        record = await super().find(public_id)
        await self.go.wait()
        return record


async def test_the_store_is_asked_once_for_each_of_many_keys_while_nothing_changes() -> None:
    it = Watched()
    keys = [it.keyring.add() for _ in range(100)]
    for _ in range(20):
        for key in keys:
            await it.authenticator.authenticate(bearer(key))
        it.clock.move(10)
    assert len(it.keyring.asked) == 100


async def test_it_is_asked_again_after_a_change() -> None:
    it = Watched()
    key = it.keyring.add()
    await it.authenticator.authenticate(bearer(key))
    it.keyring.change(key, is_active=False)
    it.changes.generation += 1
    with pytest.raises(Unauthorized):
        await it.authenticator.authenticate(bearer(key))


async def test_it_is_asked_again_after_five_minutes_however_often_it_is_used() -> None:
    it = Watched()
    key = it.keyring.add()
    for _ in range(6):
        await it.authenticator.authenticate(bearer(key))
        it.clock.move(LONGEST.total_seconds() / 6)
    it.keyring.records.clear()
    with pytest.raises(Unauthorized):
        await it.authenticator.authenticate(bearer(key))


async def test_a_key_ends_at_its_time_though_nothing_changes() -> None:
    it = Watched()
    key = it.keyring.add(expires_at=it.clock.now + timedelta(seconds=10))
    await it.authenticator.authenticate(bearer(key))
    it.clock.move(9.9)
    assert it.authenticator.known(bearer(key)) is not None
    it.clock.move(0.1)
    with pytest.raises(Unauthorized):
        await it.authenticator.authenticate(bearer(key))


async def test_where_nobody_knows_of_changes_a_second_is_the_most() -> None:
    it = Watched()
    key = it.keyring.add()
    await it.authenticator.authenticate(bearer(key))
    it.changes.lose()
    it.keyring.records.clear()
    it.clock.move(1)
    with pytest.raises(Unauthorized):
        await it.authenticator.authenticate(bearer(key))


async def test_what_was_asked_before_a_change_and_answered_after_it_is_not_believed() -> None:
    keyring = SlowKeyring()
    it = Watched(keyring)
    key = keyring.add()
    waiting = asyncio.create_task(it.authenticator.authenticate(bearer(key)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    keyring.records.clear()
    it.changes.generation += 1
    keyring.go.set()
    await waiting
    with pytest.raises(Unauthorized):
        await it.authenticator.authenticate(bearer(key))


async def test_who_asks_after_a_change_does_not_get_the_answer_to_who_asked_before() -> None:
    keyring = SlowKeyring()
    it = Watched(keyring)
    key = keyring.add()
    before = asyncio.create_task(it.authenticator.authenticate(bearer(key)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    keyring.records.clear()
    it.changes.generation += 1
    after = asyncio.create_task(it.authenticator.authenticate(bearer(key)))
    await asyncio.sleep(0)
    keyring.go.set()
    await before
    with pytest.raises(Unauthorized):
        await after


async def test_a_store_that_fails_after_a_change_is_asked_again_though_changes_are_known() -> None:
    it = Watched()
    key = it.keyring.add()
    await it.authenticator.authenticate(bearer(key))
    it.changes.generation += 1
    it.keyring.is_away = True
    await it.authenticator.authenticate(bearer(key))  # taken for want of an answer
    it.keyring.is_away = False
    it.keyring.change(key, is_active=False)
    it.clock.move(1)
    with pytest.raises(Unauthorized):
        await it.authenticator.authenticate(bearer(key))


async def test_a_database_that_is_away_is_done_without_for_a_minute_since_nothing_had_changed() -> None:
    it = Watched()
    key = it.keyring.add()
    await it.authenticator.authenticate(bearer(key))
    it.clock.move(LONGEST.total_seconds() - 1)
    it.changes.lose()
    it.keyring.is_away = True
    it.clock.move(TAKEN_WITHOUT_DATABASE.total_seconds() - 1)
    assert (await it.authenticator.authenticate(bearer(key))).key_id == "key_0"
    it.clock.move(1)
    with pytest.raises(Unavailable):
        await it.authenticator.authenticate(bearer(key))
