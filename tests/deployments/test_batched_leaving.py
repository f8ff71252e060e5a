"""Who leaves while a request of a batch is on its way, or at work, stops that one and no other."""

from dataclasses import replace

from tests.deployments.batching import LIMITS, Replica, drain, settle


async def test_a_request_that_is_cancelled_leaves_the_others_of_its_batch_alone() -> None:
    replica = Replica()
    calls = replica.connect()
    leaving, staying = calls.call("wait", "leaving", 1), calls.call("wait", "staying", 1)
    await leaving.__anext__()
    leaving.cancel()
    await settle()
    assert replica.stopped == ["leaving"]
    replica.gate("staying").set()
    assert await drain(staying) == ["staying-1", "staying-2"]


async def test_a_replica_that_could_not_be_told_is_told_of_those_who_leave_later() -> None:
    replica = Replica()
    calls = replica.connect()
    first, second, staying = (calls.call("wait", name, 1) for name in ("first", "second", "staying"))
    await first.__anext__()
    replica.cancel_failure = RuntimeError("The way is closed.")
    first.cancel()
    await settle()
    replica.cancel_failure = None
    second.cancel()
    await settle()
    assert replica.stopped == ["second"]
    replica.gate("staying").set()
    assert await drain(staying) == ["staying-1", "staying-2"]


async def test_a_batch_that_nobody_waits_for_any_more_is_cancelled() -> None:
    replica = Replica()
    calls = replica.connect()
    both = [calls.call("wait", name, 1) for name in "ab"]
    await both[0].__anext__()
    for call in both:
        call.cancel()
    await settle()
    assert sorted(map(str, replica.stopped)) == ["a", "b"]


async def test_a_request_that_is_cancelled_before_it_is_sent_is_not_sent() -> None:
    replica = Replica()
    calls = replica.connect()
    leaving, staying = calls.call("say", "leaving", 1), calls.call("say", "staying", 1)
    leaving.cancel()
    await drain(staying)
    assert replica.batches == [["staying"]]


async def test_a_batch_that_everybody_left_on_its_way_is_cancelled_and_makes_room() -> None:
    replica = Replica()
    replica.is_accepting.clear()
    calls = replica.connect(replace(LIMITS, under_way=1, waiting=2))
    both = [calls.call("say", name, 1) for name in "ab"]
    await settle()
    for call in both:
        call.cancel()
    await settle()
    replica.is_accepting.set()
    assert await drain(calls.call("say", "next", 1)) == ["next-1", "next-2"]
    assert replica.begun == ["next"]


async def test_a_request_that_is_cancelled_on_its_way_is_cancelled_when_it_arrives() -> None:
    replica = Replica()
    replica.is_accepting.clear()
    calls = replica.connect()
    leaving, staying = calls.call("wait", "leaving", 1), calls.call("wait", "staying", 1)
    await settle()
    leaving.cancel()
    replica.is_accepting.set()
    await staying.__anext__()
    await settle()
    assert replica.stopped == ["leaving"]
    staying.cancel()
