"""The database's schema on an ingress replica that nobody has prepared it for: `serve run`, a new pod.

Must not know tables.
"""

import asyncio
import logging
from typing import Final

from smartlite.errors import DatabaseUnavailable
from smartlite.storage.database import Database
from smartlite.storage.schema import migrate

_logger = logging.getLogger(__name__)

_AGAIN_AFTER_S: Final = 2.0


async def migrate_when_possible(database: Database) -> None:
    """Bring the schema to what this version needs, as soon as the database is there.

    A replica starts without its database: those that run go on with what they remember, and so must their successors.
    """
    while True:
        try:
            await migrate(database)
        except DatabaseUnavailable as error:
            _logger.warning("the database's schema could not be looked at", extra={"reason": error.message})
            await asyncio.sleep(_AGAIN_AFTER_S)
        else:
            return
