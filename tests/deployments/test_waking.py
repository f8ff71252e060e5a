"""Waits for deployments that may sleep: no longer than asked where they are awake, longer where they wake."""

import asyncio
from typing import Final

import pytest

from deployments import waking
from deployments.waking import StillWaking, Waking

DEADLINE_S: Final = 0.5
"""Within it there are many looks, also on a busy machine."""


class Sleeper:
    """Wakes when it was asked so many times; None: never."""

    def __init__(self, looks: int | None) -> None:
        self.looks = looks
        self.asked: list[str | None] = []
        self.awake_until = 0
        """So many looks find it awake before it sleeps."""

    async def is_waking(self, deployment: str | None = None) -> bool:
        self.asked.append(deployment)
        return len(self.asked) > self.awake_until and (self.looks is None or len(self.asked) <= self.looks)


@pytest.fixture(autouse=True)
def _look_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waking, "_LATE_S", 0.01)


async def test_a_wait_that_ends_at_once_asks_nobody() -> None:
    sleeper = Sleeper(None)
    async with Waking(sleeper, 5).timeout(5, "asr"):
        await asyncio.sleep(0)
    assert sleeper.asked == []


async def test_where_nobody_sleeps_the_time_is_up_as_it_was_said() -> None:
    with pytest.raises(TimeoutError):
        async with Waking(Sleeper(0), 60).timeout(0.05, "asr"):
            await asyncio.Event().wait()


async def test_without_anybody_to_ask_a_wait_is_a_plain_one() -> None:
    with pytest.raises(TimeoutError):
        async with Waking().timeout(0.01, "asr"):
            await asyncio.Event().wait()


async def test_a_deployment_that_wakes_is_waited_for_beyond_the_deadline_of_its_first_word() -> None:
    sleeper = Sleeper(None)
    async with Waking(sleeper, 60).timeout(DEADLINE_S, "asr"):
        await asyncio.sleep(2 * DEADLINE_S)


async def test_one_that_has_woken_has_the_whole_time_for_its_first_word_and_no_more() -> None:
    sleeper = Sleeper(3)
    with pytest.raises(TimeoutError) as caught:
        async with Waking(sleeper, 60).timeout(0.05, "asr"):
            await asyncio.Event().wait()
    assert type(caught.value) is TimeoutError
    assert len(sleeper.asked) > 4


async def test_one_that_does_not_wake_in_time_is_told_from_one_that_is_silent() -> None:
    with pytest.raises(StillWaking):
        async with Waking(Sleeper(None), 0.1).timeout(60, "asr"):
            await asyncio.Event().wait()


async def test_one_that_goes_to_sleep_while_it_is_waited_for_is_waited_for_longer() -> None:
    sleeper = Sleeper(None)
    sleeper.awake_until = 2
    async with Waking(sleeper, 60).timeout(DEADLINE_S, "asr"):
        await asyncio.sleep(2 * DEADLINE_S)


async def test_whoever_calls_others_waits_for_any_that_wakes() -> None:
    sleeper = Sleeper(None)
    with pytest.raises(StillWaking):
        async with Waking(sleeper, 0.05, of_any=True).timeout(60, "pipeline"):
            await asyncio.Event().wait()
    assert set(sleeper.asked) == {None}


async def test_an_error_of_the_call_is_not_changed() -> None:
    with pytest.raises(LookupError):
        async with Waking(Sleeper(None), 5).timeout(5, "asr"):
            raise LookupError
