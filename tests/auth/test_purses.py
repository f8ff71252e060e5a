"""What a replica takes of limits for requests to come: exact while it lasts, never too much, never for long."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from smartlite.auth.allowances import Allowances
from smartlite.auth.purses import LIVES_S, SPARE_S, Purses
from smartlite.auth.rate_limit import Limits
from smartlite.auth.reservation import Reservation
from smartlite.auth.shared_limiter import SharedLimiter
from smartlite.domain.limits import LimitKind, Quota
from smartlite.domain.principal import Principal
from smartlite.domain.usage import ModelUsage
from smartlite.storage.redis import RedisStore, Script
from tests.auth.keyring import Clock
from tests.auth.watched import Told
from tests.storage.redis_server import RedisServer

pytestmark = pytest.mark.integration

ADA = Principal("user_1", "key_1", (), frozenset(), "Ada")
PLENTY = Allowances(requests=6_000, tokens=60_000, concurrent=100)


class CountingStore(RedisStore):
    sent = 0

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[str | int | float]) -> list[int]:
        self.sent += 1
        return await super().run(script, keys, arguments)


class Replica:
    """One that asks for ADA, at times of the test's own."""

    def __init__(self, store: CountingStore, allowances: Allowances = PLENTY, watched: Told | None = None) -> None:
        self.store = store
        self.now_s = 1000.0
        purses = Purses(watched, lambda: self.now_s) if watched else Purses(clock=lambda: self.now_s)
        self.limits = Limits(allowances, SharedLimiter(store), purses=purses)

    async def begin(self, tokens: float = 10) -> Reservation:
        if await self.limits.put_off(ADA):
            return await self.limits.admit_put_off(ADA, [ModelUsage("m", prompt_tokens=tokens)])
        return await self.limits.admit(ADA)

    def end(self, taken: Reservation, tokens: float = 4) -> None:
        self.limits.settle(ADA, [taken], [ModelUsage("m", prompt_tokens=tokens)], is_over=False)

    async def ask(self, count: int = 1, tokens: float = 10, used: float = 4) -> list[Reservation]:
        """One after another, each with so many tokens reserved and used."""
        found = []
        for _ in range(count):
            taken = await self.begin(tokens)
            found.append(taken)
            if taken.answer.is_given:
                self.end(taken, used)
        return found

    async def left(self) -> dict[LimitKind, int]:
        standings = (await self.limits.look(ADA)).answer.standings
        return {standing.ask.kind: standing.remaining for standing in standings}


@pytest.fixture
async def stores(module_server: RedisServer) -> AsyncIterator[list[CountingStore]]:
    module_server.ask("FLUSHALL")
    stores = [CountingStore(module_server.url) for _ in range(2)]
    for store in stores:
        await Replica(store).limits.refuse("192.0.2.1")
        await Replica(store, Allowances(unknown=1)).limits.refuse("192.0.2.1")
        store.sent = 0
    yield stores
    for store in stores:
        await store.close()


@pytest.fixture
def replica(stores: list[CountingStore]) -> Replica:
    return Replica(stores[0])


def remaining(taken: Reservation) -> list[int]:
    return [standing.remaining for standing in taken.answer.standings]


async def flushed(replica: Replica) -> None:
    shared = replica.limits.shared
    assert shared is not None
    await shared.flush()


async def test_whoever_asks_often_waits_for_few_exchanges(replica: Replica) -> None:
    await replica.ask(100)
    assert replica.store.sent <= 5


async def test_an_answer_tells_what_is_left_as_if_each_had_been_counted_by_itself(replica: Replica) -> None:
    found = await replica.ask(50)
    requests, tokens = remaining(found[-1])
    assert 5_950 <= requests <= 5_960
    assert 60_000 - 49 * 4 - 10 <= tokens <= 60_000 - 49 * 4 - 10 + 300


async def test_in_the_end_no_more_is_counted_than_was_used(replica: Replica, stores: list[CountingStore]) -> None:
    await replica.ask(50)
    await replica.limits.close()
    left = await Replica(stores[1]).left()
    assert 5_950 <= left[LimitKind.REQUESTS] <= 5_970
    assert 59_800 <= left[LimitKind.TOKENS] <= 60_000


