"""Limits of single subjects on both databases: one of each kind, replaced and taken away."""

import asyncio
from dataclasses import replace

import pytest

from smartlite.domain.limits import LimitKind, Period, Quota
from smartlite.errors import NotFound
from smartlite.storage import quotas, users
from smartlite.storage.database import Database, retried
from tests.storage.rows import NOON, a_user

ONE = Quota("quota_1", "user", "", LimitKind.COST, 5_000_000_000, Period.MONTH, "Model", "closed")


async def put(database: Database, quota: Quota) -> None:
    async def work() -> None:
        async with database.writing() as session:
            await quotas.put(session, quota, NOON)

    await retried(work)


async def test_a_limit_comes_back_as_it_was_set_and_the_next_of_its_kind_takes_its_place(database: Database) -> None:
    ana = a_user()
    async with database.writing() as session:
        await users.add(session, ana, set())
    first = replace(ONE, subject_id=ana.id)
    all_models = replace(first, id="quota_2", model=None)
    second = replace(first, id="quota_3", limit=7)
    for each in (first, all_models, second):
        await put(database, each)
    async with database.reading() as session:
        assert await quotas.of_subjects(session, [("user", ana.id), ("key", "key_1")]) == (all_models, second)
        assert await quotas.of_subjects(session, []) == ()
        page = await quotas.page(session, ana.id, limit=1)
        assert page.items == (all_models,)
        assert (await quotas.page(session, after=page.next)).items == (second,)
    async with database.writing() as session:
        assert await quotas.remove(session, "quota_3") == second
        with pytest.raises(NotFound):
            await quotas.remove(session, "quota_3")


@pytest.mark.parametrize("kind", ["user", "key", "organization"])
async def test_nothing_is_set_for_somebody_who_does_not_exist(database: Database, kind: str) -> None:
    with pytest.raises(NotFound):
        await put(database, replace(ONE, subject_kind=kind, subject_id="x_1"))


async def test_of_several_that_set_the_same_limit_at_once_one_stays(database: Database) -> None:
    ana = a_user()
    async with database.writing() as session:
        await users.add(session, ana, set())
    many = [replace(ONE, id=f"quota_{number}", subject_id=ana.id, limit=number + 1) for number in range(8)]
    await asyncio.gather(*(put(database, each) for each in many), return_exceptions=True)
    async with database.reading() as session:
        assert len(await quotas.of_subjects(session, [("user", ana.id)])) == 1
