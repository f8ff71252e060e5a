"""Prompts on both databases: versions that never change, a latest that moves, and who reaches which."""

import asyncio
from dataclasses import replace

import pytest

from smartlite.domain.organizations import Access, Share, SubjectKind
from smartlite.domain.prompts import Prompt, PromptVersion
from smartlite.errors import AlreadyExists, NotFound
from smartlite.storage import shares
from smartlite.storage.database import Database, retried
from smartlite.storage.prompts import PROMPTS
from smartlite.storage.reach import Reader
from smartlite.storage.versioned import sha256_of
from tests.storage.rows import NOON

MINE = Prompt("pmt_1", "translate", "user_1", None, 1, NOON, NOON)
SOURCE = '{"system":"é 🎙"}'


async def add(database: Database, *added: Prompt) -> None:
    async with database.writing() as session:
        for each in added:
            await PROMPTS.add(session, each, SOURCE, each.owner_id)


async def put(database: Database, source: str) -> tuple[PromptVersion, bool]:
    async def work() -> tuple[PromptVersion, bool]:
        async with database.writing() as session:
            return await PROMPTS.put_version(session, MINE.id, source, "user_2", NOON)

    return await retried(work)


async def test_a_prompt_comes_back_as_it_was_added_with_its_first_version(database: Database) -> None:
    await add(database, MINE)
    async with database.reading() as session:
        assert await PROMPTS.get(session, MINE.id) == await PROMPTS.named(session, "user_1", "translate") == MINE
        found = await PROMPTS.get_version(session, MINE.id, 1)
        assert found == PromptVersion(MINE.id, 1, SOURCE, sha256_of(SOURCE), NOON, "user_1")
    with pytest.raises(AlreadyExists):
        await add(database, replace(MINE, id="pmt_2"))


async def test_versions_are_one_for_each_text_and_numbered_without_a_gap(database: Database) -> None:
    await add(database, MINE)
    found = await asyncio.gather(*(put(database, f"text {number % 3}") for number in range(6)))
    assert {version.version for version, _ in found} == {2, 3, 4}
    async with database.writing() as session:
        page = await PROMPTS.page_versions(session, MINE.id, limit=3)
        rest = await PROMPTS.page_versions(session, MINE.id, after=page.next)
        assert [each.version for each in (*page.items, *rest.items)] == [4, 3, 2, 1]
        await PROMPTS.set_latest(session, MINE.id, 1, NOON)
        assert await PROMPTS.get(session, MINE.id) == MINE
        with pytest.raises(NotFound):
            await PROMPTS.set_latest(session, MINE.id, 5, NOON)


async def test_a_reader_reaches_their_own_by_name_and_what_others_let_them_by_id(database: Database) -> None:
    theirs = replace(MINE, id="pmt_2", owner_id="user_2")
    team = replace(MINE, id="pmt_3", owner_id="user_2", name="other", organization_id="org_1")
    await add(database, MINE, theirs, team)
    async with database.writing() as session:
        mine = Reader("user_1", organization_ids=("org_1",))
        assert await PROMPTS.reached(session, "translate", mine) == MINE
        assert await PROMPTS.reached(session, "pmt_2", mine) is None
        assert await PROMPTS.reached(session, "pmt_3", mine) == team
        await shares.put(session, Share("prompt", "pmt_2", SubjectKind.USER, "user_1", Access.READ, "user_2", NOON))
        assert await PROMPTS.reached(session, "pmt_2", mine) == theirs
        assert [each.id for each in (await PROMPTS.page(session, mine)).items] == ["pmt_1", "pmt_2", "pmt_3"]
        assert [each.id for each in (await PROMPTS.page(session, None, after="pmt_1")).items] == ["pmt_2", "pmt_3"]


async def test_a_prompt_takes_its_versions_and_shares_with_it(database: Database) -> None:
    await add(database, MINE)
    async with database.writing() as session:
        await shares.put(session, Share("prompt", MINE.id, SubjectKind.USER, "user_2", Access.READ, "user_1", NOON))
        await PROMPTS.remove(session, MINE.id)
        assert await PROMPTS.get_version(session, MINE.id, 1) is None
        assert await shares.of_resource(session, "prompt", MINE.id) == ()
        with pytest.raises(NotFound):
            await PROMPTS.remove(session, MINE.id)
