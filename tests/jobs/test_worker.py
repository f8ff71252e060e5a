"""Workers over both databases: runs are ended, cancelled, given back and taken over."""

import asyncio
from collections.abc import Mapping

import pytest

from smartlite.domain.pipelines import JSON, RunState, StepState
from smartlite.errors import NotFound
from smartlite.jobs.shift import Timing
from smartlite.pipeline.execution.kinds import StepContext
from tests.jobs.world import Office, asked


async def ended(office: Office, run_id: str) -> RunState:
    return (await office.runs().wait(run_id, 30)).state


async def gapless(office: Office, run_id: str) -> list[str]:
    found = [event async for event in office.runs().events(run_id)]
    assert [event.sequence for event in found] == list(range(1, len(found) + 1))
    return [event.type for event in found]


async def test_a_run_that_was_accepted_is_run_and_its_events_tell_of_it_in_order(office: Office) -> None:
    office.script.on("a", "A").on("b", "B").on("each", "E")
    run = await office.runs().submit(asked("chain", items=[1, 2]))
    office.worker()
    assert await ended(office, run.id) == RunState.SUCCEEDED
    assert (await office.runs().get(run.id)).outputs == {"each": ["E", "E"]}
    types = await gapless(office, run.id)
    assert (types[0], types[-1], types.count("step.succeeded")) == ("run.started", "run.succeeded", 5)
    attempts = await office.runs().attempts(run.id)
    assert all(attempt.finished_at for attempt in attempts)


async def test_a_worker_runs_no_more_at_the_same_time_than_it_has_slots(office: Office) -> None:
    running = most = 0
    two_run = asyncio.Event()

    async def count(context: StepContext, fields: Mapping[str, JSON]) -> JSON:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 2:
            two_run.set()
        await two_run.wait()
        await asyncio.sleep(0.01)
        running -= 1
        return None

    office.script.on("a", count)
    many = [await office.runs().submit(asked()) for _ in range(6)]
    office.worker(slots=2)
    assert [await ended(office, run.id) for run in many] == [RunState.SUCCEEDED] * 6
    assert most == 2


async def test_a_run_that_is_cancelled_stops_its_step(office: Office) -> None:
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def hang(context: StepContext, fields: Mapping[str, JSON]) -> JSON:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    office.script.on("a", hang)
    run = await office.runs().submit(asked())
    office.worker()
    await begun.wait()
    await office.runs().cancel(run.id)
    assert await ended(office, run.id) == RunState.CANCELLED
    assert stopped.is_set()
    assert (await gapless(office, run.id))[-2:] == ["step.cancelled", "run.cancelled"]


async def test_a_worker_that_stops_gives_its_runs_back_to_others(office: Office) -> None:
    begun = asyncio.Event()

    async def first_hangs(context: StepContext, fields: Mapping[str, JSON]) -> JSON:
        if context.token == 1:
            begun.set()
            await asyncio.Event().wait()
        return context.token

    office.script.on("a", first_hangs)
    run = await office.runs().submit(asked())
    first = office.worker(timing=Timing(lease_s=600, renew_s=100, poll_s=0.01))
    await begun.wait()
    await first.close()
    office.worker()
    assert await ended(office, run.id) == RunState.SUCCEEDED
    assert (await office.runs().get(run.id)).outputs == {"a": 2}
    assert "run.resumed" in await gapless(office, run.id)


async def test_a_worker_that_was_too_slow_stops_when_another_has_its_run(office: Office) -> None:
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def first_hangs(context: StepContext, fields: Mapping[str, JSON]) -> JSON:
        if context.token == 1:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                stopped.set()
        return context.token

    office.script.on("a", first_hangs)
    run = await office.runs().submit(asked())
    office.worker(slots=1, timing=Timing(lease_s=-1, renew_s=0.3, poll_s=100))
    await begun.wait()
    office.worker()
    assert await ended(office, run.id) == RunState.SUCCEEDED
    async with asyncio.timeout(20):
        await stopped.wait()
    assert (await office.runs().get(run.id)).outputs == {"a": 2}


