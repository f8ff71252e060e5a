"""Limits in a real Redis: exact however many ask at once, never more than all, and nothing is left behind."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from smartlite.auth.shared_limiter import SharedLimiter
from smartlite.domain.limits import Answer, Ask, LeaseAsk, LimitKind, Period
from smartlite.storage.redis import RedisStore
from tests.storage.redis_server import RedisServer

pytestmark = pytest.mark.integration

KEY = "smartlite:limit:key:"


def ask(amount: float, limit: int = 60, kind: LimitKind = LimitKind.AUDIO_SECONDS, of: str = "key") -> Ask:
    return Ask(f"{of}:{kind}", kind, limit, amount)


def sum_ask(amount: float, seed: float | None = None, limit: int = 100) -> Ask:
    return Ask("key:cost:2026-11", LimitKind.COST, limit, amount, Period.MONTH, ends_in_s=3600.0, seed=seed)


def place(lease_id: str, limit: int = 1) -> LeaseAsk:
    return LeaseAsk("key:running", lease_id, limit)


def requests(amount: float = 1.0, limit: int = 60, of: str = "key") -> Ask:
    return ask(amount, limit, LimitKind.REQUESTS, of)


@pytest.fixture
def server(module_server: RedisServer) -> RedisServer:
    module_server.ask("FLUSHALL")
    return module_server


@pytest.fixture
async def store(server: RedisServer) -> AsyncIterator[RedisStore]:
    store = RedisStore(server.url)
    yield store
    await store.close()


@pytest.fixture
def limiter(store: RedisStore) -> SharedLimiter:
    return SharedLimiter(store)


def remaining(answer: Answer, kind: LimitKind = LimitKind.AUDIO_SECONDS) -> int:
    return next(standing.remaining for standing in answer.standings if standing.ask.kind is kind)


async def test_two_hundred_at_once_get_sixty_audio_seconds_and_not_one_more(server: RedisServer) -> None:
    stores = [RedisStore(server.url, timeout_s=30, wait_s=30) for _ in range(2)]  # as two replicas, in no hurry
    limiters = [SharedLimiter(store) for store in stores]
    asked = [limiters[number % 2].take((ask(1.0 + number % 4),)) for number in range(200)]
    answers = await asyncio.gather(*asked)
    taken = sum(1.0 + number % 4 for number, answer in enumerate(answers) if answer.is_given)
    assert 56 < taken <= 61  # what comes back during the test is less than one second's worth
    for store in stores:
        await store.close()


async def test_a_whole_limit_is_given_at_once_whatever_its_rounding(limiter: SharedLimiter) -> None:
    for limit in (1, 7, 60, 599, 7919):
        asked = requests(limit / 7, limit, f"key{limit}")
        parts = [await limiter.take((asked,)) for _ in range(7)]
        assert all(answer.is_given for answer in parts), limit


async def test_the_answer_tells_what_is_left_and_when_all_of_it_is_back(limiter: SharedLimiter) -> None:
    first = (await limiter.take((ask(15),))).standings[0]
    assert (first.ask.limit, first.remaining, first.reset_s, first.retry_after_s) == (60, 45, 15, 0)
    refused = (await limiter.take((ask(50),))).standings[0]
    assert refused.remaining == 45
    assert 4 < refused.retry_after_s <= 5


async def test_all_of_several_are_taken_or_none(limiter: SharedLimiter) -> None:
    await limiter.take((ask(50),))
    refused = await limiter.take((requests(), ask(20)), (place("a", 5),))
    assert not refused.is_given
    after = await limiter.take((requests(), ask(5)), (place("b", 1),))
    assert after.is_given  # nor was the one place taken
    assert (remaining(after, LimitKind.REQUESTS), remaining(after)) == (59, 5)


async def test_what_was_not_used_is_given_back_and_never_more_than_all(limiter: SharedLimiter) -> None:
    await limiter.take((ask(60),))
    limiter.settle((ask(-50),))
    assert remaining(await limiter.take((ask(0),))) in {50, 51}
    limiter.settle((ask(-5000),))
    assert remaining(await limiter.take((ask(0),))) == 60


async def test_what_was_used_beyond_is_waited_for(limiter: SharedLimiter) -> None:
    await limiter.take((ask(10),))
    limiter.settle((ask(110),))
    refused = (await limiter.take((ask(1),))).standings[0]
    assert refused.remaining == 0
    assert 60 < refused.retry_after_s <= 61


async def test_every_key_goes_by_itself(limiter: SharedLimiter, server: RedisServer) -> None:
    await limiter.take((requests(), ask(30)), (place("a", 5),))
    lives_ms = {name: int(server.ask("PTTL", KEY + name)[1:]) for name in ("requests", "audio-seconds", "running")}
    assert 0 < lives_ms["requests"] <= 1001
    assert 29_000 < lives_ms["audio-seconds"] <= 30_001
    assert 119_000 < lives_ms["running"] <= 120_000


async def test_a_place_is_given_back_once_and_one_that_is_lost_comes_back_by_itself(store: RedisStore) -> None:
    limiter = SharedLimiter(store, lease_s=0.2)
    assert (await limiter.take((), (place("a", 1),))).is_given
    assert not (await limiter.take((), (place("b", 1),))).is_given
    limiter.settle((), (place("a"),))
    limiter.settle((), (place("a"),))
    assert (await limiter.take((), (place("c", 1),))).is_given
    await asyncio.sleep(0.25)
    assert (await limiter.take((), (place("d", 1),))).is_given


async def test_a_place_that_is_renewed_is_kept_and_one_that_was_given_back_is_not_made_again(
    store: RedisStore,
) -> None:
    limiter = SharedLimiter(store, lease_s=0.3)
    await limiter.take((), (place("a", 1),))
    for _ in range(4):
        await asyncio.sleep(0.1)
        await limiter.renew((place("a"),))
    assert not (await limiter.take((), (place("b", 1),))).is_given
    limiter.settle((), (place("a"),))
    await limiter.renew((place("a"),))
    assert (await limiter.take((), (place("c", 1),))).is_given


async def test_a_key_that_holds_something_else_is_forgotten(limiter: SharedLimiter, server: RedisServer) -> None:
    for value in (("LPUSH", KEY + "audio-seconds", "x"), ("SET", KEY + "audio-seconds", "x")):
        server.ask(*value)
        server.ask("SET", KEY + "running", "x")
        assert (await limiter.take((ask(1),), (place("a", 2),))).is_given


async def test_a_sum_is_given_while_anything_is_left_and_goes_beyond_by_one_request_at_most(
    server: RedisServer,
) -> None:
    stores = [RedisStore(server.url) for _ in range(2)]
    limiters = [SharedLimiter(store) for store in stores]
    for limiter in limiters:
        await limiter.take((ask(1, of="another"),))
    asked = [limiters[number % 2].take((sum_ask(7, seed=30),)) for number in range(100)]
    answers = await asyncio.gather(*asked)
    assert sum(answer.is_given for answer in answers) == 10  # from 30 on: 37 ... 100
    refused = next(answer for answer in answers if not answer.is_given).standings[0]
    assert (refused.remaining, refused.retry_after_s) == (0, 3600)
    for store in stores:
        await store.close()


async def test_a_sum_that_nobody_counts_is_asked_for_and_counted_on_from_there(limiter: SharedLimiter) -> None:
    lost = await limiter.take((sum_ask(10), requests()))
    assert lost.unseeded
    assert not lost.is_given
    assert (await limiter.take((requests(0),))).standings[0].remaining == 60
    assert (await limiter.take((sum_ask(10, seed=50),))).standings[0].remaining == 40
    assert (await limiter.take((sum_ask(10, seed=0),))).standings[0].remaining == 30


async def test_a_sum_that_nobody_counts_is_not_settled(limiter: SharedLimiter, server: RedisServer) -> None:
    await limiter.take((sum_ask(10, seed=0),))
    limiter.settle((sum_ask(-4),))
    assert (await limiter.take((sum_ask(0),))).standings[0].remaining == 94
    server.ask("FLUSHALL")
    limiter.settle((sum_ask(50),))
    assert (await limiter.take((sum_ask(0),))).unseeded


async def test_several_places_are_taken_together_or_none(limiter: SharedLimiter) -> None:
    of_user, of_key = LeaseAsk("user:running", "a", 1), LeaseAsk("key:running", "b", 5)
    assert (await limiter.take((), (of_key, of_user))).is_given
    again = LeaseAsk("user:running", "c", 1)
    answer = await limiter.take((), (LeaseAsk("key:running", "d", 2), again))
    assert answer.refused_lease == again
    assert (await limiter.take((), (LeaseAsk("key:running", "e", 2),))).is_given
