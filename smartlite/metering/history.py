"""What may be asked of history and usage, and how long they are kept. Must not know who may ask, nor HTTP."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Final

from smartlite.domain.identity import Page
from smartlite.domain.ids import first_id
from smartlite.domain.limits import LimitKind
from smartlite.domain.metering import Backlog, HistoryQuery, RequestRecord, UsageQuery, UsageSum
from smartlite.metering.drain import Drain, forget_old_segments
from smartlite.storage import history
from smartlite.storage.database import Database, WriteSession, retried
from smartlite.storage.encryption import Cipher

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
        cipher: Opens what was encrypted; None where nothing is.
    """

    def __init__(self, database: Database, drain: Drain, cipher: Cipher | None = None) -> None:
        self._database = database
        self._drain = drain
        self._cipher = cipher or Cipher(database, {})

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

    async def content(self, record: RequestRecord) -> bytes | None:
        """What was asked and answered, decrypted; None where it is not kept.

        Raises:
            StorageCorrupt: 502, it was changed.
        """
        async with self._database.reading() as session:
            found = await history.content(session, record.id)
        return None if found is None else await self._cipher.open(record.user_id or "", record.id, found)

    async def remove_content(self, record_id: str) -> None:
        """Delete what was asked and answered in one request; the request stays."""
        async with self._database.writing() as session:
            await history.remove_content(session, record_id)

    async def backlog(self) -> Backlog:
        """What is on this machine and not in the database."""
        return await self._drain.backlog()

    async def purge(self, requests_days: int, usage_days: int, content_days: int = 0) -> None:
        """Delete what is older than it is to be kept, in small portions; 0 days: keep everything."""
        now = datetime.now(UTC)
        if content_days:
            await self._purge(history.purge_contents, now - timedelta(days=content_days))
        if requests_days:
            await self._purge(history.purge_contents, now - timedelta(days=requests_days))
            await self._purge(history.purge_requests, now - timedelta(days=requests_days))
        if usage_days:
            async with self._database.writing() as session:
                await history.purge_usage(session, (now - timedelta(days=usage_days)).date())
        await forget_old_segments(self._database)

    async def _purge(self, portion: Callable[[WriteSession, str], Awaitable[int]], before: datetime) -> None:
        async def work() -> int:
            async with self._database.writing() as session:
                return await portion(session, first_id("rec", before))

        while await retried(work):
            pass
