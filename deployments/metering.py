"""Metering on a replica: its journal, the process that brings journals into the database, and what deletes the old.

Must not know routes, nor what a record says.
"""

import asyncio
import logging
import os
import random
import sys
from datetime import date
from typing import Final

from smartlite.auth.allowances import Rule
from smartlite.config import Settings
from smartlite.edge import tether
from smartlite.errors import SmartLiteError
from smartlite.metering import Metering
from smartlite.metering.drain import Drain
from smartlite.metering.drain_process import keep_one_running
from smartlite.metering.history import History
from smartlite.metering.prices import load_prices
from smartlite.metering.recorder import Recorder
from smartlite.storage.database import Database
from smartlite.storage.encryption import Cipher
from smartlite.storage.journal import Journal

_logger = logging.getLogger(__name__)

_PURGE_EVERY_S: Final = 3600.0


class ReplicaMetering:
    """What one replica records and brings in. Used in one event loop."""

    def __init__(self, settings: Settings, database: Database, cipher: Cipher) -> None:
        self._settings = settings
        self._journal = Journal(settings.journal_dir)
        self.prices = load_prices(settings.prices)
        self.metering = Metering(
            Recorder(self._journal, self.prices),
            History(database, Drain(database, settings.journal_dir), cipher),
            cipher.seal if settings.history_content == "text" else None,
        )
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        """Start to work, once the event loop runs."""
        if not self._tasks:
            before = (sys.executable, "-I", "-S", tether.__file__, str(os.getpid()))
            drain = keep_one_running(self._settings.journal_dir, before)
            works = (drain, self.metering.recorder.sync_for_ever(), self._purge_for_ever())
            self._tasks = [asyncio.create_task(work) for work in works]

    async def spent(self, rule: Rule, first: date) -> float:
        """What was used of a limit since a day."""
        return await self.metering.history.spent(rule.subject_kind, rule.subject_id, rule.kind, rule.model, first)

    async def _purge_for_ever(self) -> None:
        while True:
            # At another moment on each replica, so that they do not wait for each other's locks.
            await asyncio.sleep(_PURGE_EVERY_S * random.uniform(0.5, 1.5))  # noqa: S311 - nobody gains by guessing
            try:
                settings = self._settings
                await self.metering.history.purge(
                    settings.history_retention_days, settings.usage_retention_days, settings.history_content_days
                )
            except SmartLiteError as error:
                _logger.warning("old requests were not deleted", extra={"reason": error.message})