async def test_whoever_looks_is_told_of_no_more_than_was_used(replica: Replica) -> None:
    await replica.ask(50)
    assert (await replica.left())[LimitKind.REQUESTS] >= 5_950


async def test_two_replicas_never_give_more_than_the_limit(stores: list[CountingStore]) -> None:
    replicas = [Replica(store, Allowances(requests=600, tokens=6_000, concurrent=100)) for store in stores]
    given = 0

    async def loop(replica: Replica) -> None:
        nonlocal given
        for _ in range(50):
            (taken,) = await replica.ask(tokens=1, used=1)
            given += taken.answer.is_given

    await asyncio.gather(*(loop(replicas[number % 2]) for number in range(20)))
    assert 600 - 2 * 12 <= given <= 1.05 * 600


async def test_tokens_that_were_not_reserved_are_counted_too(replica: Replica, stores: list[CountingStore]) -> None:
    await replica.ask(20, tokens=1, used=200)
    await flushed(replica)
    assert (await Replica(stores[1]).left())[LimitKind.TOKENS] <= 60_000 - 20 * 200 + 2 * 1_200


async def test_where_less_than_half_is_left_each_is_counted_by_itself(replica: Replica) -> None:
    await replica.ask(tokens=40_000, used=40_000)
    replica.store.sent = 0
    await replica.ask(20)
    assert replica.store.sent >= 20


async def test_at_most_so_many_run_at_the_same_time_on_both(stores: list[CountingStore]) -> None:
    replicas = [Replica(store, Allowances(concurrent=20)) for store in stores]
    for _ in range(3):
        found = await asyncio.gather(*(replica.begin() for replica in replicas for _ in range(15)))
        running = [taken for taken in found if taken.answer.is_given]
        assert 15 <= len(running) <= 20
        for number, taken in enumerate(found):
            if taken.answer.is_given:
                replicas[number // 15].end(taken)


async def test_a_place_that_nobody_uses_is_given_back(replica: Replica, module_server: RedisServer) -> None:
    await replica.ask(10)
    assert module_server.ask("ZCARD", "smartlite:limit:{key_1}:concurrent-requests") == b":1\r\n"
    replica.now_s += 2 * SPARE_S
    await asyncio.sleep(2 * SPARE_S)
    await flushed(replica)
    assert module_server.ask("ZCARD", "smartlite:limit:{key_1}:concurrent-requests") == b":0\r\n"


async def test_of_few_places_none_is_kept(stores: list[CountingStore], module_server: RedisServer) -> None:
    replica = Replica(stores[0], Allowances(requests=6_000, concurrent=10))
    await replica.ask(10)
    await flushed(replica)
    assert module_server.ask("ZCARD", "smartlite:limit:{key_1}:concurrent-requests") == b":0\r\n"


async def test_after_a_while_nothing_is_given_of_what_was_taken(replica: Replica) -> None:
    await replica.ask(10)
    before = replica.store.sent
    replica.now_s += LIVES_S
    await replica.ask()
    assert replica.store.sent > before


async def test_a_change_of_limits_ends_it(stores: list[CountingStore]) -> None:
    watched = Told(Clock())
    replica = Replica(stores[0], watched=watched)
    await replica.ask(10)
    replica.limits.allowances = Allowances(requests=1)
    replica.limits.quotas = _none_anew
    watched.generation = 2
    assert not (await replica.ask())[-1].answer.is_given


async def _none_anew(_principal: Principal) -> list[Quota]:
    return []


async def test_without_redis_it_ends_and_nobody_fails(stores: list[CountingStore]) -> None:
    server = RedisServer()
    server.start()
    replica = Replica(CountingStore(server.url))
    await replica.ask(20)
    server.kill()
    replica.now_s += LIVES_S
    found = await replica.ask(20)
    server.close()
    await replica.store.close()
    assert all(each.answer.is_given for each in found)
    assert all(each.is_local for each in found)


async def test_limits_that_are_closed_without_redis_are_asked_for_every_time(stores: list[CountingStore]) -> None:
    replica = Replica(stores[0])
    replica.limits.without_redis = "closed"
    await replica.ask(20)
    assert replica.store.sent >= 20
