"""Requests that go together are answered, refused and stopped each for itself."""

import asyncio
from dataclasses import replace

import pytest

from deployments.batched_call import CrashedInBatch
from smartlite.domain.tenant import working_for
from smartlite.errors import InvalidRequest, Overloaded, ReplicaLost
from smartlite.logging import request_id
from tests.deployments.batching import LIMITS, Replica, drain, settle


async def test_every_request_of_a_batch_gets_its_own_events_in_order() -> None:
    calls = Replica().connect()
    answers = await asyncio.gather(*(drain(calls.call("say", name, 1)) for name in "abc"))
    assert answers == [["a-1", "a-2"], ["b-1", "b-2"], ["c-1", "c-2"]]


async def test_a_single_request_is_sent_at_once() -> None:
    replica = Replica()
    call = replica.connect().call("say", "a", 1)
    assert await call.__anext__() == "a-1"
    assert replica.batches == [["a"]]


async def test_what_comes_while_two_batches_are_under_way_goes_with_the_next() -> None:
    replica = Replica()
    replica.is_accepting.clear()
    calls = replica.connect()
    waiting = []
    for name in "abcde":
        waiting.append(calls.call("say", name, 1))
        await settle()
    assert replica.batches == [["a"], ["b"]]
    replica.is_accepting.set()
    assert [len(await drain(call)) for call in waiting] == [2] * 5
    assert replica.batches == [["a"], ["b"], ["c", "d", "e"]]


async def test_behind_a_large_batch_the_next_one_collects() -> None:
    replica = Replica()
    replica.is_accepting.clear()
    calls = replica.connect()
    waiting = [calls.call("say", name, 1) for name in "abcd"]
    await settle()
    for name in "ef":
        waiting.append(calls.call("say", name, 1))
        await settle()
    assert replica.batches == [["a", "b", "c", "d"]]
    replica.is_accepting.set()
    assert [len(await drain(call)) for call in waiting] == [2] * 6
    assert replica.batches == [["a", "b", "c", "d"], ["e", "f"]]


async def test_who_was_answered_and_asks_again_goes_with_those_who_wait() -> None:
    replica = Replica()
    replica.is_accepting.clear()
    calls = replica.connect()

    async def ask_twice(name: str) -> None:
        await drain(calls.call("say", name, 1))
        await drain(calls.call("say", name, 1))

    asking = [asyncio.create_task(ask_twice(name)) for name in "abcd"]
    await settle()
    late = asyncio.create_task(drain(calls.call("say", "e", 1)))
    await settle()
    replica.is_accepting.set()
    await asyncio.gather(*asking, late)
    assert replica.batches == [["a", "b", "c", "d"], ["e", "a", "b", "c", "d"]]


async def test_slow_requests_that_have_begun_keep_no_other_batch_waiting() -> None:
    replica = Replica()
    calls = replica.connect()
    slow = [calls.call("wait", name, 1) for name in ("slow-1", "slow-2")]
    for call in slow:
        await call.__anext__()
    assert await drain(calls.call("say", "quick", 1)) == ["quick-1", "quick-2"]
    assert replica.begun == ["slow-1", "slow-2", "quick"]
    for call in slow:
        call.cancel()


async def test_a_slow_request_holds_back_no_quick_one_of_its_batch() -> None:
    replica = Replica()
    calls = replica.connect()
    slow, quick = calls.call("wait", "slow", 1), calls.call("say", "quick", 1)
    assert await drain(quick) == ["quick-1", "quick-2"]
    assert replica.batches == [["slow", "quick"]]
    replica.gate("slow").set()
    assert await drain(slow) == ["slow-1", "slow-2"]


async def test_a_batch_has_at_most_so_many_requests() -> None:
    replica = Replica()
    calls = replica.connect(replace(LIMITS, items=3))
    await asyncio.gather(*(drain(calls.call("say", number, 1)) for number in range(8)))
    assert [len(batch) for batch in replica.batches] == [3, 3, 2]


async def test_a_batch_is_never_larger_than_what_its_replica_works_on_at_once() -> None:
    replica = Replica(places=2)
    calls = replica.connect()
    await drain(calls.call("say", "first", 1))
    await asyncio.gather(*(drain(calls.call("say", number, 1)) for number in range(4)))
    assert replica.batches == [["first"], [0, 1], [2, 3]]


async def test_a_batch_has_at_most_so_many_bytes() -> None:
    replica = Replica()
    calls = replica.connect()
    await asyncio.gather(*(drain(calls.call("say", number, 400)) for number in range(4)))
    assert replica.batches == [[0, 1], [2, 3]]


@pytest.mark.parametrize(("size_bytes", "takes"), [(1000, True), (1001, False)])
def test_larger_requests_are_not_for_batches(size_bytes: int, takes: bool) -> None:
    assert Replica().connect().takes(size_bytes) is takes


