"""Journals come into the database, each record once: whatever is away, killed or wrong meanwhile."""

import asyncio
from pathlib import Path

import pytest

from smartlite.domain.metering import HistoryQuery, UsageQuery
from smartlite.errors import DatabaseUnavailable
from smartlite.metering import drain as drains
from smartlite.metering.drain import Drain
from smartlite.metering.history import History
from smartlite.storage.journal import Journal, sizes
from smartlite.storage.ledger import encode
from tests.metering.conftest import LosableDatabase
from tests.metering.records import NOON, record


async def in_history(database: LosableDatabase, folder: Path) -> list[str]:
    history = History(database, Drain(database, folder))
    page = await history.page(HistoryQuery(), None, 10_000)
    return sorted(each.request_id for each in page.items)


def written(folder: Path, count: int, begin: int = 0, **sizes: int) -> Journal:
    journal = Journal(folder, **sizes)
    for number in range(begin, begin + count):
        journal.append(encode(record(number)))
    return journal


def ids(count: int) -> list[str]:
    return sorted(f"req-{number}" for number in range(count))


async def test_what_is_written_comes_in_and_ended_segments_are_removed(
    losable: LosableDatabase, tmp_path: Path
) -> None:
    folder = tmp_path / "journal"
    journal = written(folder, 1200, segment_bytes=100_000)
    drain = Drain(losable, folder)
    assert len(sizes(folder)) > 2
    assert (await drain.backlog()).segments > 2
    journal.sync()
    await drain.read_all()
    assert await in_history(losable, folder) == ids(1200)
    assert len(sizes(folder)) == 1
    backlog = await drain.backlog()
    assert (backlog.segments, backlog.size_bytes, backlog.lag_s) == (0, 0, 0)
    journal.append(encode(record(1200)))
    assert (await drain.backlog()).lag_s > 0
    await drain.read_all()
    assert await in_history(losable, folder) == ids(1201)
    sums = await History(losable, drain).usage(UsageQuery(NOON.date(), NOON.date()), 0, 10)
    assert sums[0].requests == 1201


