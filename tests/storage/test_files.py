"""Files on both databases: nobody sees one before it is whole, nor after it has gone, and none outgrows its owner."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from smartlite.domain.batches import Batch, BatchEndpoint, BatchState
from smartlite.domain.files import FilePurpose, FileQuery, StoredFile
from smartlite.domain.ids import new_id
from smartlite.errors import FileStorageFull, NotFound
from smartlite.storage import batches, files
from smartlite.storage.database import Database
from tests.storage.rows import NOON

HOUR = timedelta(hours=1)
PLENTY = 10**15


def a_file(size_bytes: int = 5 * 2**30, owner: str = "user_1", **more: object) -> StoredFile:
    file = StoredFile(
        *(new_id("file"), owner, None, "é🎙.jsonl", "application/jsonl", FilePurpose.BATCH, size_bytes, 4096, NOON)
    )
    return replace(file, **more)  # type: ignore[arg-type]


async def kept(database: Database, file: StoredFile, most_bytes: int = PLENTY) -> StoredFile:
    async with database.writing() as session:
        await files.begin(session, replace(file, size_bytes=0), NOON + HOUR, most_bytes)
    async with database.writing() as session:
        await files.finish(session, file, most_bytes)
    return file


async def found(database: Database, file_id: str, now: datetime | None = NOON) -> StoredFile | None:
    async with database.reading() as session:
        return await files.get(session, file_id, now)


async def over(database: Database, now: datetime) -> set[str]:
    async with database.reading() as session:
        return {file.id for file in await files.gone(session, now, 100)}


async def test_a_file_comes_back_as_it_was_kept(database: Database) -> None:
    file = await kept(database, a_file(expires_at=NOON + HOUR))
    assert await found(database, file.id) == file


async def test_a_file_is_not_seen_before_it_is_whole(database: Database) -> None:
    file = a_file()
    async with database.writing() as session:
        await files.begin(session, file, NOON + HOUR, PLENTY)
    assert await found(database, file.id) is None


async def test_an_upload_that_was_given_up_cannot_be_finished(database: Database) -> None:
    file = a_file()
    async with database.writing() as session:
        await files.begin(session, file, NOON + HOUR, PLENTY)
        await files.hide(session, file.id)
    with pytest.raises(NotFound):
        async with database.writing() as session:
            await files.finish(session, file, PLENTY)


async def test_a_file_goes_when_it_expires(database: Database) -> None:
    file = await kept(database, a_file(expires_at=NOON + HOUR))
    later = NOON + HOUR
    assert await found(database, file.id, later) is None
    assert await found(database, file.id, None) == file
    assert await over(database, later) == {file.id}
    assert await over(database, NOON) == set()


async def test_uploads_that_were_left_behind_go(database: Database) -> None:
    file = a_file()
    async with database.writing() as session:
        await files.begin(session, file, NOON + HOUR, PLENTY)
    assert await over(database, NOON + HOUR) == {file.id}


async def test_the_input_of_a_batch_that_works_does_not_go(database: Database) -> None:
    file = await kept(database, a_file(expires_at=NOON + HOUR))
    batch = Batch(
        *("batch_1", "user_1", None, None, frozenset[str](), BatchEndpoint.CHAT, file.id, None, None),
        *(BatchState.VALIDATING, NOON, NOON + 24 * HOUR),
    )
    async with database.writing() as session:
        await batches.add(session, batch, 1)
    assert await over(database, NOON + HOUR) == set()


async def test_no_more_is_kept_for_somebody_than_may_be(database: Database) -> None:
    await kept(database, a_file(60), 100)
    await kept(database, a_file(60, "user_2"), 100)
    with pytest.raises(FileStorageFull):
        await kept(database, a_file(41), 100)
    await kept(database, a_file(40), 100)
    with pytest.raises(FileStorageFull):
        await kept(database, a_file(0), 100)


async def test_files_are_listed_by_their_age(database: Database) -> None:
    made = [(await kept(database, a_file(1, id=f"file_{number}"))).id for number in range(5)]
    await kept(database, a_file(1, "user_2"))
    await kept(database, a_file(1, purpose=FilePurpose.USER_DATA))
    query = FileQuery("user_1", None, "batch")
    async with database.reading() as session:
        newest = await files.page(session, query, NOON, limit=3)
        rest = await files.page(session, query, NOON, after=newest.next, limit=3)
        oldest = await files.page(session, replace(query, oldest_first=True), NOON, limit=10)
    assert [file.id for file in (*newest.items, *rest.items)] == made[::-1]
    assert [file.id for file in oldest.items] == made
    assert (rest.next, oldest.next) == (None, None)
