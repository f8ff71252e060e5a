"""Batches on a pipeline replica: its worker, and that old files go. Must not know what a line asks."""

import asyncio
import logging
import random
from typing import Final

from smartlite.config import Settings
from smartlite.errors import SmartLiteError
from smartlite.jobs.batch_answering import Pace
from smartlite.jobs.batch_checking import BatchLimits
from smartlite.jobs.batch_worker import BatchWorker
from smartlite.jobs.files import Files
from smartlite.jobs.gateway_calls import GatewayCalls
from smartlite.storage.blobs import BlobStore
from smartlite.storage.database import Database

_logger = logging.getLogger(__name__)

_PURGE_EVERY_S: Final = 3600.0


class ReplicaBatches:
    """What one replica works on. Used in one event loop.

    Args:
        settings: Of the platform.
        database: Where batches are.
        blobs: Where files are.
        gateway: Answers their lines.
    """

    def __init__(self, settings: Settings, database: Database, blobs: BlobStore, gateway: GatewayCalls) -> None:
        self._files = Files(database, blobs, settings.file_max_bytes_per_user)
        limits = BatchLimits(settings.batch_max_requests, settings.max_json_bytes, settings.max_upload_bytes)
        pace = Pace(parallel=settings.batch_parallel_requests)
        slots = settings.batches_per_replica
        self._worker = BatchWorker(database, blobs, self._files, gateway, limits, pace, slots)
        self._has_work = slots > 0
        self._keep_days = settings.runs_keep_days
        self._purging: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Start to work, once the event loop runs; nothing where it works already."""
        if self._has_work:
            self._worker.begin()
        if self._purging is None:
            self._purging = asyncio.create_task(self._purge_for_ever())

    async def close(self) -> None:
        """Stop, and give the batches back to other replicas."""
        if self._purging is not None:
            self._purging.cancel()
            await asyncio.wait({self._purging})
        await self._worker.close()

    async def _purge_for_ever(self) -> None:
        while True:
            # At another moment on each replica, so that they do not remove the same files.
            await asyncio.sleep(_PURGE_EVERY_S * random.uniform(0.5, 1.5))  # noqa: S311 - nobody gains by guessing
            try:
                await self._files.purge()
                await self._worker.purge(self._keep_days)
            except SmartLiteError as error:
                _logger.warning("old files were not removed", extra={"reason": error.message})