async def test_a_database_that_is_away_is_waited_for(losable: LosableDatabase, tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    written(folder, 10)
    drain = Drain(losable, folder)
    losable.is_away = True
    with pytest.raises(DatabaseUnavailable):
        await drain.read_all()
    losable.is_away = False
    await drain.read_all()
    assert await in_history(losable, folder) == ids(10)


async def test_a_commit_that_nobody_learnt_of_is_not_done_again(losable: LosableDatabase, tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    written(folder, 10)
    drain = Drain(losable, folder)
    losable.loses_next_commit = True
    with pytest.raises(DatabaseUnavailable):
        await drain.read_all()
    await drain.read_all()
    assert await in_history(losable, folder) == ids(10)


async def test_segments_of_those_who_are_gone_are_read_by_one_of_several(
    losable: LosableDatabase, tmp_path: Path
) -> None:
    folder = tmp_path / "journal"
    written(folder, 700).close()
    written(folder, 700, 700).close()
    await asyncio.gather(*(Drain(losable, folder).read_all() for _ in range(4)))
    assert await in_history(losable, folder) == ids(1400)
    assert sizes(folder) == {}


async def test_who_goes_on_after_another_begins_where_that_one_stopped(
    losable: LosableDatabase, tmp_path: Path
) -> None:
    folder = tmp_path / "journal"
    journal = written(folder, 5)
    await Drain(losable, folder).read_all()
    journal.append(encode(record(5)))
    journal.close()
    await Drain(losable, folder).read_all()
    assert await in_history(losable, folder) == ids(6)


async def test_a_record_that_cannot_be_kept_holds_up_nobody(losable: LosableDatabase, tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    journal = written(folder, 2)
    twice = record(2)
    for line in (b"no json", b"[1]", encode(twice), encode(twice), encode(record(3))):
        journal.append(line)
    await Drain(losable, folder).read_all()
    assert await in_history(losable, folder) == ids(4)
    assert (await Drain(losable, folder).backlog()).set_aside_bytes > 0
    (aside,) = folder.glob("*.rejected")
    assert aside.read_bytes().splitlines() == [b"no json", b"[1]", encode(twice)]


async def test_it_runs_by_itself_and_goes_on_after_an_outage(
    losable: LosableDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drains, "EVERY_S", 0.01)
    monkeypatch.setattr(drains, "_BACK_OFF_S", (0.01,))
    folder = tmp_path / "journal"
    written(folder, 3).close()
    journal = written(folder, 3, 3)
    losable.is_away = True
    task = asyncio.create_task(Drain(losable, folder).run_for_ever())
    await asyncio.sleep(0.05)
    losable.is_away = False
    async with asyncio.timeout(10):
        while await in_history(losable, folder) != ids(6):  # noqa: ASYNC110 - what is waited for is a row
            await asyncio.sleep(0.01)
    task.cancel()
    journal.close()


async def test_a_busy_machine_reads_once_and_then_waits(
    losable: LosableDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drains, "EVERY_S", 0.01)
    folder = tmp_path / "journal"
    written(folder, 3).close()
    task = asyncio.create_task(Drain(losable, folder, lambda: True, 3600.0).run_for_ever())
    async with asyncio.timeout(10):
        while await in_history(losable, folder) != ids(3):  # noqa: ASYNC110 - what is waited for is a row
            await asyncio.sleep(0.01)
    written(folder, 3, 3).close()
    await asyncio.sleep(0.1)
    assert await in_history(losable, folder) == ids(3)
    task.cancel()


async def test_what_has_waited_for_long_is_read_on_a_busy_machine_too(
    losable: LosableDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drains, "EVERY_S", 0.01)
    folder = tmp_path / "journal"
    written(folder, 3).close()
    task = asyncio.create_task(Drain(losable, folder, lambda: True, 0.05).run_for_ever())
    async with asyncio.timeout(10):
        while await in_history(losable, folder) != ids(3):  # noqa: ASYNC110 - what is waited for is a row
            await asyncio.sleep(0.01)
        written(folder, 3, 3).close()
        while await in_history(losable, folder) != ids(6):  # noqa: ASYNC110 - likewise
            await asyncio.sleep(0.01)
    task.cancel()


async def test_a_machine_that_gets_busy_is_left_in_peace_and_nothing_is_lost(
    losable: LosableDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drains, "EVERY_S", 0.01)
    monkeypatch.setattr(drains, "_LOOK_AGAIN_S", 0.0)
    monkeypatch.setattr(drains, "BATCH", 2)
    folder = tmp_path / "journal"
    written(folder, 1).close()
    answers = iter([False, False, False, True])  # before the first read, then at each look while it reads
    stopped = asyncio.Event()

    def is_busy() -> bool:
        if stopped.is_set():
            return False
        is_it = next(answers, None)
        if is_it is None:
            stopped.set()
        return is_it or False

    task = asyncio.create_task(Drain(losable, folder, is_busy, 3600.0).run_for_ever())
    async with asyncio.timeout(10):
        while await in_history(losable, folder) != ids(1):  # noqa: ASYNC110 - what is waited for is a row
            await asyncio.sleep(0.01)
        written(folder, 9, 1).close()
        while await in_history(losable, folder) != ids(10):  # noqa: ASYNC110 - likewise
            await asyncio.sleep(0.01)
    task.cancel()


async def test_what_was_kept_already_is_not_asked_again_and_what_follows_is_read(
    losable: LosableDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a commit arrived and its answer did not, or another process reads the same segment."""
    monkeypatch.setattr(drains, "BATCH", 2)
    folder = tmp_path / "journal"
    written(folder, 6).close()
    keep = drains.ledger.keep
    answers = iter([False])

    async def kept(*arguments: object) -> bool:
        await keep(*arguments)  # type: ignore[arg-type]
        return next(answers, True)

    monkeypatch.setattr(drains.ledger, "keep", kept)
    await Drain(losable, folder).read_all()
    assert await in_history(losable, folder) == ids(6)
    assert not sizes(folder)


async def test_a_segment_of_which_not_all_was_read_stays(
    losable: LosableDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "journal"
    written(folder, 6).close()
    keep = drains.ledger.keep

    async def refused(*_: object) -> bool:
        return False

    monkeypatch.setattr(drains.ledger, "keep", refused)
    drain = Drain(losable, folder)
    await drain.read_all()
    assert sizes(folder)
    monkeypatch.setattr(drains.ledger, "keep", keep)
    await drain.read_all()
    assert await in_history(losable, folder) == ids(6)
    assert not sizes(folder)
