"""Pipelines on both databases: versions that never change, one of each text, a latest that moves."""

import asyncio
from dataclasses import replace

import pytest

from smartlite.domain.organizations import Access, Share, SubjectKind
from smartlite.domain.pipelines import Pipeline, PipelineVersion
from smartlite.errors import AlreadyExists, NotFound
from smartlite.storage import shares
from smartlite.storage.database import Database, retried
from smartlite.storage.pipelines import PIPELINES
from smartlite.storage.reach import Reader
from smartlite.storage.versioned import sha256_of
from tests.storage.rows import NOON

MINE = Pipeline("pl_1", "captions", "user_1", None, 1, NOON, NOON)
SOURCE = "name: captions\nsteps: []  # é 🎙\n"


async def add(database: Database, *added: Pipeline) -> None:
    async with database.writing() as session:
        for each in added:
            await PIPELINES.add(session, each, SOURCE, each.owner_id)


async def put(database: Database, source: str) -> tuple[PipelineVersion, bool]:
    async def work() -> tuple[PipelineVersion, bool]:
        async with database.writing() as session:
            return await PIPELINES.put_version(session, MINE.id, source, "user_2", NOON)

    return await retried(work)


async def test_a_pipeline_comes_back_as_it_was_added_with_its_first_version(database: Database) -> None:
    await add(database, MINE)
    async with database.reading() as session:
        assert await PIPELINES.get(session, MINE.id) == MINE
        assert await PIPELINES.named(session, "user_1", "captions") == MINE
        assert await PIPELINES.named(session, "user_2", "captions") is None
        assert [await PIPELINES.count(session, owner) for owner in ("user_1", "user_2")] == [1, 0]
        found = await PIPELINES.get_version(session, MINE.id, 1)
        latest = await PIPELINES.latest_of(session, [MINE.id, "pl_0"])
    assert found == PipelineVersion(MINE.id, 1, SOURCE, sha256_of(SOURCE), NOON, "user_1")
    assert latest == {MINE.id: found}


async def test_an_owner_has_one_pipeline_of_a_name_and_another_may_have_the_same(database: Database) -> None:
    await add(database, MINE, replace(MINE, id="pl_2", owner_id=""))
    with pytest.raises(AlreadyExists) as caught:
        await add(database, replace(MINE, id="pl_3"))
    assert caught.value.param == "name"


async def test_a_new_text_is_a_new_version_and_the_same_text_the_one_it_was(database: Database) -> None:
    await add(database, MINE)
    second, is_new = await put(database, "two")
    assert (second.version, second.created_by, is_new) == (2, "user_2", True)
    assert await put(database, "two") == (second, False)
    first, is_new = await put(database, SOURCE)
    assert (first.version, is_new) == (1, False)
    async with database.reading() as session:
        found = await PIPELINES.get(session, MINE.id)
        assert found is not None
        assert found.latest == 1
        page = await PIPELINES.page_versions(session, MINE.id, limit=1)
        assert [each.version for each in page.items] == [2]
        assert [each.version for each in (await PIPELINES.page_versions(session, MINE.id, after=page.next)).items] == [
            1
        ]
    assert (await put(database, "three"))[0].version == 3


async def test_versions_that_are_put_at_once_are_numbered_without_a_gap(database: Database) -> None:
    await add(database, MINE)
    found = await asyncio.gather(*(put(database, f"text {number % 4}") for number in range(8)))
    assert {version.version for version, _ in found} == {2, 3, 4, 5}
    assert sum(is_new for _, is_new in found) == 4


async def test_the_latest_moves_to_versions_that_are_there_and_to_no_other(database: Database) -> None:
    await add(database, MINE)
    await put(database, "two")
    async with database.writing() as session:
        await PIPELINES.set_latest(session, MINE.id, 1, NOON)
    async with database.reading() as session:
        found = await PIPELINES.get(session, MINE.id)
    assert found is not None
    assert found.latest == 1
    for pipeline_id, version in ((MINE.id, 3), ("pl_0", 1)):
        async with database.writing() as session:
            with pytest.raises(NotFound):
                await PIPELINES.set_latest(session, pipeline_id, version, NOON)


async def test_a_pipeline_that_is_removed_is_gone_with_its_versions_and_shares(database: Database) -> None:
    await add(database, MINE)
    async with database.writing() as session:
        share = Share("pipeline", MINE.id, SubjectKind.USER, "user_2", Access.READ, None, NOON)
        await shares.put(session, share)
    async with database.writing() as session:
        await PIPELINES.remove(session, MINE.id)
    async with database.writing() as session:
        assert await PIPELINES.get_version(session, MINE.id, 1) is None
        assert await shares.of_resource(session, "pipeline", MINE.id) == ()
        with pytest.raises(NotFound):
            await PIPELINES.remove(session, MINE.id)
    await add(database, replace(MINE, id="pl_2"))


async def test_a_page_holds_what_its_reader_may_read_and_nothing_else(database: Database) -> None:
    others = [
        replace(MINE, id="pl_2", owner_id="user_2", organization_id="org_1"),
        replace(MINE, id="pl_3", owner_id="user_3"),
        replace(MINE, id="pl_4", owner_id="user_4"),
        replace(MINE, id="pl_5", owner_id="user_5"),
        replace(MINE, id="pl_6", owner_id="user_6", organization_id="org_2"),
    ]
    await add(database, MINE, *others)
    async with database.writing() as session:
        for pipeline_id, kind, subject in (
            ("pl_3", SubjectKind.USER, "user_1"),
            ("pl_4", SubjectKind.ROLE, "viewer"),
            ("pl_5", SubjectKind.USER, "viewer"),
        ):
            await shares.put(session, Share("pipeline", pipeline_id, kind, subject, Access.READ, None, NOON))
    reader = Reader("user_1", ("viewer",), ("org_1",))
    async with database.reading() as session:
        first = await PIPELINES.page(session, reader, limit=2)
        rest = await PIPELINES.page(session, reader, after=first.next)
        everybodys = await PIPELINES.page(session, None)
        alone = await PIPELINES.page(session, Reader("user_1"))
    assert [each.id for each in (*first.items, *rest.items)] == ["pl_1", "pl_2", "pl_3", "pl_4"]
    assert len(everybodys.items) == 6
    assert [each.id for each in alone.items] == ["pl_1", "pl_3"]
