"""Runs on both databases: each is one worker's at a time, and events are numbered without a gap."""

import asyncio
import itertools
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from smartlite.domain.metering import MeteredUsage
from smartlite.domain.pipelines import (
    Happening,
    MediaRef,
    PipelineQuery,
    Run,
    RunError,
    RunState,
    StepAttempt,
    StepRun,
    StepState,
)
from smartlite.errors import LeaseLost, NotFound, RunQueueFull
from smartlite.storage import run_events, run_queue, run_steps, runs
from smartlite.storage.database import Database, retried
from smartlite.storage.run_queue import Claim
from tests.storage.rows import NOON

_NUMBERS = itertools.count(1)
LATER = NOON + timedelta(seconds=10)


def a_run(user_id: str = "user_1", **more: object) -> Run:
    run = Run(f"run_{next(_NUMBERS):06}", "pl_1", "notes", 2, user_id, None, {"text": "é🎙"}, RunState.QUEUED, NOON)
    return replace(run, **more)  # type: ignore[arg-type]


async def added(database: Database, *many: Run, most_of_user: int = 100, most: int = 1000) -> Run:
    for run in many:

        async def work(run: Run = run) -> None:
            async with database.writing() as session:
                await runs.add(session, run, "name: notes", most_of_user=most_of_user, most=most)

        await retried(work)
    return many[0]


async def claimed(database: Database, worker: str = "worker_1", minutes: float = 0) -> Claim | None:
    now = NOON + timedelta(minutes=minutes)
    async with database.reading() as session:
        found = await run_queue.waiting(session, now)

    async def work() -> Claim | None:
        async with database.writing() as session:
            return await run_queue.claim(session, found, worker, now, now + timedelta(seconds=10))

    return await retried(work)


async def the_claim(database: Database, worker: str = "worker_1", minutes: float = 0) -> Claim:
    claim = await claimed(database, worker, minutes)
    assert claim is not None
    return claim


async def events_of(database: Database, run_id: str) -> list[tuple[int, str]]:
    async with database.reading() as session:
        return [(each.sequence, each.type) for each in await run_events.after(session, run_id, 0)]


async def test_a_run_comes_back_as_it_was_added(database: Database) -> None:
    credential = {"key_id": "key_1", "scopes": frozenset({"llm:chat", "asr:transcribe:small"})}
    run = await added(database, a_run(organization_id="org_1", priority=3, replay_of="run_0", **credential))
    async with database.reading() as session:
        assert await runs.get(session, run.id) == run
        assert await runs.source_of(session, run.id) == "name: notes"
        assert await runs.get(session, "run_x") is None


async def test_no_more_runs_wait_than_may(database: Database) -> None:
    await added(database, a_run(), a_run(), most_of_user=2)
    with pytest.raises(RunQueueFull, match="of yours"):
        await added(database, a_run(), most_of_user=2)
    await added(database, a_run("user_2"), most_of_user=2)
    with pytest.raises(RunQueueFull):
        await added(database, a_run("user_3"), most=3)


async def test_of_many_workers_each_run_is_claimed_by_one(database: Database) -> None:
    await added(database, *(a_run(f"user_{number % 5}") for number in range(50)))
    taken: Counter[str] = Counter()

    async def work(name: str) -> None:
        misses = 0
        while misses < 3:
            claim = await claimed(database, name)
            if claim is None:
                misses += 1
            else:
                misses = 0
                taken[claim.run.id] += 1

    await asyncio.gather(*(work(f"worker_{number}") for number in range(8)))
    assert (len(taken), set(taken.values())) == (50, {1})


async def test_the_next_run_is_that_of_the_highest_priority_then_of_who_has_fewest_then_the_oldest(
    database: Database,
) -> None:
    first, second = a_run("ann"), a_run("ann")
    other, urgent = a_run("bob"), a_run("ann", priority=1)
    await added(database, first, second, other, urgent)
    order = [(await the_claim(database)).run.id for _ in range(4)]
    assert order == [urgent.id, other.id, first.id, second.id]


async def test_a_run_whose_worker_is_lost_is_anothers_and_the_first_changes_nothing_more(database: Database) -> None:
    run = await added(database, a_run())
    slow = await the_claim(database, "slow")
    assert await claimed(database, "early") is None
    fast = await the_claim(database, "fast", minutes=1)
    assert (fast.run.id, fast.lease.token) == (run.id, slow.lease.token + 1)
    before = await events_of(database, run.id)
    for write in (
        lambda session: run_queue.renew(session, slow.lease, LATER),
        lambda session: run_queue.give_back(session, slow.lease),
        lambda session: run_queue.advance(session, slow.lease, slow.next_sequence, [Happening("x")], NOON),
        lambda session: run_queue.advance(session, slow.lease, fast.next_sequence, [Happening("x")], NOON),
    ):
        with pytest.raises(LeaseLost):
            async with database.writing() as session:
                await write(session)
    assert await events_of(database, run.id) == before == [(1, "run.started"), (2, "run.resumed")]


async def test_a_renewed_lease_keeps_others_away_and_a_run_given_back_is_claimed_at_once(database: Database) -> None:
    await added(database, a_run())
    claim = await the_claim(database)
    async with database.writing() as session:
        await run_queue.renew(session, claim.lease, NOON + timedelta(minutes=5))
    assert await claimed(database, "other", minutes=4) is None
    async with database.writing() as session:
        await run_queue.give_back(session, claim.lease)
    assert (await the_claim(database, "other", minutes=4)).lease.token == 2


