"""Keeps what happened before its answer has ended. Must not know routes, nor the database.

One for each process; every method runs in its event loop. A record that the disk refuses is kept in memory and written
as soon as the disk takes it; until then nothing more is given, so that memory stays bounded and nothing is used that
nobody will know of.
"""

import asyncio
import logging
from collections import deque
from typing import Final

from smartlite.domain.metering import MeteredUsage, RequestRecord
from smartlite.domain.usage import ModelUsage
from smartlite.errors import JournalUnavailable
from smartlite.metering.prices import Prices
from smartlite.storage.journal import Journal
from smartlite.storage.ledger import encode

SYNC_EVERY_S: Final = 1.0
_logger = logging.getLogger(__name__)


class Recorder:
    """Writes to this process' journal.

    Args:
        journal: Where to.
        prices: What use costs.
    """

    def __init__(self, journal: Journal, prices: Prices) -> None:
        self._journal = journal
        self._prices = prices
        self._refused: deque[bytes] = deque()
        self._is_dirty = False

    def check(self) -> None:
        """Return if what is used can be recorded.

        Raises:
            JournalUnavailable: 503, the disk did not take the last record, and does not take it now.
        """
        while self._refused:
            self._journal.append(self._refused[0])
            self._refused.popleft()

    def record(self, record: RequestRecord) -> None:
        """Keep a record; never fails."""
        self.record_line(encode(record))

    def record_line(self, line: bytes) -> None:
        """The same of a record that was encoded already."""
        self._is_dirty = True
        try:
            self.check()
            self._journal.append(line)
        except JournalUnavailable as error:
            if not self._refused:
                _logger.error("use cannot be recorded: nothing more is given", extra={"reason": repr(error.__cause__)})
            self._refused.append(line)

    def metered(self, used: ModelUsage) -> MeteredUsage:
        """In whole units, with its price."""
        return self._prices.metered(used)

    async def sync_for_ever(self) -> None:
        """Have the disk take what was written, once a second."""
        while True:
            await asyncio.sleep(SYNC_EVERY_S)
            if self._is_dirty:
                self._is_dirty = False
                try:
                    await asyncio.to_thread(self._journal.sync)
                except OSError as error:
                    _logger.warning("the journal was not synced", extra={"reason": repr(error)})
