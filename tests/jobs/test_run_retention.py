"""Old runs go with their media, on both databases; what another run shows stays."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from smartlite.domain.pipelines import Run, RunState
from smartlite.errors import NotFound, RunBusy, StorageUnavailable
from smartlite.jobs.media import TenantMedia
from smartlite.jobs.run_retention import AT_ONCE, RunRetention
from smartlite.jobs.runs import Runs
from smartlite.storage.blobs import BlobStore
from smartlite.storage.database import Database
from smartlite.storage.objects import FsspecObjectStore
from tests.jobs.world import asked, read


class Attic:
    """Runs with media, and what removes them in so many days."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.runs = Runs(database, read)
        self.blobs = BlobStore(FsspecObjectStore(folder.as_uri()))
        self.days = 0.0
        self.retention = RunRetention(database, self.blobs, lambda: datetime.now(UTC) + timedelta(days=self.days))

    async def ended(self, user_id: str = "user_1") -> Run:
        run = await self.runs.cancel((await self.runs.submit(asked(user_id=user_id))).id)
        await TenantMedia(self.blobs, user_id).put(f"media/runs/{run.id}/a/b", b"x")
        return run

    async def kept(self, user_id: str = "user_1") -> list[str]:
        return [key.split("/")[2] for key in await self.blobs.list(user_id)]


@pytest.fixture
async def attic(database: Database, tmp_path: Path) -> AsyncIterator[Attic]:
    attic = Attic(database, tmp_path)
    yield attic
    attic.blobs.close()


async def test_a_run_goes_with_its_media_and_nothing_else(attic: Attic) -> None:
    run, other = await attic.ended(), await attic.ended()
    await attic.retention.remove(run)
    with pytest.raises(NotFound):
        await attic.runs.get(run.id)
    assert [event async for event in attic.runs.events(run.id)] == []
    assert await attic.kept() == [other.id]
    with pytest.raises(NotFound):
        await attic.retention.remove(run)


async def test_one_that_goes_on_stays(attic: Attic) -> None:
    run = await attic.runs.submit(asked())
    with pytest.raises(RunBusy):
        await attic.retention.remove(run)
    attic.days = 100
    assert await attic.retention.purge(30) == 0
    assert (await attic.runs.get(run.id)).state == RunState.QUEUED


async def test_one_of_which_there_is_a_replay_stays_as_long_as_the_replay(attic: Attic) -> None:
    run = await attic.ended()
    again = await attic.runs.replay(run)
    with pytest.raises(RunBusy, match=again.id):
        await attic.retention.remove(run)
    attic.days = 31
    assert await attic.retention.purge(30) == 0
    await attic.runs.cancel(again.id)
    assert await attic.retention.purge(30) == 2
    assert await attic.kept() == []


async def test_what_is_old_goes_whoever_it_belongs_to_and_what_is_not_stays(attic: Attic) -> None:
    runs = [await attic.ended(user_id) for user_id in ("user_1", "user_2", "")]
    attic.days = 29
    assert await attic.retention.purge(30) == 0
    attic.days = 31
    assert await attic.retention.purge(0) == 0
    assert await attic.retention.purge(30) == len(runs)
    assert [await attic.kept(user_id) for user_id in ("user_1", "user_2", "")] == [[], [], []]


async def test_more_than_are_looked_for_at_once_go_too(attic: Attic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smartlite.jobs.run_retention.AT_ONCE", 2)
    assert AT_ONCE > 2
    for _ in range(5):
        await attic.ended()
    attic.days = 31
    assert await attic.retention.purge(30) == 5


async def test_a_removal_that_was_cut_off_is_done_again(attic: Attic, monkeypatch: pytest.MonkeyPatch) -> None:
    run = await attic.ended()
    await TenantMedia(attic.blobs, "user_1").put(f"media/runs/{run.id}/c", b"x")
    whole = attic.blobs.delete

    async def delete(tenant: str, key: str) -> None:
        if key.endswith("/c"):
            raise StorageUnavailable("The object store is away.")
        await whole(tenant, key)

    with monkeypatch.context() as away:
        away.setattr(attic.blobs, "delete", delete)
        with pytest.raises(StorageUnavailable):
            await attic.retention.remove(run)
    assert await attic.kept() == [run.id]
    assert await attic.runs.get(run.id) == run
    await attic.retention.remove(run)
    assert await attic.kept() == []
