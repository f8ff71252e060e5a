"""Units of work: whole or not at all, side by side, and clear about what the database cannot do for now."""

import asyncio
import traceback
from pathlib import Path

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError

from smartlite.errors import ConfigurationError, DatabaseOverloaded, DatabaseUnavailable
from smartlite.storage import users
from smartlite.storage.database import Database, ReadSession, retried
from smartlite.storage.failures import LockNotGiven
from smartlite.storage.tables import UserRow
from tests.storage.rows import a_user


async def names(database: Database) -> list[str]:
    async with database.reading() as session:
        return [user.name for user in (await users.page(session)).items]


class OutOfPatience(Exception):
    """What a test ends a unit of work with."""


async def test_a_unit_of_work_that_fails_leaves_nothing(database: Database) -> None:
    async def give_up() -> None:
        async with database.writing() as session:
            await users.add(session, a_user())
            raise OutOfPatience

    with pytest.raises(OutOfPatience):
        await give_up()
    assert await names(database) == []


async def test_a_unit_of_work_that_reads_has_no_way_to_write(database: Database) -> None:
    async with database.reading() as session:
        assert isinstance(session, ReadSession)
        assert not hasattr(session, "write")


async def test_a_unit_of_work_that_is_cancelled_leaves_nothing_and_lets_others_write(database: Database) -> None:
    begun = asyncio.Event()

    async def wait_for_ever() -> None:
        async with database.writing() as session:
            await users.add(session, a_user())
            begun.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(wait_for_ever())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with database.writing() as session:
        await users.add(session, a_user())
    assert len(await names(database)) == 1


async def test_units_of_work_that_are_cancelled_at_any_point_leak_no_connection(database: Database) -> None:
    async def work() -> None:
        async with database.writing() as session:
            await users.add(session, a_user(f"{id(object())}@x.org"))

    for moment in range(40):
        task = asyncio.create_task(work())
        await asyncio.sleep(moment * 0.0005)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await asyncio.gather(*(names(database) for _ in range(10)))
    async with database.writing() as session:
        await users.add(session, a_user("last@x.org"))


async def test_many_who_write_at_the_same_time_all_get_their_turn(database: Database) -> None:
    async def add(number: int) -> None:
        async with database.writing() as session:
            await users.add(session, a_user(f"u{number}@example.org"))

    for start in range(0, 40, 10):
        await asyncio.gather(*(add(start + number) for number in range(10)))
    assert len(await names(database)) == 40


async def test_somebody_reads_while_somebody_writes(database: Database) -> None:
    async with database.writing() as session:
        await users.add(session, a_user())
        assert await names(database) == []
    assert await names(database) == ["Ada"]


async def test_a_mistake_in_a_statement_is_told_as_it_is_and_without_its_values(database: Database) -> None:
    async with database.reading() as session:
        with pytest.raises(DBAPIError) as caught:
            await session.rows(select(text("nothing_of_the_kind")).where(UserRow.name == "s3cret"))
    assert "s3cret" not in str(caught.value)


async def test_a_database_that_is_there_passes_the_check(database: Database) -> None:
    await database.check()


async def test_when_every_connection_is_taken_the_next_is_told_soon(database: Database) -> None:
    done = asyncio.Event()

    async def hold() -> None:
        async with database.reading():
            await done.wait()

    tasks = [asyncio.create_task(hold()) for _ in range(10)]
    await asyncio.sleep(0.5)
    with pytest.raises(DatabaseOverloaded) as caught:
        await names(database)
    assert (caught.value.status_code, caught.value.retry_after_s) == (503, 1)
    done.set()
    await asyncio.gather(*tasks)
    assert await names(database) == []


async def test_a_lock_that_is_not_given_ends_in_an_error_that_may_be_repeated(database: Database) -> None:
    other = Database(database.url.render_as_string(hide_password=False))
    user = a_user()
    async with database.writing() as session:
        await users.add(session, user)
    async with database.writing() as session:
        await users.set_active(session, user.id, False)
        with pytest.raises(DatabaseOverloaded):
            async with other.writing() as second:
                await users.set_active(second, user.id, False)
    async with other.writing() as session:
        await users.set_active(session, user.id, False)
    await other.close()


async def test_work_is_done_three_times_at_most(database: Database) -> None:
    tries: list[int] = []

    async def work() -> None:
        tries.append(1)
        async with database.writing() as session:
            await session.write(update(UserRow).where(UserRow.id == "user_1").values(name="x"))
            await users.add(session, a_user())
            raise LockNotGiven("busy")

    with pytest.raises(DatabaseOverloaded):
        await retried(work)
    assert len(tries) == 3
    assert await names(database) == []


async def test_work_that_fails_otherwise_is_done_once() -> None:
    tries: list[int] = []

    async def work() -> None:
        tries.append(1)
        raise DatabaseUnavailable("gone")

    with pytest.raises(DatabaseUnavailable):
        await retried(work)
    assert len(tries) == 1


def test_a_file_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be made"):
        Database(f"sqlite+aiosqlite:///{tmp_path}/file/x.db")


@pytest.mark.parametrize("url", ["", "s3cret", "postgresql://u:s3cret@h/d", "sqlite+aiosqlite://", "mysql+asyncmy://h"])
def test_a_url_of_another_kind_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Database(url)
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


async def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("this is no database " * 500)
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/x.db")
    with pytest.raises(DatabaseUnavailable):
        await names(database)
    await database.close()


def test_a_certificate_that_cannot_be_read_is_named_and_the_password_is_not() -> None:
    with pytest.raises(ConfigurationError, match="nowhere/ca") as caught:
        Database("mysql+asyncmy://u:s3cret@h/d?ssl_ca=/nowhere/ca.pem")
    assert "s3cret" not in str(caught.value)