async def test_tenants_are_taken_in_turn() -> None:
    replica = Replica()
    replica.is_accepting.clear()
    calls = replica.connect(replace(LIMITS, items=4, under_way=1))
    waiting = [calls.call("say", "first", 1)]
    await settle()
    for tenant, count in (("greedy", 9), ("modest", 1), ("third", 2)):
        token = working_for.set(tenant)
        waiting += [calls.call("say", f"{tenant}-{number}", 1) for number in range(count)]
        working_for.reset(token)
    replica.is_accepting.set()
    await asyncio.gather(*map(drain, waiting))
    assert replica.batches[1] == ["greedy-0", "modest-0", "third-0", "greedy-1"]
    assert replica.batches[2] == ["third-1", "greedy-2", "greedy-3", "greedy-4"]


async def test_an_error_of_one_request_is_its_own() -> None:
    calls = Replica().connect()
    refused = InvalidRequest("Wrong.", "input")
    answers = await asyncio.gather(drain(calls.call("fail", refused, 1)), drain(calls.call("say", "a", 1)))
    assert answers == [[refused], ["a-1", "a-2"]]


async def test_a_bug_in_one_request_is_its_own() -> None:
    calls = Replica().connect()
    broken, well = calls.call("fail", ZeroDivisionError("secret"), 1), calls.call("say", "a", 1)
    assert await drain(well) == ["a-1", "a-2"]
    with pytest.raises(CrashedInBatch):
        await broken.__anext__()


async def test_a_lost_replica_ends_each_of_its_requests() -> None:
    replica = Replica()
    replica.failure = ReplicaLost("It is gone.")
    calls = replica.connect()
    answers = await asyncio.gather(*(drain(calls.call("wait", name, 1)) for name in "ab"))
    assert [type(answer[-1]) for answer in answers] == [ReplicaLost, ReplicaLost]


async def test_a_replica_that_stops_early_is_lost_to_those_it_has_not_answered() -> None:
    replica = Replica()
    calls = replica.connect()
    call = calls.call("wait", "a", 1)
    await call.__anext__()
    await replica._cancel([call.item.id])
    [error] = await drain(call)
    assert isinstance(error, ReplicaLost)


async def test_each_request_has_its_own_request_id_on_the_replica() -> None:
    replica = Replica()
    calls = replica.connect()
    waiting = []
    for name in ("req_a", "req_b"):
        token = request_id.set(name)
        waiting.append(calls.call("say", name, 1))
        request_id.reset(token)
    await asyncio.gather(*map(drain, waiting))
    assert replica.batches == [["req_a", "req_b"]]
    assert replica.request_ids == ["req_a", "req_b"]


async def test_a_batch_belongs_to_no_request() -> None:
    """Serve cancels every call that was made in a request's context when its client leaves."""
    replica = Replica()
    token = working_for.set("somebody")
    await drain(replica.connect().call("say", "a", 1))
    working_for.reset(token)
    assert replica.sent_for == [""]


async def test_more_requests_than_may_wait_are_refused() -> None:
    replica = Replica()
    replica.is_accepting.clear()
    calls = replica.connect(replace(LIMITS, waiting=3))
    waiting = [calls.call("say", number, 1) for number in range(3)]
    [error] = await drain(calls.call("say", "too many", 1))
    assert isinstance(error, Overloaded)
    replica.is_accepting.set()
    assert [len(await drain(call)) for call in waiting] == [2, 2, 2]


async def test_no_more_wait_than_the_deployments_queue_has_room_for() -> None:
    replica = Replica(queue=1)
    calls = replica.connect()
    await drain(calls.call("say", "first", 1))
    replica.is_accepting.clear()
    waiting = calls.call("say", "waiting", 1)
    [error] = await drain(calls.call("say", "too many", 1))
    assert isinstance(error, Overloaded)
    replica.is_accepting.set()
    assert await drain(waiting) == ["waiting-1", "waiting-2"]


async def test_a_request_that_leaves_makes_room_for_another() -> None:
    replica = Replica()
    replica.is_accepting.clear()
    calls = replica.connect(replace(LIMITS, waiting=1))
    calls.call("say", "leaving", 1).cancel()
    replica.is_accepting.set()
    assert await drain(calls.call("say", "next", 1)) == ["next-1", "next-2"]


async def test_a_batch_takes_no_more_places_of_its_replica_than_there_are() -> None:
    replica = Replica(places=2)
    calls = replica.connect()
    waiting = [calls.call("wait", number, 1) for number in range(4)]
    await settle()
    assert replica.begun == [0, 1]
    for number in range(4):
        replica.gate(number).set()
    assert [len(await drain(call)) for call in waiting] == [2] * 4


async def test_what_finds_no_place_is_asked_for_alone_and_can_be_cancelled_there() -> None:
    replica = Replica(places=1)
    calls = replica.connect()
    working, declined = calls.call("wait", "working", 1), calls.call("wait", "declined", 1)
    assert await working.__anext__() == "working-1"
    waiting = asyncio.create_task(declined.__anext__())
    await replica.was_asked_alone.wait()
    assert replica.begun == ["working"]
    replica.gate("working").set()
    assert await drain(working) == ["working-2"]
    assert await waiting == "declined-1"
    declined.cancel()
    with pytest.raises(asyncio.CancelledError):
        await declined.__anext__()
    assert replica.stopped == ["declined"]
