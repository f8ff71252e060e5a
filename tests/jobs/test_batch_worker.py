"""Batches on both databases: every line is answered once, whatever becomes of workers, and each ends as it should."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from smartlite.auth.noted import Actor
from smartlite.domain.batches import BatchState
from smartlite.errors import FileInUse, Unavailable
from smartlite.jobs.batch_answering import Pace
from smartlite.jobs.gateway_calls import Caller, StoredAnswer, StoredRequest
from smartlite.jobs.http_hosts import AllowedHosts
from smartlite.jobs.webhooks import Webhooks
from smartlite.storage.database import Database
from smartlite.storage.encryption import Cipher
from tests.jobs.batching import USER, Mill, answered, chat, until_so

GOOD = {"choices": []}


@pytest.fixture
async def mill(database: Database, tmp_path: Path) -> AsyncIterator[Mill]:
    mill = Mill(database, tmp_path)
    yield mill
    mill.gateway.gate.set()
    await mill.close()


async def test_every_line_of_a_batch_is_in_its_output(mill: Mill) -> None:
    batch = await mill.batch(*(chat(f"line-{number}", f"é{number}") for number in range(30)))
    mill.worker()
    ended = await mill.ended(batch)
    found = await mill.lines_of(ended.output_file_id)
    assert (ended.state, ended.total, ended.completed, ended.failed) == (BatchState.COMPLETED, 30, 30, 0)
    assert ended.error_file_id is None
    assert found["line-7"]["response"]["body"]["echo"]["messages"][0]["content"] == "é7"
    assert found["line-7"]["response"]["status_code"] == 200
    assert len(found) == 30


async def test_usage_of_all_lines_is_summed(mill: Mill) -> None:
    batch = await mill.batch(chat("a"), chat("b"))
    mill.worker()
    usage = (await mill.ended(batch)).usage
    assert (usage.input_tokens, usage.output_tokens) == (6, 4)


async def test_lines_are_asked_as_whoever_made_the_batch(mill: Mill) -> None:
    batch = await mill.batch(chat("a"))
    mill.worker()
    await mill.ended(batch)
    assert mill.gateway.callers == [Caller(USER, None, "key_1", frozenset({"llm:chat"}))]


async def test_no_more_lines_are_asked_at_the_same_time_than_may(mill: Mill) -> None:
    mill.gateway.free = 0
    batch = await mill.batch(*(chat(str(number)) for number in range(20)))
    mill.worker(Pace(parallel=3, flush_s=0))
    await until_so(lambda: mill.gateway.at_once == 3)
    mill.gateway.gate.set()
    await mill.ended(batch)
    assert mill.gateway.most_at_once == 3


async def test_a_worker_that_is_lost_loses_no_line_and_repeats_none(mill: Mill) -> None:
    mill.gateway.free = 12
    batch = await mill.batch(*(chat(str(number)) for number in range(25)))
    first = mill.worker()
    await mill.until(batch, lambda found: found.completed >= 8)
    for task in list(first._shift._working) + first._shift._loops:
        task.add_done_callback(lambda _: None)
    first._shift._loops[1].cancel()
    mill.clock.ahead += timedelta(seconds=5)
    mill.gateway.gate.set()
    mill.worker()
    ended = await mill.ended(batch)
    assert (ended.state, ended.completed, ended.failed) == (BatchState.COMPLETED, 25, 0)
    assert len(await mill.lines_of(ended.output_file_id)) == 25
    assert set(mill.gateway.worked.values()) == {1}


async def test_a_worker_that_stops_gives_its_batch_to_another(mill: Mill) -> None:
    mill.gateway.free = 6
    batch = await mill.batch(*(chat(str(number)) for number in range(20)))
    first = mill.worker()
    await mill.until(batch, lambda found: found.completed >= 2)
    await first.close()
    mill.gateway.gate.set()
    mill.worker()
    ended = await mill.ended(batch)
    assert (ended.completed, len(await mill.lines_of(ended.output_file_id))) == (20, 20)


async def test_a_turn_ends_in_the_middle_and_the_next_goes_on_from_there(mill: Mill) -> None:
    batch = await mill.batch(*(chat(str(number)) for number in range(10)))
    mill.worker(Pace(parallel=2, slice_s=0.001, flush_s=0), slots=1)
    ended = await mill.ended(batch)
    assert (ended.completed, len(mill.gateway.asked)) == (10, 10)


async def test_lines_that_are_refused_are_in_the_error_file(mill: Mill) -> None:
    mill.gateway.answer = lambda request: (
        answered(404, {"error": {"code": "model_not_found"}}) if b"gone" in request.body else answered(200, GOOD)
    )
    batch = await mill.batch(chat("a"), chat("b", "gone"), chat("c"))
    mill.worker()
    ended = await mill.ended(batch)
    errors = await mill.lines_of(ended.error_file_id)
    assert (ended.state, ended.completed, ended.failed) == (BatchState.COMPLETED, 2, 1)
    assert errors["b"]["response"]["body"] == {"error": {"code": "model_not_found"}}


@pytest.mark.parametrize("status", [409, 429, 503])
async def test_a_line_that_was_refused_for_now_is_asked_again(mill: Mill, status: int) -> None:
    mill.gateway.answer = lambda _: answered(status if len(mill.gateway.asked) < 5 else 200, GOOD)
    batch = await mill.batch(chat("a"))
    mill.worker()
    assert (await mill.ended(batch)).completed == 1


async def test_a_budget_that_is_used_up_is_not_asked_for_again(mill: Mill) -> None:
    mill.gateway.answer = lambda _: answered(429, {"error": {}}, **{"x-should-retry": "false"})
    batch = await mill.batch(chat("a"))
    mill.worker()
    assert ((await mill.ended(batch)).failed, len(mill.gateway.asked)) == (1, 1)


async def test_a_gateway_that_cannot_say_who_asks_is_asked_again(mill: Mill) -> None:
    def answer(_: StoredRequest) -> StoredAnswer:
        if len(mill.gateway.asked) < 3:
            raise Unavailable("The database is away.")
        return answered(200, GOOD)

    mill.gateway.answer = answer
    batch = await mill.batch(chat("a"))
    mill.worker()
    assert (await mill.ended(batch)).completed == 1


async def test_a_user_who_is_not_active_any_more_ends_the_batch_with_what_there_is(mill: Mill) -> None:
    mill.gateway.answer = lambda _: answered(200 if len(mill.gateway.asked) <= 2 else 401, GOOD)
    batch = await mill.batch(*(chat(str(number)) for number in range(9)))
    mill.worker(Pace(parallel=1, flush_s=0))
    ended = await mill.ended(batch)
    assert (ended.state, ended.completed, ended.faults[0].code) == (BatchState.FAILED, 2, "user_inactive")
    assert len(await mill.lines_of(ended.output_file_id)) == 2


async def test_a_cancelled_batch_keeps_what_is_answered(mill: Mill) -> None:
    mill.gateway.free = 5
    batch = await mill.batch(*(chat(str(number)) for number in range(20)))
    mill.worker()
    await mill.until(batch, lambda found: found.completed == 5)
    assert (await mill.batches.cancel(batch.id)).state is BatchState.CANCELLING
    ended = await mill.ended(batch)
    assert (ended.state, len(await mill.lines_of(ended.output_file_id))) == (BatchState.CANCELLED, 5)


async def test_a_batch_that_nobody_began_is_cancelled_without_files(mill: Mill) -> None:
    batch = await mill.batch(chat("a"))
    await mill.batches.cancel(batch.id)
    mill.worker()
    ended = await mill.ended(batch)
    assert (ended.state, ended.output_file_id, mill.gateway.asked) == (BatchState.CANCELLED, None, [])


async def test_after_a_day_the_lines_that_are_left_are_told_as_expired(mill: Mill) -> None:
    mill.gateway.free = 4
    batch = await mill.batch(*(chat(str(number)) for number in range(9)))
    mill.worker()
    await mill.until(batch, lambda found: found.completed == 4)
    mill.clock.ahead += timedelta(hours=24)
    ended = await mill.ended(batch)
    errors = await mill.lines_of(ended.error_file_id)
    assert (ended.state, ended.completed, ended.failed) == (BatchState.EXPIRED, 4, 5)
    assert {line["error"]["code"] for line in errors.values()} == {"batch_expired"}
    assert len(errors) == 5


async def test_the_input_of_a_batch_that_works_stays(mill: Mill) -> None:
    batch = await mill.batch(chat("a"))
    file = await mill.files.get(batch.input_file_id)
    assert file is not None
    with pytest.raises(FileInUse):
        await mill.files.delete(file)
    mill.worker()
    await mill.ended(batch)
    await mill.files.delete(file)
    assert await mill.files.get(file.id) is None


async def test_blocks_are_removed_once_the_files_are_there(mill: Mill) -> None:
    batch = await mill.batch(chat("a"))
    mill.worker()
    await mill.ended(batch)
    async with asyncio.timeout(10):
        while await mill.blobs.list(USER, f"batches/{batch.id}/"):  # noqa: ASYNC110 - it is another's work
            await asyncio.sleep(0.01)


async def test_batches_of_several_users_are_worked_on_by_turns(mill: Mill) -> None:
    many = [await mill.batch(chat("a"), user="user_1") for _ in range(3)] + [await mill.batch(chat("a"), user="user_2")]
    mill.gateway.free = 0
    mill.worker(slots=2)
    await until_so(lambda: len(mill.gateway.callers) >= 2)
    mill.gateway.gate.set()
    assert {caller.user_id for caller in mill.gateway.callers[:2]} == {"user_1", "user_2"}
    for batch in many:
        assert (await mill.ended(batch)).completed == 1


async def test_whoever_asked_for_it_is_told_of_the_end_of_a_batch(mill: Mill, database: Database) -> None:
    webhooks = Webhooks(database, Cipher(database, {}), AllowedHosts(("*",)))
    made, _ = await webhooks.add(Actor(None), USER, None, "https://example.com/hook", "", ["batch.completed"])
    batch = await mill.batch(chat("a"))
    mill.worker()
    await mill.ended(batch)
    (delivery,) = (await webhooks.page_deliveries(made, (), None, 10)).items
    told = json.loads(delivery.payload)
    assert (told["type"], told["data"]) == ("batch.completed", {"id": batch.id})


async def test_batches_that_ended_long_ago_are_removed(mill: Mill) -> None:
    batch = await mill.batch(chat("a"))
    worker = mill.worker()
    await mill.ended(batch)
    await worker.purge(30)
    assert await mill.batches.get(batch.id) is not None
    mill.clock.ahead += timedelta(days=31)
    await worker.purge(30)
    assert await mill.batches.get(batch.id) is None