async def test_a_large_output_is_in_the_object_store_and_is_there_for_another_worker(office: Office) -> None:
    begun = asyncio.Event()
    large = "x" * 100_000

    async def hang_first(context: StepContext, fields: Mapping[str, JSON]) -> JSON:
        if context.token == 1:
            begun.set()
            await asyncio.Event().wait()
        return len(fields["after"])

    office.script.on("a", large).on("b", hang_first).on("each", 1)
    run = await office.runs().submit(asked("chain", items=[]))
    first = office.worker()
    await begun.wait()
    await first.close()
    (record,) = [each for each in await office.runs().steps(run.id) if each.step_id == "a"]
    assert record.output is None
    assert record.output_ref is not None
    assert record.output_ref.size_bytes == 100_002
    office.worker()
    assert await ended(office, run.id) == RunState.SUCCEEDED
    (record,) = [each for each in await office.runs().steps(run.id) if each.step_id == "b"]
    assert record.output == 100_000


async def test_a_document_that_cannot_be_read_any_more_fails_its_run(office: Office) -> None:
    run = await office.runs().submit(asked("gone"))
    office.worker()
    assert await ended(office, run.id) == RunState.FAILED
    error = (await office.runs().get(run.id)).error
    assert error is not None
    assert error.code == "pipeline_invalid"


async def test_a_replay_from_a_step_takes_over_what_came_before_it(office: Office) -> None:
    office.script.on("a", "A").on("b", "B").on("each", "E")
    run = await office.runs().submit(asked("chain", items=[1, 2]))
    office.worker()
    await ended(office, run.id)
    replay = await office.runs().replay(await office.runs().get(run.id), "b")
    assert replay.replay_of == run.id
    assert await ended(office, replay.id) == RunState.SUCCEEDED
    assert [call for call in office.script.calls if call.startswith(replay.id)] == [
        f"{replay.id}/b/-1",
        f"{replay.id}/each/0",
        f"{replay.id}/each/1",
    ]
    states = {(each.step_id, each.item): each.state for each in await office.runs().steps(replay.id)}
    assert set(states.values()) == {StepState.SUCCEEDED}


async def test_a_replay_without_a_step_runs_what_had_failed(office: Office) -> None:
    async def second_item_fails_once(context: StepContext, fields: Mapping[str, JSON]) -> JSON:
        if context.item == 1 and not any("/each/1" in call for call in office.script.calls[:-1]):
            raise NotFound("not yet")
        return fields["item"]

    office.script.on("a", "A").on("b", "B").on("each", second_item_fails_once)
    run = await office.runs().submit(asked("chain", items=[1, 2]))
    office.worker()
    assert await ended(office, run.id) == RunState.FAILED
    replay = await office.runs().replay(await office.runs().get(run.id))
    assert await ended(office, replay.id) == RunState.SUCCEEDED
    assert (await office.runs().get(replay.id)).outputs == {"each": [1, 2]}
    assert [call for call in office.script.calls if call.startswith(replay.id)] == [f"{replay.id}/each/1"]


async def test_events_that_come_later_reach_whoever_waits_for_them(office: Office) -> None:
    go = asyncio.Event()

    async def wait(context: StepContext, fields: Mapping[str, JSON]) -> JSON:
        await go.wait()
        return None

    office.script.on("a", wait)
    run = await office.runs().submit(asked())
    office.worker()
    seen = []
    async for event in office.runs().events(run.id, after=1):
        seen.append(event.type)
        go.set()
    assert seen == ["step.started", "step.succeeded", "run.succeeded"]
    assert (await office.runs().wait(run.id, 0)).state == RunState.SUCCEEDED


async def test_a_run_that_nobody_works_on_is_told_as_it_is_after_the_time(office: Office) -> None:
    run = await office.runs().submit(asked())
    assert (await office.runs().wait(run.id, 0.02)).state == RunState.QUEUED
    with pytest.raises(NotFound):
        await office.runs().wait("run_x", 1)
