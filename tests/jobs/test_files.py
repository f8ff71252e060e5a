"""Files on both databases and a folder: bytes go where their file goes, however that came."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from smartlite.domain.files import FilePurpose
from smartlite.errors import NotFound, StorageCorrupt
from smartlite.jobs.files import NewFile, made_file_id
from smartlite.storage.database import Database
from tests.jobs.batching import USER, Mill

DATA = bytes(range(200))


@pytest.fixture
async def mill(database: Database, tmp_path: Path) -> AsyncIterator[Mill]:
    mill = Mill(database, tmp_path)
    yield mill
    await mill.close()


async def expiring(mill: Mill, seconds: int) -> str:
    upload = await mill.files.begin(NewFile(USER, None))
    await upload.write(DATA)
    return (await mill.files.finish(await upload.close("a", "", FilePurpose.USER_DATA, seconds))).id


async def bytes_left(mill: Mill) -> int:
    return len(await mill.blobs.list(USER, "files/"))


async def test_any_part_of_a_file_is_read(mill: Mill) -> None:
    file = await mill.files.get(await mill.file(DATA))
    assert file is not None
    for begin, end in ((0, 200), (0, 1), (63, 65), (64, 128), (199, 500), (150, 150)):
        assert b"".join([data async for data in mill.files.read(file, begin, end)]) == DATA[begin:end]


async def test_a_file_whose_bytes_are_gone_is_no_empty_file(mill: Mill) -> None:
    file = await mill.files.get(await mill.file(DATA))
    assert file is not None
    await mill.blobs.delete(USER, f"files/{file.id}/000001")
    with pytest.raises(StorageCorrupt):
        await mill.files.whole(file)


async def test_what_was_deleted_has_no_bytes(mill: Mill) -> None:
    file = await mill.files.get(await mill.file(DATA))
    assert file is not None
    await mill.files.delete(file)
    assert await bytes_left(mill) == 0


async def test_what_expired_goes_with_the_next_purge(mill: Mill) -> None:
    await expiring(mill, 3600)
    stays = await expiring(mill, 7200)
    mill.clock.ahead += timedelta(hours=1)
    assert await mill.files.purge() == 1
    assert await bytes_left(mill) == 4
    assert await mill.files.get(stays) is not None


async def test_an_upload_that_nobody_finished_goes_and_cannot_be_finished_after(mill: Mill) -> None:
    upload = await mill.files.begin(NewFile(USER, None))
    await upload.write(DATA)
    mill.clock.ahead += timedelta(hours=25)
    assert await mill.files.purge() == 1
    assert await bytes_left(mill) == 0
    with pytest.raises(NotFound):
        await mill.files.finish(await upload.close("a", "", FilePurpose.USER_DATA, None))


async def test_a_file_that_is_made_twice_is_one_file(mill: Mill) -> None:
    new = NewFile(USER, None, made_file_id("batch_0199f7c0d1a27000", 7), is_bounded=False)
    lost = await mill.files.begin(new)
    await lost.write(DATA)
    made = [await mill.files.add(new, DATA, "a.mp3", "audio/mpeg", None) for _ in range(2)]
    assert made[0] == made[1]
    assert await mill.files.whole(made[1]) == DATA
    assert await bytes_left(mill) == 4
