"""How long an answer of the store is believed, how often it is asked, and what happens when it is away."""

import asyncio
import gc
from datetime import UTC, datetime

import pytest

from smartlite.auth.api_keys import new_key
from smartlite.auth.authenticator import Authenticator
from smartlite.auth.remembered import MAX_FINDING
from smartlite.errors import Overloaded, Unauthorized, Unavailable
from tests.auth.keyring import Clock, Keyring, Record, bearer


class SlowKeyring(Keyring):
    """Answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()

    async def find(self, public_id: str, /) -> Record | None:
        record = await super().find(public_id)  # what was true when it was asked
        await self.go.wait()
        return record


async def test_the_store_is_asked_once_a_second() -> None:
    keyring, clock = Keyring(), Clock()
    key = keyring.add()
    authenticator = Authenticator(keyring.find, clock)
    for _ in range(30):  # three seconds
        await authenticator.authenticate(bearer(key))
        clock.move(0.1)
    assert len(keyring.asked) == 3


@pytest.mark.parametrize("change", [{"revoked_at": datetime(2030, 1, 1, tzinfo=UTC)}, {"is_active": False}])
async def test_a_key_that_was_taken_away_stops_within_a_second(change: dict[str, object]) -> None:
    keyring, clock = Keyring(), Clock()
    key = keyring.add()
    authenticator = Authenticator(keyring.find, clock)
    await authenticator.authenticate(bearer(key))
    keyring.change(key, **change)
    clock.move(1)
    with pytest.raises(Unauthorized):
        await authenticator.authenticate(bearer(key))


async def test_a_key_that_was_deleted_stops_within_a_second() -> None:
    keyring, clock = Keyring(), Clock()
    key = keyring.add()
    authenticator = Authenticator(keyring.find, clock)
    await authenticator.authenticate(bearer(key))
    keyring.records.clear()
    clock.move(1)
    for is_away in (False, True):
        keyring.is_away = is_away
        with pytest.raises(Unauthorized):
            await authenticator.authenticate(bearer(key))


async def test_a_role_that_was_taken_away_stops_within_a_second() -> None:
    keyring, clock = Keyring(), Clock()
    key = keyring.add(role_scopes=frozenset({"llm:chat"}))
    authenticator = Authenticator(keyring.find, clock)
    assert (await authenticator.authenticate(bearer(key))).may("llm:chat")
    keyring.change(key, role_scopes=frozenset())
    clock.move(1)
    assert not (await authenticator.authenticate(bearer(key))).may("llm:chat")


async def test_the_second_counts_from_the_question_and_not_from_the_answer() -> None:
    keyring, clock = SlowKeyring(), Clock()
    key = keyring.add()
    authenticator = Authenticator(keyring.find, clock)
    waiting = asyncio.create_task(authenticator.authenticate(bearer(key)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    keyring.records.clear()
    clock.move(1)
    keyring.go.set()
    await waiting  # the question was older than the change
    with pytest.raises(Unauthorized):
        await authenticator.authenticate(bearer(key))


async def test_a_clock_that_is_set_back_makes_nothing_younger() -> None:
    keyring, clock = Keyring(), Clock()
    key = keyring.add()
    authenticator = Authenticator(keyring.find, clock)
    await authenticator.authenticate(bearer(key))
    clock.move(-3600)
    keyring.is_away = True
    with pytest.raises(Unavailable):
        await authenticator.authenticate(bearer(key))


async def test_requests_that_come_together_ask_once_for_each_key() -> None:
    keyring = SlowKeyring()
    first, second = keyring.add(), keyring.add()
    authenticator = Authenticator(keyring.find, Clock())
    waiting = [asyncio.create_task(authenticator.authenticate(bearer(key))) for key in [first, second] * 50]
    await asyncio.sleep(0.01)
    keyring.go.set()
    assert [(await task).key_id for task in waiting] == ["key_0", "key_1"] * 50
    assert sorted(keyring.asked) == sorted([first.public_id, second.public_id])


async def test_one_that_hangs_up_does_not_take_the_answer_from_the_others() -> None:
    keyring = SlowKeyring()
    key = keyring.add()
    authenticator = Authenticator(keyring.find, Clock())
    leaves, stays = (asyncio.create_task(authenticator.authenticate(bearer(key))) for _ in range(2))
    await asyncio.sleep(0.01)
    leaves.cancel()
    await asyncio.sleep(0.01)
    keyring.go.set()
    assert (await stays).key_id == "key_0"
    assert leaves.cancelled()


async def test_an_error_that_nobody_waits_for_any_more_is_not_left_behind(caplog: pytest.LogCaptureFixture) -> None:
    authenticator = Authenticator(SlowKeyring().find, Clock(), find_timeout_s=0.05)
    leaves = asyncio.create_task(authenticator.authenticate(bearer(new_key())))
    await asyncio.sleep(0.01)
    leaves.cancel()
    await asyncio.sleep(0.1)
    assert leaves.cancelled()
    del leaves
    gc.collect()  # when asyncio complains
    assert caplog.records == []


async def test_an_unknown_key_is_asked_for_once_a_second() -> None:
    keyring, clock, key = Keyring(), Clock(), new_key()
    authenticator = Authenticator(keyring.find, clock)
    for _ in range(20):  # two seconds
        with pytest.raises(Unauthorized):
            await authenticator.authenticate(bearer(key))
        clock.move(0.1)
    assert len(keyring.asked) == 2


async def test_a_key_that_was_unknown_is_taken_a_second_after_it_was_made() -> None:
    keyring, clock = Keyring(), Clock()
    key = keyring.add()
    record = keyring.records.pop(key.public_id)
    authenticator = Authenticator(keyring.find, clock)
    with pytest.raises(Unauthorized):
        await authenticator.authenticate(bearer(key))
    keyring.records[key.public_id] = record
    clock.move(1)
    await authenticator.authenticate(bearer(key))


async def test_while_the_store_is_away_a_known_key_is_taken_for_a_minute() -> None:
    keyring, clock = Keyring(), Clock()
    key = keyring.add()
    authenticator = Authenticator(keyring.find, clock)
    await authenticator.authenticate(bearer(key))
    keyring.is_away = True
    for _ in range(59):
        clock.move(1)
        await authenticator.authenticate(bearer(key))
    clock.move(1)
    with pytest.raises(Unavailable):
        await authenticator.authenticate(bearer(key))
    keyring.is_away = False
    await authenticator.authenticate(bearer(key))


async def test_a_store_that_is_away_is_not_asked_by_every_request() -> None:
    keyring, clock = Keyring(), Clock()
    key = keyring.add()
    authenticator = Authenticator(keyring.find, clock)
    await authenticator.authenticate(bearer(key))
    keyring.is_away = True
    clock.move(5)
    for _ in range(20):  # two seconds
        await authenticator.authenticate(bearer(key))
        clock.move(0.1)
    assert len(keyring.asked) == 1 + 2


async def test_while_the_store_is_away_nobody_else_gets_in() -> None:
    keyring = Keyring()
    key = keyring.add()
    keyring.is_away = True
    with pytest.raises(Unavailable):
        await Authenticator(keyring.find, Clock()).authenticate(bearer(key))


async def test_while_the_store_is_away_a_wrong_secret_and_an_expired_key_are_refused() -> None:
    keyring, clock = Keyring(), Clock()
    key = keyring.add(revoked_at=clock.now)
    authenticator = Authenticator(keyring.find, clock)
    with pytest.raises(Unauthorized):
        await authenticator.authenticate(bearer(key))
    keyring.is_away = True
    clock.move(10)
    with pytest.raises(Unauthorized):
        await authenticator.authenticate(bearer(key))


async def test_a_store_that_does_not_answer_is_away() -> None:
    keyring = SlowKeyring()
    key = keyring.add()
    with pytest.raises(Unavailable):
        await Authenticator(keyring.find, Clock(), find_timeout_s=0.01).authenticate(bearer(key))


async def test_invented_ids_wait_in_no_endless_line_and_do_not_stop_a_known_key() -> None:
    keyring, clock = SlowKeyring(), Clock()
    key = keyring.add()
    keyring.go.set()
    authenticator = Authenticator(keyring.find, clock)
    await authenticator.authenticate(bearer(key))
    keyring.go.clear()
    waiting = [asyncio.create_task(authenticator.authenticate(bearer(new_key()))) for _ in range(MAX_FINDING)]
    await asyncio.sleep(0.01)
    with pytest.raises(Overloaded):
        await authenticator.authenticate(bearer(new_key()))
    clock.move(2)
    known = asyncio.create_task(authenticator.authenticate(bearer(key)))
    await asyncio.sleep(0.01)
    keyring.go.set()
    assert (await known).key_id == "key_0"
    refusals = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(refusal) for refusal in refusals} == {Unauthorized}


async def test_what_is_remembered_has_a_bound() -> None:
    keyring = Keyring()
    keys = [keyring.add() for _ in range(4)]
    authenticator = Authenticator(keyring.find, Clock(), max_keys=3)
    for key in keys:
        await authenticator.authenticate(bearer(key))
    await authenticator.authenticate(bearer(keys[-1]))
    assert len(keyring.asked) == 4
    await authenticator.authenticate(bearer(keys[0]))
    assert len(keyring.asked) == 5
    assert len(authenticator.take_used()) == 3
