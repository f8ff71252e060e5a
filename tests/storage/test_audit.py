"""The audit log, on both databases."""

from dataclasses import replace

import pytest

from smartlite.domain.identity import AuditEntry
from smartlite.errors import AlreadyExists, InvalidRequest
from smartlite.storage import audit, users
from smartlite.storage.database import Database
from tests.storage.rows import a_user, an_entry


async def added(database: Database, *entries: AuditEntry) -> None:
    async with database.writing() as session:
        for entry in entries:
            await audit.add(session, entry)


async def everything(database: Database, limit: int, actor_id: str | None = None) -> list[AuditEntry]:
    """The log, a page at a time, while more is written into it."""
    found: list[AuditEntry] = []
    after = None
    while True:
        async with database.reading() as session:
            page = await audit.page(session, actor_id=actor_id, after=after, limit=limit)
        found += page.items
        if page.next is None:
            return found
        after = page.next
        await added(database, an_entry(10_000, "user_late"))


async def test_an_entry_comes_back_as_it_was_added(database: Database) -> None:
    details = {"text": "🎙 ' \\ \0", "number": 1.5, "list": [1, None, {"deep": True}], "none": None}
    entry = replace(an_entry(0, "user_1"), details=details)
    bare = AuditEntry(an_entry().id, entry.at, None, "start", "platform", "")
    await added(database, entry, bare)
    async with database.reading() as session:
        assert set_of((await audit.page(session)).items) == set_of((entry, bare))


def set_of(entries: tuple[AuditEntry, ...]) -> dict[str, AuditEntry]:
    return {entry.id: entry for entry in entries}


@pytest.mark.parametrize("limit", [1, 3, 4, 100])
async def test_pages_of_the_log_have_each_entry_once_and_the_newest_first(database: Database, limit: int) -> None:
    entries = [an_entry(minutes // 3) for minutes in range(12)]  # three at each minute
    await added(database, *entries)
    found = await everything(database, limit)
    assert found == sorted(entries, key=lambda entry: (entry.at, entry.id), reverse=True)


async def test_what_one_user_did_is_found_alone(database: Database) -> None:
    mine = [an_entry(minutes, "user_1") for minutes in range(5)]
    await added(database, *mine, *(an_entry(minutes, "user_2") for minutes in range(5)), an_entry(1))
    assert await everything(database, 2, "user_1") == mine[::-1]
    assert await everything(database, 2, "user_é") == []


@pytest.mark.parametrize("after", ["", "x", "2026-07-01~a", "2026-07-01T12:00:00~a", "2026-07-01T12:00:00+00:00"])
async def test_a_cursor_that_no_page_gave_is_refused(database: Database, after: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        async with database.reading() as session:
            await audit.page(session, after=after)
    assert caught.value.param == "after"


async def test_what_is_too_long_is_cut_and_not_left_out(database: Database) -> None:
    await added(database, replace(an_entry(), target_id="t" * 5000, address="a" * 500))
    async with database.reading() as session:
        (found,) = (await audit.page(session)).items
    assert (len(found.target_id), len(found.address or "")) == (255, 64)


async def test_an_entry_is_not_there_without_what_it_tells_of(database: Database) -> None:
    async def add_twice() -> None:
        async with database.writing() as session:
            await audit.add(session, an_entry())
            await users.add(session, a_user())
            await users.add(session, a_user())

    with pytest.raises(AlreadyExists):
        await add_twice()
    async with database.reading() as session:
        assert (await audit.page(session)).items == ()
        assert (await users.page(session)).items == ()
