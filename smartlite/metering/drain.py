"""Brings journals into the database, each record once, however long that takes. Must not know what a record is for.

It reads what other processes write, and removes what nobody writes any more; several that read the same hinder nobody.
Nothing is given up: a database that is away is waited for, and a record that it will never take is put aside in a file,
so that those behind it are not held up.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from smartlite.domain.metering import Backlog, RequestRecord
from smartlite.errors import DatabaseUnavailable, SmartLiteError
from smartlite.storage import journal as journals
from smartlite.storage import ledger
from smartlite.storage.database import Database, retried
from smartlite.storage.journal import Line, Segment

BATCH: Final = 2000
EVERY_S: Final = 1.0
"""Between two looks at what was written; so old is the history at most while the database is well."""
_LOOK_AGAIN_S: Final = 0.25
"""While something is read: what waits for it may have become more urgent."""
_BACK_OFF_S: Final = (0.5, 1.0, 2.0, 5.0)
_logger = logging.getLogger(__name__)


class Drain:
    """Reads the segments of one folder.

    Args:
        database: Where to.
        folder: The journals of this machine.
        is_busy: Whether the machine has no time to spare.
        max_lag_s: After so long they are read even so.
    """

    def __init__(
        self,
        database: Database,
        folder: Path,
        is_busy: Callable[[], bool] = lambda: False,
        max_lag_s: float = 0.0,
    ) -> None:
        self._database = database
        self._folder = folder
        self._is_busy = is_busy
        self._max_lag_s = max_lag_s
        self._read_at_s = -math.inf
        """When what had been written was read last."""
        self._looked_at_s = -math.inf
        """When it was asked last whether the machine is busy, which it tells of the time since then."""
        self._read: dict[str, int] = {}
        self._failures = 0

    async def run_for_ever(self) -> None:
        """Read until cancelled: while the machine has time to spare, or nothing was read for long."""
        while True:
            await asyncio.sleep(_BACK_OFF_S[min(self._failures, len(_BACK_OFF_S)) - 1] if self._failures else EVERY_S)
            began_s = time.monotonic()
            is_late = began_s - self._read_at_s >= self._max_lag_s
            if self._has_no_time() and not is_late:
                continue
            try:
                if await self._read_segments(is_patient=not is_late):
                    self._read_at_s = began_s
            except SmartLiteError as error:
                if not self._failures:
                    reason = {"reason": repr(error.__cause__ or error)}
                    _logger.warning("the database does not take the history; it is kept on this machine", extra=reason)
                self._failures += 1
            except Exception:
                _logger.exception("the journal could not be read")
                self._failures += 1
            else:
                if self._failures:
                    _logger.warning("the database takes the history again")
                self._failures = 0

    async def read_all(self) -> None:
        """Bring in what was written until now; segments that nobody writes any more are removed.

        Raises:
            DatabaseUnavailable: 503.
        """
        await self._read_segments(is_patient=False)

    async def backlog(self) -> Backlog:
        """What is on this machine and not in the database.

        Raises:
            DatabaseUnavailable: 503, it cannot say what it has.
        """
        sizes = await asyncio.to_thread(journals.sizes, self._folder)
        left: dict[str, int] = {}
        async with self._database.reading() as session:
            for name, size in sizes.items():
                offset = await ledger.offset_of(session, name)
                if offset < size:
                    left[name] = offset
        oldest: datetime | None = None
        for name, offset in left.items():
            line = await asyncio.to_thread(journals.first_after, self._folder, name, offset)
            if line is not None:
                at = ledger.decode(line).at
                oldest = at if oldest is None or at < oldest else oldest
        lag_s = 0.0 if oldest is None else max(0.0, (datetime.now(UTC) - oldest).total_seconds())
        aside = await asyncio.to_thread(journals.sizes, self._folder, journals.SET_ASIDE)
        size = sum(sizes[name] - offset for name, offset in left.items())
        return Backlog(len(left), size, lag_s, sum(aside.values()))

    def _has_no_time(self) -> bool:
        self._looked_at_s = time.monotonic()
        return self._is_busy()

    async def _read_segments(self, *, is_patient: bool) -> bool:
        """Bring in what was written until now; a patient one stops when the machine gets busy. Whether it is all."""
        is_all = True
        for segment in journals.segments(self._folder):
            is_whole = False
            try:
                is_whole = await self._bring_in(segment, is_patient=is_patient)
            finally:
                if is_whole and segment.is_ours:
                    segment.remove()
                    self._read.pop(segment.id, None)
                else:
                    segment.close()
            is_all = is_all and is_whole
        return is_all

    async def _bring_in(self, segment: Segment, *, is_patient: bool) -> bool:
        """Whether the segment was read to its end."""
        offset = self._read.get(segment.id)
        if offset is None:
            offset = await self._ended_at(segment)
        # No further than it was written when this began: what comes meanwhile is for the next look.
        while offset < segment.size_bytes and (lines := segment.lines(offset, BATCH)):
            if is_patient and time.monotonic() - self._looked_at_s >= _LOOK_AGAIN_S and self._has_no_time():
                return False
            decoded = [(line, _decoded(line, segment)) for line in lines]
            end = lines[-1].end
            try:
                is_kept = await self._keep([record for _, record in decoded if record], segment, offset, end)
            except DatabaseUnavailable:
                self._read.pop(segment.id, None)  # it may have been committed: the database is asked next time
                raise
            except SmartLiteError:
                is_kept = await self._keep_one_by_one(decoded, segment, offset)
            if is_kept:
                offset = self._read[segment.id] = end
            else:  # somebody else has read on meanwhile
                self._read.pop(segment.id, None)
                before, offset = offset, await self._ended_at(segment)
                if offset <= before:
                    return False
            await asyncio.sleep(0)
        return True

    async def _ended_at(self, segment: Segment) -> int:
        """Offset of what the database has not of a segment."""
        async with self._database.reading() as session:
            return await ledger.offset_of(session, segment.id)

    async def _keep(self, records: Sequence[RequestRecord], segment: Segment, begin: int, end: int) -> bool:
        async def work() -> bool:
            async with self._database.writing() as session:
                return await ledger.keep(session, records, segment.id, begin, end)

        return await retried(work)

    async def _keep_one_by_one(
        self, decoded: Sequence[tuple[Line, RequestRecord | None]], segment: Segment, begin: int
    ) -> bool:
        for line, record in decoded:
            try:
                is_kept = await self._keep([] if record is None else [record], segment, begin, line.end)
            except DatabaseUnavailable:
                raise
            except SmartLiteError as error:
                _set_aside(line, segment, repr(error))
                is_kept = await self._keep([], segment, begin, line.end)
            if not is_kept:
                return False
            begin = line.end
        return True


async def forget_old_segments(database: Database, after: timedelta = timedelta(days=30)) -> None:
    """Drop what is known of segments that are long gone."""
    async with database.writing() as session:
        await ledger.forget_segments(session, datetime.now(UTC) - after)


def _decoded(line: Line, segment: Segment) -> RequestRecord | None:
    try:
        return ledger.decode(line.record or b"")
    except ValueError as error:
        _set_aside(line, segment, str(error))
        return None


def _set_aside(line: Line, segment: Segment, reason: str) -> None:
    _logger.error("a record was put aside", extra={"segment": segment.id, "end": line.end, "reason": reason})
    with segment.path.with_suffix(journals.SET_ASIDE).open("ab") as file:
        file.write((line.record or b"") + b"\n")
