"""Results that are given again, on one replica: where they are, and that old ones go. Must not know routes."""

import asyncio
import logging
import random
from typing import Final

from smartlite.config import Settings
from smartlite.errors import SmartLiteError
from smartlite.jobs.results import AT_ONCE, ResultLimits, Results
from smartlite.storage.blobs import BlobStore
from smartlite.storage.database import Database

PURGE_EVERY_S: Final = 600.0
_logger = logging.getLogger(__name__)


def open_results(settings: Settings, database: Database, blobs: BlobStore) -> Results:
    """Results within the bounds of the settings."""
    limits = ResultLimits(
        settings.result_cache_ttl_s, settings.result_cache_max_bytes, settings.result_cache_max_bytes_per_user
    )
    return Results(database, blobs, limits)


async def purge_for_ever(results: Results, every_s: float = PURGE_EVERY_S) -> None:
    """Remove what is too old, again and again."""
    while True:
        # At another moment on each replica, so that they do not remove the same rows.
        await asyncio.sleep(every_s * random.uniform(0.5, 1.5))  # noqa: S311 - nobody gains by guessing
        try:
            while await results.purge() == AT_ONCE:
                continue
        except SmartLiteError as error:
            _logger.warning("old results were not removed", extra={"reason": error.message})
