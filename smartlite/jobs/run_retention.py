"""What is left of old runs: removed by whoever owns them, or when they have been kept long enough. Must not know HTTP.

Media go first and rows last: a removal that is cut off in its middle is found again, and done again, by the next one.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from smartlite.domain.pipelines import Run
from smartlite.errors import NotFound, RunBusy
from smartlite.jobs.media import MEDIA_PREFIX, TenantMedia, tenant_of
from smartlite.storage import run_removal
from smartlite.storage.blobs import BlobStore
from smartlite.storage.database import Database, retried

AT_ONCE: Final = 100
"""Runs that are looked for at once; each is removed in a unit of work of its own."""


class RunRetention:
    """Removes runs.

    Args:
        database: Where they are.
        media: Where their media are.
        clock: Tells the time in UTC.
    """

    def __init__(
        self, database: Database, media: BlobStore, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._database = database
        self._media = media
        self._clock = clock

    async def remove(self, run: Run) -> None:
        """Remove a run with all that was made for it.

        Raises:
            NotFound: 404, it is no more.
            RunBusy: 409, it goes on, or there is a replay of it, which shows what it made.
            StorageUnavailable: 503, not all of it could be removed; it is there still.
        """
        async with self._database.reading() as session:
            await run_removal.check_removable(session, run.id)
        objects = TenantMedia(self._media, tenant_of(run))
        for key in await objects.list(f"{MEDIA_PREFIX}runs/{run.id}/"):
            await objects.delete(key)

        async def work() -> None:
            async with self._database.writing() as session:
                await run_removal.remove(session, run.id)

        await retried(work)

    async def purge(self, days: int) -> int:
        """Remove the runs that ended more than so many days ago, unless a replay shows what they made; 0: none.

        Returns:
            How many.

        Raises:
            StorageUnavailable, DatabaseUnavailable: 503, the rest is there still.
        """
        count = 0
        before = self._clock() - timedelta(days=days)
        while days and (found := await self._ended_before(before)):
            for run in found:
                count += await self._is_removed(run)
        return count

    async def _ended_before(self, before: datetime) -> list[Run]:
        async with self._database.reading() as session:
            return list(await run_removal.ended_before(session, before, AT_ONCE))

    async def _is_removed(self, run: Run) -> bool:
        try:
            await self.remove(run)
        except (NotFound, RunBusy):
            return False  # another replica was faster, or somebody has just replayed it
        return True
