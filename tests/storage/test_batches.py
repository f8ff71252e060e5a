"""Batches on both databases: each is one worker's at a time, and a block of answers counts once."""

from dataclasses import replace
from datetime import timedelta

import pytest

from smartlite.domain.batches import (
    Batch,
    BatchEndpoint,
    BatchFault,
    BatchQuery,
    BatchState,
    BatchUsage,
    Block,
    Place,
    Progress,
)
from smartlite.errors import BatchQueueFull, LeaseLost
from smartlite.storage import batch_queue, batches
from smartlite.storage.batch_queue import BatchClaim
from smartlite.storage.database import Database
from tests.storage.rows import NOON

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
ONE = Progress(1, 0, BatchUsage(5, 1, 2**40, 0), Place(1, 2**40))


def a_batch(batch_id: str = "batch_1", user_id: str = "user_1", **more: object) -> Batch:
    batch = Batch(
        *(batch_id, user_id, None, "key_1", frozenset({"llm:chat", "é"}), BatchEndpoint.CHAT, "file_1"),
        *({"job": "é🎙"}, 3600, BatchState.VALIDATING, NOON, NOON + DAY),
    )
    return replace(batch, **more)  # type: ignore[arg-type]


async def added(database: Database, *many: Batch, most: int = 100) -> Batch:
    for batch in many:
        async with database.writing() as session:
            await batches.add(session, batch, most)
    return many[0]


async def claimed(database: Database, seconds: float = 0, worker: str = "worker_1") -> BatchClaim | None:
    now = NOON + seconds * SECOND
    async with database.reading() as session:
        waiting = await batch_queue.waiting(session, now)
    async with database.writing() as session:
        return await batch_queue.claim(session, waiting, worker, now, now + 10 * SECOND)


async def got(database: Database, batch_id: str = "batch_1") -> Batch:
    async with database.reading() as session:
        found = await batches.get(session, batch_id)
    assert found is not None
    return found


async def add_block(database: Database, claim: BatchClaim, number: int, *lines: int) -> None:
    async with database.writing() as session:
        block = Block(number, f"batches/batch_1/{claim.lease.token}-{number}", lines)
        await batch_queue.add_block(session, claim.lease, block, ONE)


async def test_a_batch_comes_back_as_it_was_added(database: Database) -> None:
    batch = await added(database, a_batch(faults=(BatchFault("a", "é", 3, "body"),)))
    assert await got(database) == batch


async def test_a_user_has_no_more_batches_than_may_work(database: Database) -> None:
    await added(database, a_batch("batch_1"), a_batch("batch_2", "user_2"), most=1)
    with pytest.raises(BatchQueueFull):
        await added(database, a_batch("batch_3"), most=1)


async def test_a_batch_is_one_workers_until_its_lease_ends(database: Database) -> None:
    await added(database, a_batch())
    first = await claimed(database)
    assert first is not None
    assert await claimed(database, 9) is None
    second = await claimed(database, 11, "worker_2")
    assert second is not None
    assert second.lease.token == first.lease.token + 1
    with pytest.raises(LeaseLost):
        async with database.writing() as session:
            await batch_queue.renew(session, first.lease, NOON + DAY)


async def test_a_block_counts_once_however_often_it_is_told(database: Database) -> None:
    await added(database, a_batch())
    claim = await claimed(database)
    assert claim is not None
    await add_block(database, claim, 1, 1)
    await add_block(database, claim, 1, 1)
    await add_block(database, claim, 2, 2, 5)
    found = await got(database)
    assert (found.completed, found.usage) == (2, BatchUsage(10, 2, 2**41, 0))
    async with database.reading() as session:
        assert await batches.answered_after(session, "batch_1", 1) == {2, 5}
        assert [block.lines for block in await batches.blocks(session, "batch_1", 0, 10)] == [(1,), (2, 5)]


async def test_a_worker_that_was_slow_counts_nothing(database: Database) -> None:
    await added(database, a_batch())
    first = await claimed(database)
    second = await claimed(database, 11, "worker_2")
    assert first is not None
    assert second is not None
    await add_block(database, second, 1, 1)
    for number in (1, 2):
        with pytest.raises(LeaseLost):
            await add_block(database, first, number, 1)
    assert (await got(database)).completed == 1


async def test_the_next_worker_goes_on_from_the_last_block(database: Database) -> None:
    await added(database, a_batch())
    first = await claimed(database)
    assert first is not None
    await add_block(database, first, 1, 1)
    second = await claimed(database, 11)
    assert second is not None
    assert (second.next_block, second.place) == (2, Place(1, 2**40))


async def test_users_and_batches_get_their_turns(database: Database) -> None:
    await added(database, a_batch("batch_1"), a_batch("batch_2"), a_batch("batch_3", "user_2"))
    order = []
    for seconds in (1, 2, 3):
        claim = await claimed(database, seconds)
        assert claim is not None
        order.append(claim.batch.id)
    assert order == ["batch_1", "batch_3", "batch_2"]


async def test_a_state_changes_only_from_the_one_that_it_was_in(database: Database) -> None:
    await added(database, a_batch())
    claim = await claimed(database)
    assert claim is not None
    async with database.writing() as session:
        await batches.request_cancel(session, "batch_1", NOON)
    async with database.writing() as session:
        values = {"state": "in_progress"}
        assert not await batch_queue.change(session, claim.lease, values, BatchState.VALIDATING)
    assert (await got(database)).state is BatchState.CANCELLING


async def test_a_batch_that_has_ended_is_not_cancelled(database: Database) -> None:
    await added(database, a_batch(state=BatchState.COMPLETED))
    async with database.writing() as session:
        assert (await batches.request_cancel(session, "batch_1", NOON)).state is BatchState.COMPLETED


async def test_batches_are_listed_the_newest_first(database: Database) -> None:
    await added(database, *(a_batch(f"batch_{number}") for number in range(3)), a_batch("batch_9", "user_2"))
    async with database.reading() as session:
        first = await batches.page(session, BatchQuery("user_1"), limit=2)
        rest = await batches.page(session, BatchQuery("user_1"), after=first.next, limit=2)
    assert [batch.id for batch in (*first.items, *rest.items)] == ["batch_2", "batch_1", "batch_0"]
