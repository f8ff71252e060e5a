"""Limits of keys over a real Redis that is killed, frozen and emptied: no error, no second allowance, no waiting."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

import pytest

from smartlite.auth.allowances import Allowances
from smartlite.auth.local_limiter import LocalLimiter
from smartlite.auth.permissions import ANONYMOUS_ADMIN
from smartlite.auth.rate_limit import Limits
from smartlite.auth.shared_limiter import SharedLimiter
from smartlite.domain.limits import LimitKind
from smartlite.domain.principal import Principal
from smartlite.domain.usage import ModelUsage
from smartlite.errors import Unavailable
from smartlite.storage.breaker import CircuitBreaker
from smartlite.storage.redis import RedisStore
from tests.storage.redis_server import RedisServer

LIMIT = 300
OPEN_S = 0.3


def principal(key_id: str = "key_1") -> Principal:
    return Principal("user_1", key_id, (), frozenset(), "Ada")


def local_limits(**allowances: int) -> Limits:
    """Without Redis, all of each limit on this replica."""
    return Limits(Allowances(**allowances), None, LocalLimiter(lambda: 1000.0, replicas=1))


async def left(limits: Limits, kind: LimitKind) -> int:
    standings = (await limits.look(principal())).answer.standings
    return next(standing.remaining for standing in standings if standing.ask.kind is kind)


def used(*, tokens: float = 0, audio_s: float = 0, characters: float = 0, model: str = "m") -> ModelUsage:
    return ModelUsage(model, prompt_tokens=tokens, audio_input_s=audio_s, characters=characters)


async def test_what_has_no_limit_is_given_and_not_counted() -> None:
    for reservation in (
        await local_limits().admit(principal()),
        await local_limits().reserve(principal(), [used(tokens=1e9)]),
    ):
        assert reservation.answer.is_given
        assert not reservation.answer.standings


async def test_an_amount_larger_than_the_limit_waits_for_all_of_it_and_pays_the_rest_later() -> None:
    limits = local_limits(audio_seconds=60)
    reservation = await limits.reserve(principal(), [used(audio_s=1800)])
    assert reservation.answer.is_given
    assert await left(limits, LimitKind.AUDIO_SECONDS) == 0
    limits.settle(principal(), [reservation], [used(audio_s=20)], is_over=False)
    assert await left(limits, LimitKind.AUDIO_SECONDS) == 40


async def test_what_is_not_told_stays_as_it_was_reserved_and_what_was_not_reserved_is_taken() -> None:
    limits = local_limits(tokens=100, characters=100)
    reservation = await limits.reserve(principal(), [used(tokens=30)])
    limits.settle(principal(), [reservation], [used(characters=10)], is_over=False)
    assert (await left(limits, LimitKind.TOKENS), await left(limits, LimitKind.CHARACTERS)) == (70, 90)


async def test_what_was_refused_is_not_settled() -> None:
    limits = local_limits(tokens=100, characters=100)
    await limits.reserve(principal(), [used(tokens=100)])
    refused = await limits.reserve(principal(), [used(tokens=1, characters=50)])
    limits.settle(principal(), [refused], [], is_over=True)
    assert (await left(limits, LimitKind.TOKENS), await left(limits, LimitKind.CHARACTERS)) == (0, 100)


async def test_two_keys_of_one_user_have_a_limit_each() -> None:
    limits = local_limits(requests=1)
    assert [(await limits.admit(principal(key))).answer.is_given for key in "aba"] == [True, True, False]


async def test_whoever_has_no_key_is_limited_as_a_user() -> None:
    limits = local_limits(requests=1)
    session = Principal("user_1", None, (), frozenset(), "Ada")
    assert (await limits.admit(session)).asks[0].counter == "{user_1}:requests"
    assert (await limits.admit(ANONYMOUS_ADMIN)).answer.is_given


@pytest.mark.parametrize(
    ("first", "second", "are_one"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("2001:db8:1:2::1", "2001:db8:1:2:3:4:5:6", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1%eth0", "fe80::1%eth1", True),
        ("}{:requests", "\n", True),
    ],
)
async def test_refused_credentials_count_by_address(first: str, second: str, are_one: bool) -> None:
    limits = local_limits(unknown=1)
    assert (await limits.refuse(first)).answer.is_given
    assert (await limits.refuse(second)).answer.is_given is not are_one


async def test_refused_credentials_take_nothing_of_a_key() -> None:
    limits = local_limits(unknown=1, requests=1)
    for _ in range(5):
        await limits.refuse("192.0.2.1")
    assert (await limits.admit(principal())).answer.is_given


async def test_without_redis_nobody_gets_anything_where_the_operator_chose_so() -> None:
    limits = Limits(Allowances(requests=10), None, without_redis="closed")
    with pytest.raises(Unavailable):
        await limits.admit(principal())
    assert (await limits.refuse("192.0.2.1")).answer.is_given


async def test_reservations_of_one_request_are_settled_by_one_call() -> None:
    limits = local_limits(requests=5, tokens=100, concurrent=2)
    both = [await limits.admit(principal()), await limits.reserve(principal(), [used(tokens=60)])]
    await limits.admit(principal())
    assert (await limits.admit(principal())).answer.refused_lease is not None
    limits.settle(principal(), both, [used(tokens=10)], is_over=False)
    assert await left(limits, LimitKind.TOKENS) == 90
    assert (await limits.admit(principal())).answer.is_given


@dataclass
class Load:
    """Requests of one key through two replicas, one after another on each of several connections."""

    replicas: list[Limits]
    given: int = 0
    refused: int = 0
    alone: int = 0
    """Counted by one replica."""

    async def run(self, *, at_once: int = 10, rounds: int = 100) -> None:
        await asyncio.gather(*(self._loop(number, rounds) for number in range(at_once)))

    async def _loop(self, number: int, rounds: int) -> None:
        for turn in range(rounds):
            limits = self.replicas[number % len(self.replicas)]
            reservation = await limits.admit(principal())
            self.alone += reservation.is_local
            if reservation.answer.is_given:
                self.given += 1
                await asyncio.sleep(0)
                limits.settle(principal(), [reservation], [], is_over=False)
            else:
                self.refused += 1
            if turn % 10 == 0:
                await asyncio.sleep(0.001)


@pytest.fixture
def server() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    yield server
    server.close()


@pytest.fixture
async def load(server: RedisServer) -> AsyncIterator[Load]:
    stores = [RedisStore(server.url, CircuitBreaker(open_s=OPEN_S)) for _ in range(2)]
    allowances = Allowances(requests=LIMIT, concurrent=50)
    load = Load([Limits(allowances, SharedLimiter(store)) for store in stores])
    for limits in load.replicas:
        await limits.admit(principal("another"))
    yield load
    for store in stores:
        await store.close()


def kill(server: RedisServer) -> None:
    server.kill()


def freeze(server: RedisServer) -> None:
    server.freeze()


def forget_scripts(server: RedisServer) -> None:
    assert server.ask("SCRIPT", "FLUSH") == b"+OK\r\n"


def fill(server: RedisServer) -> None:
    assert server.ask("CONFIG", "SET", "maxmemory", "1") == b"+OK\r\n"


def make_read_only(server: RedisServer) -> None:
    assert server.ask("REPLICAOF", "127.0.0.1", "1") == b"+OK\r\n"


def dirty(server: RedisServer) -> None:
    for name in ("requests", "concurrent-requests"):
        server.ask("DEL", f"smartlite:limit:{{key_1}}:{name}")
        server.ask("LPUSH", f"smartlite:limit:{{key_1}}:{name}", "x")


async def harmed(load: Load, server: RedisServer, harm: Callable[[RedisServer], None]) -> None:
    running = asyncio.create_task(load.run())
    async with asyncio.timeout(10):
        while load.given < LIMIT / 3:  # noqa: ASYNC110 - an event for it would be another thing to get wrong
            await asyncio.sleep(0)
    harm(server)
    await running
    server.thaw()


@pytest.mark.integration
async def test_two_replicas_share_a_limit(load: Load) -> None:
    await load.run(at_once=20, rounds=50)
    assert LIMIT <= load.given <= 1.05 * LIMIT
    assert load.alone == 0


@pytest.mark.integration
@pytest.mark.parametrize("harm", [kill, freeze, make_read_only])
async def test_a_redis_that_is_lost_fails_nobody_and_gives_no_second_allowance(
    load: Load, server: RedisServer, harm: Callable[[RedisServer], None]
) -> None:
    await harmed(load, server, harm)
    assert load.given + load.refused == 1000
    assert load.alone > 0
    assert load.given <= 1.2 * LIMIT


@pytest.mark.integration
@pytest.mark.parametrize("harm", [forget_scripts, dirty])
async def test_a_redis_that_forgets_fails_nobody(
    load: Load, server: RedisServer, harm: Callable[[RedisServer], None]
) -> None:
    await harmed(load, server, harm)
    assert load.given + load.refused == 1000
    assert load.alone == 0
    assert load.given <= 2.05 * LIMIT


@pytest.mark.integration
async def test_a_redis_that_is_full_fails_nobody(load: Load, server: RedisServer) -> None:
    await harmed(load, server, fill)
    assert load.given + load.refused == 1000
    assert load.given <= 1.2 * LIMIT


@pytest.mark.integration
async def test_counters_that_are_flushed_again_and_again_fail_nobody(load: Load, server: RedisServer) -> None:
    running = asyncio.create_task(load.run())
    for _ in range(20):
        server.ask("FLUSHALL")
        await asyncio.sleep(0.005)
    await running
    assert load.given + load.refused == 1000
    assert load.alone == 0


@pytest.mark.integration
async def test_replicas_count_together_again_once_redis_is_back(load: Load, server: RedisServer) -> None:
    server.kill()
    await load.run(rounds=5)
    assert load.alone == 50
    server.start()
    await asyncio.sleep(OPEN_S)
    await load.run(at_once=2, rounds=1)  # a probe for each replica
    before = load.given
    await load.run(at_once=20, rounds=50)
    assert load.alone == 50
    assert LIMIT - 2 <= load.given - before <= 1.05 * LIMIT


@pytest.mark.integration
async def test_every_place_is_given_back(load: Load, server: RedisServer) -> None:
    await load.run(rounds=5)
    for limits in load.replicas:
        await limits.close()
    assert server.ask("ZCARD", "smartlite:limit:{key_1}:concurrent-requests") == b":0\r\n"
