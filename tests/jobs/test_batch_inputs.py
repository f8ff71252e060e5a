"""Inputs of batches: what is wrong with one is told before anything is asked; recordings and speech are files."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from smartlite.domain.batches import BatchEndpoint, BatchState
from smartlite.domain.files import FilePurpose
from smartlite.jobs.batch_checking import BatchLimits
from smartlite.jobs.gateway_calls import StoredAnswer
from smartlite.storage.database import Database
from tests.jobs.batching import PACE, USER, Mill, chat


@pytest.fixture
async def mill(database: Database, tmp_path: Path) -> AsyncIterator[Mill]:
    mill = Mill(database, tmp_path)
    yield mill
    mill.gateway.gate.set()
    await mill.close()


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
