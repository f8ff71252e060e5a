"""A real MariaDB that is killed, hung, full or read-only, and two who wait for each other."""

import asyncio
import time
import traceback
from functools import partial

import pytest
from sqlalchemy import literal_column, select, update

from smartlite.errors import DatabaseOverloaded, DatabaseUnavailable
from smartlite.storage import users
from smartlite.storage.database import Database, retried
from smartlite.storage.schema import migrate
from smartlite.storage.tables import UserRow
from tests.storage.conftest import as_boss, new_database
from tests.storage.mariadb import ENCODED, PASSWORD, MariaDB
from tests.storage.rows import a_user

pytestmark = [pytest.mark.integration, pytest.mark.enable_socket]


async def add(database: Database, email: str = "ada@example.org") -> str:
    user = a_user(email)
    async with database.writing() as session:
        await users.add(session, user)
    return user.id


async def count(database: Database) -> int:
    async with database.reading() as session:
        return len((await users.page(session)).items)


async def test_a_killed_server_is_told_within_two_seconds_and_found_again(
    fragile_mariadb: MariaDB, fragile_database: Database
) -> None:
    await add(fragile_database)
    await asyncio.gather(*(count(fragile_database) for _ in range(5)))  # several connections, all about to die
    fragile_mariadb.kill()
    for work in (count, add, Database.check):
        begun = time.monotonic()
        with pytest.raises(DatabaseUnavailable) as caught:
            await work(fragile_database)
        assert time.monotonic() - begun < 2
        assert (caught.value.status_code, caught.value.code, caught.value.retry_after_s) == (
            503,
            "database_unavailable",
            5,
        )
    fragile_mariadb.start()
    await fragile_database.check()
    assert await count(fragile_database) == 1
    await add(fragile_database, "second@example.org")


async def test_a_server_that_is_killed_in_the_middle_of_the_work_is_told(
    fragile_mariadb: MariaDB, fragile_database: Database
) -> None:
    async with fragile_database.reading() as session:
        fragile_mariadb.kill()
        with pytest.raises(DatabaseUnavailable):
            await users.page(session)
    fragile_mariadb.start()
    assert await count(fragile_database) == 0


async def test_a_server_that_is_killed_before_the_commit_is_told(
    fragile_mariadb: MariaDB, fragile_database: Database
) -> None:
    async def add_and_lose_the_server() -> None:
        async with fragile_database.writing() as session:
            await users.add(session, a_user())
            fragile_mariadb.kill()

    with pytest.raises(DatabaseUnavailable):
        await add_and_lose_the_server()
    fragile_mariadb.start()
    assert await count(fragile_database) == 0


async def test_a_server_that_hangs_fails_the_check_in_time_and_the_work_later(
    fragile_mariadb: MariaDB, fragile_database: Database
) -> None:
    await add(fragile_database)
    fragile_mariadb.freeze()
    begun = time.monotonic()
    with pytest.raises(DatabaseUnavailable):
        await fragile_database.check()
    assert time.monotonic() - begun < 4
    with pytest.raises(DatabaseUnavailable):
        await count(fragile_database)
    assert time.monotonic() - begun < 30
    fragile_mariadb.thaw()
    assert await count(fragile_database) == 1


async def test_a_server_that_has_become_read_only_is_unavailable_until_another_takes_over(
    fragile_mariadb: MariaDB, fragile_database: Database
) -> None:
    await add(fragile_database)
    await as_boss(fragile_mariadb, "SET GLOBAL read_only = 1")
    with pytest.raises(DatabaseUnavailable):
        await add(fragile_database, "second@example.org")
    assert await count(fragile_database) == 1
    await as_boss(fragile_mariadb, "SET GLOBAL read_only = 0")
    await add(fragile_database, "second@example.org")


async def test_a_server_without_a_free_connection_is_overloaded(
    fragile_mariadb: MariaDB, fragile_database: Database
) -> None:
    await fragile_database.close()
    await as_boss(fragile_mariadb, "SET GLOBAL max_connections = 10")
    others = [Database(fragile_database.url.render_as_string(hide_password=False)) for _ in range(15)]
    ends = await asyncio.gather(*(count(other) for other in others), return_exceptions=True)
    for other in others:
        await other.close()
    assert {type(end) for end in ends} == {int, DatabaseOverloaded}


async def test_a_statement_that_takes_too_long_is_ended(mariadb: MariaDB) -> None:
    database = Database(mariadb.url(await new_database(mariadb)))
    begun = time.monotonic()
    with pytest.raises(DatabaseOverloaded):
        async with database.reading() as session:
            await session.rows(select(literal_column("SLEEP(30)")))
    assert time.monotonic() - begun < 10
    await database.close()


@pytest.mark.parametrize("password", ["wr0ng", ENCODED])
async def test_a_server_that_refuses_us_is_unavailable_and_no_password_is_told(mariadb: MariaDB, password: str) -> None:
    database = Database(f"mysql+asyncmy://smartlite:{password}@127.0.0.1:{mariadb.port}/not_ours")
    with pytest.raises(DatabaseUnavailable) as caught:
        await database.check()
    whole = "".join(traceback.format_exception(caught.value)) + repr(database)
    assert "Access denied" in whole
    for secret in (PASSWORD, ENCODED, "wr0ng"):
        assert secret not in whole
    await database.close()


async def test_two_who_wait_for_each_other_are_both_served_and_no_sum_is_lost(mariadb: MariaDB) -> None:
    """Names count how often they were written; each unit of work writes two rows, in one order or the other."""
    database = Database(mariadb.url(await new_database(mariadb)))
    await migrate(database)
    first, second = await add(database, "a@x.org"), await add(database, "b@x.org")
    async with database.writing() as session:
        await session.write(update(UserRow).values(name="0"))
    tries = 0

    async def increase(holders: set[str], both: asyncio.Event, *order: str) -> None:
        nonlocal tries
        tries += 1
        async with database.writing() as session:
            for user_id in order:
                await session.write(update(UserRow).where(UserRow.id == user_id).values(name=UserRow.name + 1))
                holders.add(user_id)
                if len(holders) == 2:
                    both.set()
                await both.wait()  # until each holds what the other will want; later tries do not wait

    for _ in range(20):
        met: tuple[set[str], asyncio.Event] = (set(), asyncio.Event())
        await asyncio.gather(
            retried(partial(increase, *met, first, second)), retried(partial(increase, *met, second, first))
        )
    async with database.reading() as session:
        assert [row.name for row in await session.rows(select(UserRow.name))] == ["40", "40"]
    assert tries >= 60
    await database.close()


async def test_sessions_are_in_utc_strict_and_read_what_is_committed(mariadb: MariaDB) -> None:
    database = Database(mariadb.url(await new_database(mariadb)))
    names = ("time_zone", "tx_isolation", "character_set_client", "sql_mode", "innodb_lock_wait_timeout")
    async with database.reading() as session:
        row = await session.row(select(*(literal_column(f"@@session.{name}") for name in names)))
    await database.close()
    assert row is not None
    found = dict(zip(names, row, strict=True))
    assert found["sql_mode"].startswith("STRICT_TRANS_TABLES")
    assert found | {"sql_mode": ""} == {
        "time_zone": "+00:00",
        "tx_isolation": "READ-COMMITTED",
        "character_set_client": "utf8mb4",
        "sql_mode": "",
        "innodb_lock_wait_timeout": 3,
    }