async def test_a_write_that_is_done_again_is_done_once(database: Database) -> None:
    run = await added(database, a_run())
    claim = await the_claim(database)
    done = []
    for _ in range(2):
        async with database.writing() as session:
            both = [Happening("a", {"n": 1}), Happening("b")]
            done.append(await run_queue.advance(session, claim.lease, claim.next_sequence, both, NOON))
    assert done == [True, False]
    assert await events_of(database, run.id) == [(1, "run.started"), (2, "a"), (3, "b")]


async def test_a_run_that_was_ended_says_how_and_is_nobodys(database: Database) -> None:
    run = await added(database, a_run())
    claim = await the_claim(database)
    error = RunError("x", "y", "step", False)
    values = {"state": "failed", "finished_at": LATER, "outputs": {"a": 1}, "error": runs.error_values(error)}
    async with database.writing() as session:
        await run_queue.advance(session, claim.lease, claim.next_sequence, [Happening("run.failed")], LATER, values)
    async with database.reading() as session:
        found = await runs.get(session, run.id)
    assert found == replace(
        run, state=RunState.FAILED, started_at=NOON, finished_at=LATER, outputs={"a": 1}, error=error
    )
    assert await claimed(database, minutes=60) is None


async def test_a_run_that_waits_is_cancelled_at_once_and_one_that_runs_by_its_worker(database: Database) -> None:
    run = await added(database, a_run())
    async with database.writing() as session:
        assert (await runs.request_cancel(session, run.id, LATER)).state == RunState.CANCELLED
    assert await claimed(database) is None
    assert await events_of(database, run.id) == [(1, "run.cancelled")]
    running = await added(database, a_run())
    await the_claim(database)
    async with database.writing() as session:
        assert (await runs.request_cancel(session, running.id, LATER)).state == RunState.RUNNING
    async with database.reading() as session:
        assert await runs.cancels(session, running.id)
    async with database.writing() as session:
        assert (await runs.request_cancel(session, run.id, NOON)).finished_at == LATER
        with pytest.raises(NotFound):
            await runs.request_cancel(session, "run_x", NOON)


async def test_steps_and_attempts_are_replaced_by_what_is_recorded_later(database: Database) -> None:
    run = await added(database, a_run())
    begun = StepRun(run.id, "a.3/b", 0, StepState.RUNNING, 1, NOON)
    ref = MediaRef("media/x", "application/json", 70_000)
    ended = replace(begun, state=StepState.SUCCEEDED, finished_at=LATER, output={"t": ["é🎙", None]})
    ended = replace(ended, usage=(MeteredUsage("mind", 3, 2, cost_micros=7),), is_cached=True)
    large = replace(ended, item=1, output="left out", output_ref=ref)
    failed = replace(
        begun, finished_at=LATER, item=2, state=StepState.FAILED, output=None, error=RunError("c", "m", "a", True)
    )
    attempt = StepAttempt("a.3/b", 0, 1, NOON)
    tried = replace(
        attempt,
        first_text_at=NOON,
        first_audio_at=LATER,
        finished_at=LATER,
        error=RunError("c", "m" * 3000, "a.3/b", False),
    )
    for steps, attempts in (([begun], [attempt]), ([ended, large, failed], [tried])):
        async with database.writing() as session:
            await run_steps.record(session, run.id, steps, attempts)
    async with database.reading() as session:
        found = await run_steps.of_run(session, run.id)
        assert found == [ended, replace(large, output=None), failed]
        assert await run_steps.of_run(session, run.id, after=("a.3/b", 0), limit=1) == [found[1]]
        (kept,) = await run_steps.attempts_of_run(session, run.id)
        usage = await run_steps.usage_of_run(session, run.id)
    assert (kept.finished_at, kept.error and len(kept.error.message)) == (LATER, 2000)
    assert (kept.first_text_at, kept.first_audio_at) == (NOON, LATER)
    assert [used.cost_micros for used in usage] == [7, 7]


async def test_runs_are_listed_the_newest_first_and_by_what_is_asked(database: Database) -> None:
    many = [a_run(f"user_{number % 2}", created_at=NOON + timedelta(days=number)) for number in range(4)]
    await added(database, *many)
    await the_claim(database)
    async with database.reading() as session:
        page = await runs.page(session, PipelineQuery(), limit=3)
        rest = await runs.page(session, PipelineQuery(), after=page.next, limit=3)
        assert [run.id for run in (*page.items, *rest.items)] == [run.id for run in reversed(many)]
        of_one = await runs.page(session, PipelineQuery(user_id="user_1", pipeline_id="pl_1"))
        assert {run.user_id for run in of_one.items} == {"user_1"}
        running = await runs.page(session, PipelineQuery(states=[RunState.RUNNING]))
        assert len(running.items) == 1
        some = await runs.page(session, PipelineQuery(since=many[1].created_at, until=many[3].created_at))
        assert len(some.items) == 2
        assert not (await runs.page(session, PipelineQuery(organization_id="org_1"))).items


async def test_events_are_read_from_after_a_number(database: Database) -> None:
    run = await added(database, a_run())
    claim = await the_claim(database)
    async with database.writing() as session:
        await run_queue.advance(session, claim.lease, 2, [Happening("a", {"n": [1]}), Happening("b")], LATER)
    async with database.reading() as session:
        (event,) = await run_events.after(session, run.id, 1, limit=1)
        assert (event.sequence, event.type, event.data, event.at) == (2, "a", {"n": [1]}, LATER)
        assert await run_events.after(session, run.id, 3) == []
