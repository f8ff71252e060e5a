"""Requests that share an exchange with Redis: each has its own fate, and what was settled is told once."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from smartlite.auth.allowances import Allowances
from smartlite.auth.local_limiter import LocalLimiter
from smartlite.auth.rate_limit import Limits
from smartlite.auth.shared_limiter import SharedLimiter
from smartlite.domain.limits import Ask, LeaseAsk, LimitKind
from smartlite.domain.principal import Principal
from smartlite.domain.usage import ModelUsage
from smartlite.storage.redis import RedisStore, RedisUnavailable, Script
from tests.storage.redis_server import RedisServer

pytestmark = pytest.mark.integration

ADA = Principal("user_1", "key_1", (), frozenset(), "Ada")


class WatchedStore(RedisStore):
    """Counts what is sent, and loses it or its answer where a test says so."""

    sent = 0
    is_lost = False
    is_answer_lost = False

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[str | int | float]) -> list[int]:
        self.sent += 1
        if self.is_lost:
            raise RedisUnavailable("Lost.")
        told = await super().run(script, keys, arguments)
        if self.is_answer_lost:
            raise RedisUnavailable("Lost on its way back.")
        return told


def ask(amount: float, of: str = "key", limit: int = 60) -> Ask:
    return Ask(f"{of}:tokens", LimitKind.TOKENS, limit, amount)


def place(lease_id: str, limit: int) -> LeaseAsk:
    return LeaseAsk("key:running", lease_id, limit)


@pytest.fixture
async def store(module_server: RedisServer) -> AsyncIterator[WatchedStore]:
    module_server.ask("FLUSHALL")
    store = WatchedStore(module_server.url)
    await SharedLimiter(store).take((ask(0, "another"),))
    store.sent = 0
    yield store
    await store.close()


@pytest.fixture
def limiter(store: WatchedStore) -> SharedLimiter:
    return SharedLimiter(store)


async def left(limiter: SharedLimiter) -> int:
    return (await limiter.take((ask(0),))).standings[0].remaining


async def test_those_that_ask_at_once_share_one_exchange(limiter: SharedLimiter, store: WatchedStore) -> None:
    answers = await asyncio.gather(*[limiter.take((ask(1, f"key{n % 7}"),)) for n in range(100)])
    assert all(answer.is_given for answer in answers)
    assert store.sent == 1


async def test_one_of_them_is_refused_and_the_others_are_not(limiter: SharedLimiter, store: WatchedStore) -> None:
    await limiter.take((ask(60, "full"),))
    answers = await asyncio.gather(*[limiter.take((ask(1, of),)) for of in ("one", "full", "two")])
    assert [answer.is_given for answer in answers] == [True, False, True]


async def test_of_those_that_do_not_fit_together_the_first_are_given(
    limiter: SharedLimiter, store: WatchedStore
) -> None:
    answers = await asyncio.gather(*[limiter.take((ask(20),)) for _ in range(200)])
    assert [answer.is_given for answer in answers] == [True] * 3 + [False] * 197
    assert store.sent <= 4  # all of them, and each by itself in parts of 128


async def test_places_that_do_not_fit_together_are_given_one_by_one(limiter: SharedLimiter) -> None:
    answers = await asyncio.gather(*[limiter.take((), (place(f"p{n}", 3),)) for n in range(5)])
    assert [answer.is_given for answer in answers] == [True, True, True, False, False]
    assert [answer.refused_lease for answer in answers[3:]] == [place("p3", 3), place("p4", 3)]


async def test_whoever_goes_away_takes_nothing_and_leaves_the_others_alone(limiter: SharedLimiter) -> None:
    first, second, third = [asyncio.create_task(limiter.take((ask(20),), (place(f"p{n}", 3),))) for n in range(3)]
    await asyncio.sleep(0)  # all of them wait
    await asyncio.sleep(0)  # and are sent
    second.cancel()
    assert (await first).is_given
    assert (await third).is_given
    await limiter.flush()
    assert await left(limiter) in {20, 21}
    assert (await limiter.take((), (place("p3", 3),))).is_given


async def test_a_redis_that_is_lost_meanwhile_leaves_each_to_its_replica(store: WatchedStore) -> None:
    limits = Limits(Allowances(tokens=60), SharedLimiter(store), LocalLimiter(lambda: 1000.0, replicas=1))
    store.is_lost = True
    found = await asyncio.gather(*[limits.reserve(ADA, [ModelUsage("m", prompt_tokens=25)]) for _ in range(3)])
    assert all(each.is_local for each in found)
    assert [each.answer.is_given for each in found] == [True, True, False]
    assert store.sent == 1


async def test_what_was_settled_goes_with_what_is_asked_and_before_it(
    limiter: SharedLimiter, store: WatchedStore
) -> None:
    await limiter.take((ask(60),), (place("a", 1),))
    limiter.settle((ask(-40),), (place("a", 1),))
    limiter.settle((ask(10),))
    assert (await limiter.take((ask(30),), (place("b", 1),))).is_given
    assert store.sent == 2


async def test_a_settlement_whose_answer_was_lost_is_told_again_and_done_once(
    limiter: SharedLimiter, store: WatchedStore
) -> None:
    await limiter.take((ask(60),))
    store.is_answer_lost = True
    limiter.settle((ask(-20),))
    await limiter.flush()
    store.is_answer_lost = False
    limiter.settle((ask(-10),))
    assert await left(limiter) in {20, 21}
    await limiter.flush()
    assert await left(limiter) in {30, 31}


async def test_a_settlement_that_was_lost_is_told_when_redis_is_back(
    limiter: SharedLimiter, store: WatchedStore
) -> None:
    await limiter.take((ask(60),))
    store.is_lost = True
    limiter.settle((ask(-20),))
    await limiter.flush()
    store.is_lost = False
    assert await left(limiter) in {20, 21}


async def test_what_time_gave_back_pays_for_nothing_that_is_told_with_it(limiter: SharedLimiter) -> None:
    limiter.settle((ask(-50),))
    limiter.settle((ask(30),))
    assert await left(limiter) in {30, 31}


async def test_what_is_settled_is_told_before_the_end(limiter: SharedLimiter, store: WatchedStore) -> None:
    await limiter.take((ask(60),))
    limiter.settle((ask(-20),))
    await limiter.close()
    assert await left(SharedLimiter(store)) in {20, 21}


async def test_a_request_that_is_put_off_takes_all_in_one_exchange(store: WatchedStore) -> None:
    limits = Limits(Allowances(requests=5, tokens=100, concurrent=2), SharedLimiter(store))
    assert await limits.put_off(ADA)
    found = await limits.admit_put_off(ADA, [ModelUsage("m", prompt_tokens=60)])
    assert store.sent == 1
    assert [standing.remaining for standing in found.answer.standings] == [4, 40]
    assert len(found.leases) == 1


async def test_a_request_that_is_put_off_and_refused_takes_nothing(store: WatchedStore) -> None:
    limits = Limits(Allowances(requests=5, tokens=100), SharedLimiter(store))
    await limits.reserve(ADA, [ModelUsage("m", prompt_tokens=100)])
    assert await limits.put_off(ADA)
    assert not (await limits.admit_put_off(ADA, [ModelUsage("m", prompt_tokens=60)])).answer.is_given
    assert (await limits.look(ADA)).answer.standings[0].remaining == 5
    assert not await limits.put_off(ADA)  # the next is counted before anything of it is read
