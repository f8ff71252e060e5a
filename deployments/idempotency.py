"""Answers by Idempotency-Key on an ingress replica: where they are kept, and that old ones go. Must not know routes."""

import asyncio
import logging
import random
from typing import Final

from smartlite.auth.idempotency import PURGED_AT_ONCE, IdempotencyKeeper
from smartlite.config import Settings
from smartlite.errors import SmartLiteError
from smartlite.storage.blobs import BlobStore
from smartlite.storage.database import Database
from smartlite.storage.encryption import Cipher
from smartlite.storage.open_objects import open_objects

_logger = logging.getLogger(__name__)

PURGE_EVERY_S: Final = 180.0
_PAUSE_S: Final = 0.1
"""Between two portions, so that whoever waits for the database gets their turn."""


class ReplicaIdempotency:
    """What one replica keeps and removes. Used in one event loop."""

    def __init__(self, settings: Settings, database: Database, cipher: Cipher) -> None:
        self.keeper = IdempotencyKeeper(database, BlobStore(open_objects(settings), cipher))
        self._purging: asyncio.Task[None] | None = None

    def begin(self, every_s: float = PURGE_EVERY_S) -> None:
        """Start to remove what is kept no longer, once the event loop runs; every replica does."""
        if self._purging is None:
            self._purging = asyncio.create_task(self._purge_for_ever(every_s))

    async def close(self) -> None:
        """Remove nothing more."""
        if self._purging is not None:
            self._purging.cancel()
            await asyncio.wait({self._purging})

    async def _purge_for_ever(self, every_s: float) -> None:
        while True:
            # At another moment on each replica, so that they do not remove the same rows.
            await asyncio.sleep(every_s * random.uniform(0.5, 1.5))  # noqa: S311 - nobody gains by guessing
            count = PURGED_AT_ONCE
            try:
                while count == PURGED_AT_ONCE:
                    count = await self.keeper.purge()
                    await asyncio.sleep(_PAUSE_S)
            except SmartLiteError as error:
                _logger.warning("old answers were not removed", extra={"reason": error.message})
