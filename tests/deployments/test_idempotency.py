"""What a replica keeps of answers goes when it has expired, whoever kept it."""

import asyncio
from pathlib import Path

from deployments.idempotency import ReplicaIdempotency
from smartlite.config import Settings
from smartlite.storage import idempotency
from smartlite.storage.database import Database
from smartlite.storage.encryption import Cipher
from smartlite.storage.idempotency import Run
from smartlite.storage.schema import migrate
from tests.storage.rows import NOON

RUN = Run("user_1", b"k" * 32, "idem_1", b"r" * 32, None, NOON, NOON, NOON)


async def test_what_has_expired_is_removed_while_the_replica_runs(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    database = Database(settings.sql_url)
    await migrate(database)
    async with database.writing() as session:
        await idempotency.add(session, RUN)
    replica = ReplicaIdempotency(settings, database, Cipher(database, {}))
    replica.begin(every_s=0.001)
    replica.begin(every_s=0.001)
    async with asyncio.timeout(10):
        while await kept(database):  # noqa: ASYNC110 - another task writes the database
            await asyncio.sleep(0.005)
    await replica.close()
    await database.close()


async def kept(database: Database) -> bool:
    async with database.reading() as session:
        return await idempotency.find(session, RUN.tenant, RUN.key_hash) is not None
