"""Databases of both kinds, with runs and workers over them. Must not know any test."""

from collections.abc import AsyncIterator

import pytest

from smartlite.storage.database import Database
from tests.jobs.world import Office
from tests.storage.conftest import database, empty_database, fragile_database, fragile_mariadb, mariadb

__all__ = ["database", "empty_database", "fragile_database", "fragile_mariadb", "mariadb"]


@pytest.fixture
async def office(database: Database) -> AsyncIterator[Office]:
    """Runs and workers."""
    office = Office(database)
    yield office
    await office.close()
