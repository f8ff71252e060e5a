"""History and usage on both databases: each record once, sums that are exact, pages, reports and what is deleted."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import func, select

from smartlite.domain.ids import first_id, new_id
from smartlite.domain.metering import HistoryQuery, MeteredUsage, RequestRecord, UsageQuery
from smartlite.errors import AlreadyExists
from smartlite.storage import history, ledger
from smartlite.storage.database import Database, retried
from smartlite.storage.metering_tables import RequestRow
from tests.metering.records import NOON, record

TODAY = NOON.date()
ALL = UsageQuery(TODAY, TODAY)


async def keep(database: Database, records: Sequence[RequestRecord], begin: int, end: int, of: str = "seg_1") -> bool:
    async def work() -> bool:
        async with database.writing() as session:
            return await ledger.keep(session, records, of, begin, end)

    return await retried(work)


async def usage(database: Database, query: UsageQuery = ALL) -> list[tuple[dict[str, str], int, int, int]]:
    async with database.reading() as session:
        found = await history.usage(session, query)
    return [(dict(each.group), each.requests, each.audio_input_ms, each.cost_micros) for each in found]


def test_a_record_comes_back_from_its_line_as_it_was() -> None:
    for each in (
        record(),
        record(usage=(), stages_ms={}, user_id=None, status=None, error_code="x", client_gone=True),
        record(content=b"\x00\xff"),
    ):
        assert ledger.decode(ledger.encode(each)) == each


def test_a_line_of_another_version_is_read_as_far_as_it_is_known() -> None:
    whole = json.loads(ledger.encode(record()))
    whole["usage"][0].append("of a later version")
    later = ledger.decode(json.dumps({**whole, "new": 1}).encode())
    assert replace(later, id="") == replace(record(), id="")
    earlier = {name: whole[name] for name in whole if name not in {"stages_ms", "client_gone", "content", "usage"}}
    assert ledger.decode(json.dumps(earlier).encode()).usage == ()


@pytest.mark.parametrize("line", [b"", b"[1]", b"{}", b'"text"', b"1", b"null", b'{"id": 1}'])
def test_what_is_no_record_is_none(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"record|value"):
        ledger.decode(line)


async def test_what_is_kept_is_read_back(database: Database) -> None:
    one = record(1, organization_id="org_1", request_bytes=5, response_bytes=2**40)
    await keep(database, [one], 0, 10)
    async with database.reading() as session:
        assert await history.get(session, one.id) == one
        assert await history.get(session, "rec_x") is None


async def test_a_part_that_was_kept_is_not_kept_again(database: Database) -> None:
    part = [record(number) for number in range(3)]
    assert await keep(database, part, 0, 30)
    assert not await keep(database, part, 0, 30)
    assert await keep(database, [record(3)], 30, 40)
    assert not await keep(database, [record(3)], 30, 40)
    async with database.reading() as session:
        assert await ledger.offset_of(session, "seg_1") == 40
        assert await ledger.offset_of(session, "seg_2") == 0
    assert await usage(database) == [({}, 4, 6000, 28)]


async def test_a_part_that_fails_leaves_nothing(database: Database) -> None:
    twice = record()
    assert await keep(database, [twice], 0, 10)
    with pytest.raises(AlreadyExists):
        await keep(database, [record(), twice], 10, 20)
    async with database.reading() as session:
        assert await ledger.offset_of(session, "seg_1") == 10
        assert (await session.rows(select(func.count()).select_from(RequestRow)))[0][0] == 1
    assert (await usage(database))[0][1] == 1


async def test_replicas_that_add_to_the_same_sums_lose_nothing(database: Database) -> None:
    async def replica(number: int) -> None:
        for turn in range(5):
            part = [record(), record(usage=(MeteredUsage("llm", 10, 20),)), record(usage=())]
            assert await keep(database, part, turn * 10, turn * 10 + 10, f"seg_{number}")

    await asyncio.gather(*(replica(number) for number in range(4)))
    by_model = await usage(database, UsageQuery(TODAY, TODAY, ("model",)))
    assert by_model == [
        ({"model": ""}, 20, 0, 0),
        ({"model": "llm"}, 20, 0, 0),
        ({"model": "whisper"}, 20, 30_000, 140),
    ]


async def test_usage_is_reported_by_whatever_group_and_of_whoever_is_asked_for(database: Database) -> None:
    tomorrow = NOON + timedelta(days=1)
    part = [
        record(),
        record(status=500),
        record(user_id="user_2", key_id=None, organization_id="org_1"),
        record(at=tomorrow),
    ]
    await keep(database, part, 0, 10)
    both = UsageQuery(TODAY, tomorrow.date(), ("day", "user"))
    assert [(group, count) for group, count, *_ in await usage(database, both)] == [
        ({"day": "2026-11-26", "user": "user_1"}, 2),
        ({"day": "2026-11-26", "user": "user_2"}, 1),
        ({"day": "2026-11-27", "user": "user_1"}, 1),
    ]
    assert (await usage(database, UsageQuery(TODAY, TODAY, organization_id="org_1")))[0][1] == 1
    assert (await usage(database, UsageQuery(TODAY, TODAY, user_id="nobody")))[0][1] == 0
    async with database.reading() as session:
        assert (await history.usage(session, ALL))[0].failed_requests == 1
        assert await history.spent(session, "cost_micros", TODAY, user_id="user_1") == 21
        assert await history.spent(session, "audio_input_ms", TODAY, model="no", user_id="user_1") == 0
        assert await history.spent(session, "prompt_tokens+completion_tokens", TODAY, key_id="key_1") == 0


async def test_the_history_is_read_in_pages_newest_first_and_by_what_is_asked_for(database: Database) -> None:
    part = [record(number, status=200 + number % 2 * 300) for number in range(5)]
    part.append(record(9, user_id="user_2", at=NOON + timedelta(hours=1)))
    ordered = [
        RequestRecord(**{**{name: getattr(each, name) for name in each.__slots__}, "id": f"rec_{place:032x}"})
        for place, each in enumerate(part)
    ]
    await keep(database, ordered, 0, 10)
    async with database.reading() as session:
        own = HistoryQuery(user_id="user_1")
        first = await history.page(session, own, limit=3)
        second = await history.page(session, own, after=first.next, limit=3)
        assert [each.request_id for each in (*first.items, *second.items)] == [f"req-{n}" for n in (4, 3, 2, 1, 0)]
        assert second.next is None
        for query, found in (
            (HistoryQuery(failed=True), ["req-3", "req-1"]),
            (HistoryQuery(failed=False, user_id="user_1"), ["req-4", "req-2", "req-0"]),
            (HistoryQuery(status=500, model="whisper", route="/v1/audio/transcriptions"), ["req-3", "req-1"]),
            (HistoryQuery(since=NOON + timedelta(minutes=1)), ["req-9"]),
            (HistoryQuery(until=NOON), []),
            (HistoryQuery(key_id="key_2"), []),
        ):
            assert [each.request_id for each in (await history.page(session, query)).items] == found


async def test_what_is_old_is_deleted_in_portions_and_the_rest_stays(database: Database) -> None:
    old = first_id("rec", NOON - timedelta(days=100))
    part = [record(id=f"{old[:-4]}{number:04x}") for number in range(1500)]
    await keep(database, [*part, record()], 0, 10)
    before = first_id("rec", NOON - timedelta(days=90))
    deleted: list[int] = []
    while not deleted or deleted[-1]:
        async with database.writing() as session:
            deleted.append(await history.purge_requests(session, before))
    assert deleted == [1000, 500, 0]
    async with database.writing() as session:
        assert await history.purge_usage(session, date(2026, 11, 26)) == 0
        assert await history.purge_usage(session, date(2026, 11, 27)) == 1


def test_ids_sort_by_the_time_that_they_were_made_at() -> None:
    assert first_id("rec", NOON) < new_id("rec")
    assert len(first_id("rec", NOON)) == len(new_id("rec"))


async def test_what_was_asked_and_answered_is_kept_beside_the_request_and_goes_before_it(database: Database) -> None:
    with_content, without = record(content=b"asked\x00answered"), record()
    await keep(database, [with_content, without], 0, 10)
    async with database.reading() as session:
        assert await history.content(session, with_content.id) == with_content.content
        assert await history.content(session, without.id) is None
        assert (await history.get(session, with_content.id)).content is None
    async with database.writing() as session:
        assert await history.purge_contents(session, first_id("rec", NOON)) == 0
        assert await history.purge_contents(session, "rec_f") == 1
        await history.remove_content(session, without.id)
    async with database.reading() as session:
        assert await history.content(session, with_content.id) is None
        assert await history.get(session, with_content.id) is not None
