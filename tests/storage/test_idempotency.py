"""Requests with a key, as rows, on both databases."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from smartlite.errors import AlreadyExists
from smartlite.storage import idempotency
from smartlite.storage.database import Database, retried
from smartlite.storage.idempotency import Found, Kept, Run
from tests.storage.rows import NOON

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
RUN = Run("user_1", bytes(range(32)), "idem_1", b"r" * 32, frozenset({"a", "b"}), NOON + MINUTE, NOON, NOON + DAY)
KEPT = Kept(200, [("content-type", "audio/wav"), ("x-smartlite-voice", "é")], b"s" * 32, bytes(range(256)) * 257)


async def add(database: Database, *runs: Run) -> None:
    for run in runs:
        async with database.writing() as session:
            await idempotency.add(session, run)


async def find(database: Database, run: Run = RUN) -> Found | None:
    async with database.reading() as session:
        return await idempotency.find(session, run.tenant, run.key_hash)


async def test_a_run_comes_back_as_it_was_begun(database: Database) -> None:
    assert await find(database) is None
    await add(database, RUN)
    assert await find(database) == Found(RUN, None)


async def test_a_run_of_nobody_in_particular_has_an_empty_tenant_and_no_scopes(database: Database) -> None:
    run = replace(RUN, tenant="", scopes=None)
    await add(database, run)
    assert await find(database, run) == Found(run, None)


async def test_an_answer_comes_back_as_it_was_kept(database: Database) -> None:
    await add(database, RUN)
    async with database.writing() as session:
        assert await idempotency.finish(session, RUN, KEPT)
    assert await find(database) == Found(RUN, KEPT)


async def test_an_answer_may_be_in_the_object_store(database: Database) -> None:
    await add(database, RUN)
    async with database.writing() as session:
        await idempotency.finish(session, RUN, replace(KEPT, body=None))
    assert await find(database) == Found(RUN, replace(KEPT, body=None))


async def test_another_tenant_or_another_key_is_another_run(database: Database) -> None:
    await add(database, RUN, replace(RUN, tenant="user_2", id="idem_2"), replace(RUN, key_hash=b"k" * 32, id="idem_3"))
    assert await find(database) == Found(RUN, None)


async def test_of_fifty_that_claim_one_key_at_once_exactly_one_has_it(database: Database) -> None:
    async def claim(number: int) -> bool:
        async def work() -> bool:
            try:
                async with database.writing() as session:
                    await idempotency.add(session, replace(RUN, id=f"idem_{number}"))
            except AlreadyExists:
                return False
            return True

        return await retried(work)

    assert sorted(await asyncio.gather(*map(claim, range(50)))) == [False] * 49 + [True]


async def test_of_many_that_take_over_a_run_whose_lease_has_ended_exactly_one_has_it(database: Database) -> None:
    await add(database, RUN)
    late = NOON + MINUTE

    async def take(number: int) -> bool:
        async def work() -> bool:
            async with database.writing() as session:
                run = replace(RUN, id=f"idem_new_{number}", locked_until=late + MINUTE)
                return await idempotency.take_over(session, RUN, run, late)

        return await retried(work)

    taken = await asyncio.gather(*map(take, range(10)))
    assert sorted(taken) == [False] * 9 + [True]
    found = await find(database)
    assert found is not None
    assert found.run.id == f"idem_new_{taken.index(True)}"


async def test_a_run_that_holds_its_lease_is_not_taken_over(database: Database) -> None:
    await add(database, RUN)
    async with database.writing() as session:
        assert not await idempotency.take_over(session, RUN, replace(RUN, id="idem_2"), NOON)


async def test_an_answer_is_taken_over_only_when_it_has_expired(database: Database) -> None:
    await add(database, RUN)
    other = replace(RUN, id="idem_2", request_hash=b"o" * 32)
    async with database.writing() as session:
        await idempotency.finish(session, RUN, KEPT)
        assert not await idempotency.take_over(session, RUN, other, NOON + DAY - MINUTE)
        assert await idempotency.take_over(session, RUN, other, NOON + DAY)
    assert await find(database) == Found(other, None)


async def test_who_was_taken_over_can_neither_renew_nor_finish_nor_release(database: Database) -> None:
    await add(database, RUN)
    other = replace(RUN, id="idem_2")
    async with database.writing() as session:
        await idempotency.take_over(session, RUN, other, NOON + MINUTE)
        assert not await idempotency.renew(session, RUN, NOON + DAY)
        assert not await idempotency.finish(session, RUN, KEPT)
        assert not await idempotency.release(session, RUN)
    assert await find(database) == Found(other, None)


async def test_a_renewed_run_is_locked_for_longer(database: Database) -> None:
    await add(database, RUN)
    async with database.writing() as session:
        assert await idempotency.renew(session, RUN, NOON + 2 * MINUTE)
        assert await idempotency.renew(session, RUN, NOON + 2 * MINUTE)  # found, though nothing changes
    assert await find(database) == Found(replace(RUN, locked_until=NOON + 2 * MINUTE), None)


async def test_a_released_key_stands_for_nothing_and_a_kept_answer_is_not_released(database: Database) -> None:
    await add(database, RUN)
    async with database.writing() as session:
        assert await idempotency.release(session, RUN)
    assert await find(database) is None
    await add(database, RUN)
    async with database.writing() as session:
        await idempotency.finish(session, RUN, KEPT)
        assert not await idempotency.release(session, RUN)


async def test_what_has_expired_is_removed_in_portions_and_nothing_else(database: Database) -> None:
    old = [replace(RUN, key_hash=bytes([n]) * 32, id=f"idem_{n}", expires_at=NOON + n * MINUTE) for n in range(5)]
    await add(database, *old, RUN)
    async with database.reading() as session:
        portion = await idempotency.expired(session, NOON + 3 * MINUTE, 3)
    assert [found.run for found in portion] == old[:3]
    async with database.writing() as session:
        assert await idempotency.remove(session, [*old, RUN], NOON + 3 * MINUTE) == 4
    assert await find(database, old[4]) is not None
    assert await find(database) is not None
