"""Scripts in a real Redis, which ends, hangs and comes back: nobody waits for it, and nobody has to be told."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence

import pytest

from smartlite.storage.breaker import CircuitBreaker
from smartlite.storage.redis import MAX_CONNECTIONS, Call, RedisStore, RedisUnavailable, Script
from tests.storage.redis_server import RedisServer

pytestmark = pytest.mark.integration

COUNT = Script("return {redis.call('INCR', KEYS[1]), tonumber(ARGV[1])}")
OPEN_S = 0.3
PATIENCE_S = 30.0


class CountingStore(RedisStore):
    """Knows how often Redis was asked."""

    tries = 0

    async def _exchange(self, commands: Sequence[tuple[str, str, Call]]) -> list[list[int] | Exception]:
        self.tries += 1
        return await super()._exchange(commands)


@pytest.fixture
def server() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    yield server
    server.close()


@pytest.fixture
async def store(server: RedisServer) -> AsyncIterator[CountingStore]:
    store = CountingStore(server.url, CircuitBreaker(open_s=OPEN_S))
    yield store
    await store.close()


@pytest.fixture
async def patient(server: RedisServer) -> AsyncIterator[CountingStore]:
    """A store for which a machine that stands still for a moment is no Redis that is away."""
    store = CountingStore(server.url, CircuitBreaker(open_s=OPEN_S), timeout_s=PATIENCE_S, wait_s=PATIENCE_S)
    yield store
    await store.close()


async def failures(store: RedisStore, calls: int) -> int:
    """How many of so many calls, all at once, were refused."""
    answers = await asyncio.gather(*(store.run(COUNT, ["n"], [1]) for _ in range(calls)), return_exceptions=True)
    failed = [answer for answer in answers if isinstance(answer, BaseException)]
    assert all(isinstance(error, RedisUnavailable) for error in failed)
    return len(failed)


async def test_a_script_runs_in_one_round_trip_once_redis_knows_it(patient: CountingStore) -> None:
    assert await patient.run(COUNT, ["n"], [7]) == [1, 7]
    assert patient.tries == 2
    assert await patient.run(COUNT, ["n"], [8]) == [2, 8]
    assert patient.tries == 3


async def test_a_script_that_redis_forgot_runs_all_the_same(patient: CountingStore, server: RedisServer) -> None:
    await patient.run(COUNT, ["n"], [1])
    assert server.ask("SCRIPT", "FLUSH") == b"+OK\r\n"
    assert await patient.run(COUNT, ["n"], [1]) == [2, 1]


async def test_what_is_asked_at_the_same_time_is_sent_together(patient: CountingStore) -> None:
    assert await failures(patient, 1000) == 0
    assert patient.tries <= 40
    assert await patient.run(COUNT, ["n"], [5]) == [1001, 5]


async def test_whoever_stops_waiting_takes_nothing_from_the_others(patient: CountingStore) -> None:
    calls = [asyncio.create_task(patient.run(COUNT, ["n"], [1])) for _ in range(20)]
    await asyncio.sleep(0)
    for call in calls[::2]:
        call.cancel()
    assert len({(await call)[0] for call in calls[1::2]}) == 10


async def test_no_more_connections_are_opened_than_allowed(patient: CountingStore, server: RedisServer) -> None:
    assert await failures(patient, 1000) == 0
    clients = server.ask("CLIENT", "LIST").count(b" cmd=eval")
    assert 0 < clients <= MAX_CONNECTIONS


async def test_a_redis_that_ended_is_asked_a_few_times_and_left_alone(
    store: CountingStore, server: RedisServer
) -> None:
    await failures(store, MAX_CONNECTIONS)
    server.kill()
    store.tries = 0
    assert [await failures(store, 1) for _ in range(100)] == [1] * 100
    assert store.tries <= 5


async def test_a_redis_that_hangs_is_asked_once_by_each_connection_and_left_alone(
    store: CountingStore, server: RedisServer
) -> None:
    await failures(store, MAX_CONNECTIONS)
    server.freeze()
    store.tries = 0
    assert await failures(store, 200) == 200
    assert store.tries <= MAX_CONNECTIONS
    assert store.breaker.is_open
    server.thaw()


@pytest.mark.parametrize("fault", ["killed", "frozen"])
async def test_it_is_used_again_by_itself_and_every_connection_works(
    store: CountingStore, server: RedisServer, fault: str
) -> None:
    await failures(store, 5 * MAX_CONNECTIONS)
    if fault == "killed":
        server.kill()
    else:
        server.freeze()
    await failures(store, 50)
    if fault == "killed":
        server.start()
    else:
        server.thaw()
    for _ in range(round(PATIENCE_S / OPEN_S)):
        await asyncio.sleep(OPEN_S)
        if await failures(store, 5 * MAX_CONNECTIONS) == 0:
            return
    pytest.fail("Redis is back, and is not used.")


async def test_what_redis_refuses_is_unavailable_and_tells_no_text_of_its_own(
    store: CountingStore, server: RedisServer
) -> None:
    server.ask("CONFIG", "SET", "maxmemory", "1")
    with pytest.raises(RedisUnavailable) as caught:
        await store.run(COUNT, ["n"], [1])
    assert caught.value.message == "Redis does not answer."
    server.ask("CONFIG", "SET", "maxmemory", "0")
    assert await store.run(COUNT, ["n"], [1]) == [1, 1]


async def test_an_address_where_nobody_listens_is_unavailable() -> None:
    store = RedisStore("unix:///nowhere/redis.sock")
    with pytest.raises(RedisUnavailable):
        await store.check()
    await store.close()
