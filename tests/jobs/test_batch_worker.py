"""Batches on both databases: every line is answered once, whatever becomes of workers, and each ends as it should."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from smartlite.domain.batches import BatchEndpoint, BatchState
from smartlite.domain.files import FilePurpose
from smartlite.errors import FileInUse, Unavailable
from smartlite.jobs.batch_answering import Pace
from smartlite.jobs.batch_checking import BatchLimits
from smartlite.jobs.gateway_calls import Caller, StoredAnswer, StoredRequest
from smartlite.storage.database import Database
from tests.jobs.batching import PACE, USER, Mill, answered, chat, until_so

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


async def test_every_line_that_is_wrong_is_told_with_its_number(mill: Mill) -> None:
    lines = (
        chat("a"),
        "{",
        "",
        chat("a"),
        chat("c", method="GET"),
        chat("d", url="/v1/embeddings"),
        chat(""),
        chat("f", body=[]),
        chat("g", body={"stream": True}),
        chat("h", more=1),
        {"custom_id": "i"},
        "[]",
    )
    mill.worker()
    ended = await mill.ended(await mill.batch(*lines))
    assert ended.state is BatchState.FAILED
    assert [(fault.line, fault.code, fault.param) for fault in ended.faults] == [
        (2, "invalid_json_line", None),
        (4, "duplicate_custom_id", "custom_id"),
        (5, "invalid_value", "method"),
        (6, "mismatched_endpoint", "url"),
        (7, "invalid_value", "custom_id"),
        (8, "invalid_type", "body"),
        (9, "unsupported_parameter", "body.stream"),
        (10, "unknown_parameter", None),
        (11, "missing_required_parameter", "method"),
        (12, "invalid_json_line", None),
    ]
    assert mill.gateway.asked == []


@pytest.mark.parametrize(
    ("lines", "code"), [((), "empty_file"), ([chat(str(number)) for number in range(4)], "too_many_requests")]
)
async def test_an_input_has_some_lines_and_not_too_many(mill: Mill, lines: list[object], code: str) -> None:
    mill.worker(PACE, BatchLimits(requests=3))
    ended = await mill.ended(await mill.batch(*lines))
    assert [fault.code for fault in ended.faults] == [code]


async def test_a_line_that_is_too_long_is_told(mill: Mill) -> None:
    mill.worker(PACE, BatchLimits(json_bytes=300))
    ended = await mill.ended(await mill.batch(chat("a"), chat("b", "x" * 1000)))
    assert [(fault.line, fault.code) for fault in ended.faults] == [(2, "line_too_long")]


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


async def test_speech_becomes_a_file(mill: Mill) -> None:
    mill.gateway.answer = lambda _: StoredAnswer(200, {"content-type": "audio/mpeg"}, b"ID3 sound")
    line = {"custom_id": "hello/1", "method": "POST", "url": "/v1/audio/speech", "body": {"input": "Hello"}}
    mill.worker()
    ended = await mill.ended(await mill.batch(line, endpoint=BatchEndpoint.SPEECH))
    body = (await mill.lines_of(ended.output_file_id))["hello/1"]["response"]["body"]
    file = await mill.files.get(body["file_id"])
    assert file is not None
    assert (await mill.files.whole(file), file.filename, file.owner_id) == (b"ID3 sound", "hello_1.mp3", USER)
    assert (body["bytes"], body["content_type"]) == (9, "audio/mpeg")


async def test_a_recording_is_sent_as_a_form(mill: Mill) -> None:
    mill.gateway.answer = lambda _: StoredAnswer(200, {"content-type": "text/vtt; charset=utf-8"}, b"WEBVTT")
    recording = await mill.file(b"RIFF sound", FilePurpose.USER_DATA)
    url = "/v1/audio/transcriptions"
    body = {"model": "whisper", "file_id": recording, "timestamp_granularities": ["word"], "temperature": 0.5}
    data = {"model": "whisper", "file": "data:audio/wav;base64,UklGRiBzb3VuZA=="}
    lines = [
        {"custom_id": name, "method": "POST", "url": url, "body": each}
        for name, each in zip("ab", (body, data), strict=True)
    ]
    mill.worker()
    ended = await mill.ended(await mill.batch(*lines, endpoint=BatchEndpoint.TRANSCRIPTIONS))
    forms = [request.body for request in mill.gateway.asked]
    assert (await mill.lines_of(ended.output_file_id))["a"]["response"]["body"] == "WEBVTT"
    assert all(b"RIFF sound" in form for form in forms)
    assert any(b'name="timestamp_granularities[]"\r\n\r\nword' in form for form in forms)


@pytest.mark.parametrize("told", [{"file_id": "file_0"}, {"file": "data:audio/wav;base64,%%%"}, {"file": "sound"}])
async def test_a_recording_that_is_not_there_is_the_lines_own_error(mill: Mill, told: dict[str, str]) -> None:
    line = {"custom_id": "a", "method": "POST", "url": "/v1/audio/transcriptions", "body": {"model": "w", **told}}
    mill.worker()
    ended = await mill.ended(await mill.batch(line, endpoint=BatchEndpoint.TRANSCRIPTIONS))
    assert (await mill.lines_of(ended.error_file_id))["a"]["error"]["code"] in {"not_found", "invalid_value"}


async def test_anothers_recording_is_not_there(mill: Mill) -> None:
    recording = await mill.file(b"RIFF", FilePurpose.USER_DATA, "user_2")
    body = {"model": "w", "file_id": recording}
    line = {"custom_id": "a", "method": "POST", "url": "/v1/audio/transcriptions", "body": body}
    mill.worker()
    ended = await mill.ended(await mill.batch(line, endpoint=BatchEndpoint.TRANSCRIPTIONS))
    assert (await mill.lines_of(ended.error_file_id))["a"]["error"]["code"] == "not_found"


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
