"""What may be asked of history and usage, and how long they are kept. Must not know who may ask, nor HTTP."""

import logging
from datetime import UTC, date, datetime, timedelta
from typing import Final

from smartlite.domain.identity import Page
from smartlite.domain.ids import first_id
from smartlite.domain.limits import LimitKind
from smartlite.domain.metering import Backlog, HistoryQuery, RequestRecord, UsageQuery, UsageSum
from smartlite.metering.drain import Drain, forget_old_segments
from smartlite.storage import history
from smartlite.storage.database import Database, retried

_logger = logging.getLogger(__name__)

_COLUMNS: Final = {
    LimitKind.REQUESTS: ("requests", 1.0),
    LimitKind.TOKENS: ("prompt_tokens+completion_tokens", 1.0),
    LimitKind.AUDIO_SECONDS: ("audio_input_ms", 0.001),
    LimitKind.CHARACTERS: ("characters", 1.0),
    LimitKind.COST: ("cost_micros", 1.0),
}


class History:
    """Reads what a drain writes.

    Args:
        database: Where it is.
        drain: Knows what is not there yet.
    """

    def __init__(self, database: Database, drain: Drain) -> None:
        self._database = database
        self._drain = drain

    async def page(self, query: HistoryQuery, after: str | None, limit: int) -> Page[RequestRecord]:
        """Requests, newest first."""
        async with self._database.reading() as session:
            return await history.page(session, query, after=after, limit=limit)

    async def find(self, record_id: str) -> RequestRecord | None:
        """One request; None where there is none."""
        async with self._database.reading() as session:
            return await history.get(session, record_id)

    async def usage(self, query: UsageQuery, offset: int, limit: int) -> list[UsageSum]:
        """Sums by group."""
        async with self._database.reading() as session:
            return await history.usage(session, query, offset=offset, limit=limit)

    async def spent(self, subject_kind: str, subject_id: str, kind: LimitKind, model: str | None, first: date) -> float:
        """What somebody used of a limit since a day (UTC), in the limit's unit."""
        column, unit = _COLUMNS[kind]
        subject = {f"{subject_kind}_id": subject_id}
        async with self._database.reading() as session:
            return unit * await history.spent(session, column, first, model=model, **subject)

    async def backlog(self) -> Backlog:
        """What is on this machine and not in the database."""
        return await self._drain.backlog()

    async def purge(self, requests_days: int, usage_days: int) -> None:
        """Delete what is older than it is to be kept, in small portions; 0 days: keep everything."""
        now = datetime.now(UTC)
        deleted = 0
        while requests_days:
            before = first_id("rec", now - timedelta(days=requests_days))

            async def work(before: str = before) -> int:
                async with self._database.writing() as session:
                    return await history.purge_requests(session, before)

            found = await retried(work)
            if not found:
                break
            deleted += found
        if usage_days:
            async with self._database.writing() as session:
                await history.purge_usage(session, (now - timedelta(days=usage_days)).date())
        await forget_old_segments(self._database)
        if deleted:
            _logger.info("old requests were deleted", extra={"count": deleted})
