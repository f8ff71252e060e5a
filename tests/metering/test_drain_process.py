"""The process that brings journals in: there is one, whoever is killed."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from smartlite.domain.metering import HistoryQuery
from smartlite.edge import tether
from smartlite.metering import drain_process
from smartlite.metering.drain import Drain
from smartlite.metering.drain_process import keep_one_running
from smartlite.metering.history import History
from smartlite.storage.database import Database
from smartlite.storage.journal import Journal
from smartlite.storage.ledger import encode
from smartlite.storage.schema import migrate
from tests.metering.records import record

pytestmark = pytest.mark.integration
BEFORE = (sys.executable, "-I", "-S", tether.__file__, str(os.getpid()))


@pytest.fixture
async def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the platform of the process is: a database, and a journal in ``journal``."""
    monkeypatch.setattr(drain_process, "_LOOK_EVERY_S", 0.05)
    monkeypatch.setenv("SMARTLITE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("SMARTLITE_DATABASE_URL", f"sqlite:///{tmp_path}/platform.db")
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/platform.db")
    await migrate(database)
    await database.close()
    return tmp_path


@asynccontextmanager
async def keeping(folder: Path, keepers: int = 1) -> AsyncIterator[None]:
    """So many who see to it that the process runs."""
    tasks = [asyncio.create_task(keep_one_running(folder / "journal", BEFORE)) for _ in range(keepers)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def drains() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if drain_process.__name__ in child.cmdline()]


async def until_there_is_one() -> psutil.Process:
    async with asyncio.timeout(30):
        while not (found := drains()):  # noqa: ASYNC110 - what is waited for is a process
            await asyncio.sleep(0.02)
    return found[0]


async def until_in_history(folder: Path, count: int) -> list[str]:
    database = Database(f"sqlite+aiosqlite:///{folder}/platform.db")
    history = History(database, Drain(database, folder / "journal"))
    try:
        async with asyncio.timeout(30):
            while True:
                found = await history.page(HistoryQuery(), None, 100)
                if len(found.items) >= count:
                    return sorted(each.request_id for each in found.items)
                await asyncio.sleep(0.05)
    finally:
        await database.close()


async def test_what_is_written_comes_into_the_database_also_after_the_process_was_killed(folder: Path) -> None:
    journal = Journal(folder / "journal")
    async with keeping(folder):
        journal.append(encode(record(1)))
        assert await until_in_history(folder, 1) == ["req-1"]
        killed = await until_there_is_one()
        killed.send_signal(signal.SIGKILL)
        journal.append(encode(record(2)))
        assert await until_in_history(folder, 2) == ["req-1", "req-2"]
        assert (await until_there_is_one()).pid != killed.pid
    journal.close()


async def test_of_several_who_want_it_one_begins_it(folder: Path) -> None:
    journal = Journal(folder / "journal")
    journal.append(encode(record(1)))
    async with keeping(folder, keepers=3):
        await until_in_history(folder, 1)
        assert len(drains()) == 1
    journal.close()


async def test_it_ends_with_whoever_began_it(folder: Path) -> None:
    async with keeping(folder):
        process = await until_there_is_one()
    assert not process.is_running()
