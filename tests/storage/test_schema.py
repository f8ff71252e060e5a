"""The schema: what the migrations make is what the code reads and writes, whoever starts first."""

import asyncio
import os
import stat
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, insert, text
from sqlalchemy.engine import make_url

from smartlite.domain.ids import new_id
from smartlite.storage import (  # noqa: F401 - whoever is imported is compared
    batches_tables,
    conversations_tables,
    encryption_tables,
    files_tables,
    idempotency_tables,
    metering_tables,
    oauth_tables,
    organizations_tables,
    pipelines_tables,
    prompts_tables,
    quotas_tables,
    runs_tables,
    schema,
    step_outputs_tables,
    users,
    webhooks_tables,
)
from smartlite.storage.database import Database
from smartlite.storage.engine import open_engine
from smartlite.storage.schema import current_revision, migrate, newest_revision
from smartlite.storage.tables import Table
from tests.storage.rows import NOON


async def test_the_migrated_schema_is_that_of_the_tables(database: Database) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Table.metadata))

    engine = open_engine(database.url)
    async with engine.connect() as connection:
        found = await connection.run_sync(differences)
    await engine.dispose()
    assert found == []


async def test_a_schema_has_no_revision_until_it_is_migrated(empty_database: Database) -> None:
    assert await current_revision(empty_database) is None
    await migrate(empty_database)
    assert await current_revision(empty_database) == newest_revision() == "0015"


async def test_two_that_migrate_at_the_same_time_both_find_it_done(empty_database: Database) -> None:
    await asyncio.gather(migrate(empty_database), migrate(empty_database))
    assert await current_revision(empty_database) == newest_revision()


async def test_processes_that_migrate_at_the_same_time_all_find_it_done(empty_database: Database) -> None:
    url = empty_database.url.render_as_string(hide_password=False)
    code = (
        "import asyncio, os\nfrom smartlite.storage.database import Database\n"
        "from smartlite.storage.schema import migrate\nasyncio.run(migrate(Database(os.environ['URL'])))"
    )
    environment = {**os.environ, "URL": url, "PYTHONPATH": str(Path(__file__).parents[2])}
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, env=environment, stderr=asyncio.subprocess.PIPE
        )
        for _ in range(3)
    ]
    async with asyncio.timeout(60):
        ends = [await process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], ends
    assert await current_revision(empty_database) == newest_revision()


async def test_migrating_again_keeps_what_is_there(database: Database) -> None:
    async with database.writing() as session:
        role = {"id": new_id("role"), "name": "r", "scopes": frozenset({"a"})}
        await session.write(insert(Table.metadata.tables["roles"]).values({**role, "created_at": NOON}))
    await migrate(database)
    async with database.reading() as session:
        assert len(await session.rows(Table.metadata.tables["roles"].select())) == 1


async def test_a_schema_of_a_later_version_is_left_as_it_is(database: Database) -> None:
    engine = open_engine(database.url)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await engine.dispose()
    await migrate(database)
    assert await current_revision(database) == "9999"


async def test_a_file_of_sqlite_is_its_owners_alone_and_has_a_write_ahead_log(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/a/b/x.db")
    await migrate(database)
    engine = open_engine(database.url)
    async with engine.connect() as connection:
        assert await connection.scalar(text("PRAGMA journal_mode")) == "wal"
    await engine.dispose()
    await database.close()
    assert stat.S_IMODE((tmp_path / "a" / "b" / "x.db").stat().st_mode) == 0o600


async def test_what_the_first_revision_holds_is_kept_by_those_that_follow(empty_database: Database) -> None:
    def upgrade(connection: Connection, revision: str) -> None:
        config = Config()
        config.set_main_option("script_location", str(Path(schema.__file__).with_name("migrations")))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    engine = open_engine(empty_database.url, for_migrations=True)
    async with engine.connect() as connection:
        await connection.run_sync(upgrade, "0001")
        statement = "INSERT INTO users VALUES ('user_1', 'a@b.c', 'a@b.c', 'Ada', 1, '2026-07-01 12:00:00.000000')"
        await connection.execute(text(statement))
        await connection.commit()
    await engine.dispose()
    await migrate(empty_database)
    async with empty_database.reading() as session:
        found = await users.with_password(session, "a@b.c")
    assert found is not None
    assert (found[0].name, found[1]) == ("Ada", None)


@pytest.mark.integration
@pytest.mark.enable_socket
async def test_tables_have_their_own_character_set_whatever_the_database_has(fragile_database: Database) -> None:
    engine = open_engine(fragile_database.url)
    async with engine.connect() as connection:
        query = "SELECT DISTINCT collation_name FROM information_schema.columns WHERE table_schema = DATABASE()"
        query += " AND collation_name IS NOT NULL AND table_name != 'alembic_version'"
        found = {row[0] for row in await connection.execute(text(query))}
    await engine.dispose()
    assert found == {"ascii_bin", "utf8mb4_bin"}


def test_a_url_shows_its_password_to_nobody_who_does_not_ask() -> None:
    assert "p4ss" not in repr(Database("mysql+asyncmy://u:p4ss@127.0.0.1/d"))
    assert "p4ss" not in f"{make_url('mysql+asyncmy://u:p4ss@127.0.0.1/d')!r}"
