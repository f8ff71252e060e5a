"""``/v1/batches`` as OpenAI's own client finds it, in strict validation; and whose files and batches are whose."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest

from smartlite.api.services import Services
from tests.api.batched import Bureau, a_bureau, lines
from tests.api.pipelined import Kitchen, a_kitchen

DAY_S = 86_400


@pytest.fixture
async def bureau(services: Services, tmp_path: Path) -> AsyncIterator[Bureau]:
    async with a_bureau(services, tmp_path) as bureau:
        yield bureau


@pytest.fixture
async def kitchen(services: Services, tmp_path: Path) -> AsyncIterator[Kitchen]:
    async with a_kitchen(services, tmp_path) as kitchen:
        yield kitchen


def chat(text: str, model: str = "fake-llm") -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}]}


async def test_a_batch_of_chats_is_answered(bureau: Bureau) -> None:
    data = lines("/v1/chat/completions", chat("Hello"), chat("Bye"), chat("?", "no-such-model"))
    batch = await bureau.ended("/v1/chat/completions", data, metadata={"job": "1"})
    counts = batch.request_counts
    assert counts is not None
    assert (batch.status, counts.total, counts.completed, counts.failed) == ("completed", 3, 2, 1)
    assert (batch.metadata, batch.completion_window, batch.errors) == ({"job": "1"}, "24h", None)
    assert None not in (batch.in_progress_at, batch.finalizing_at, batch.completed_at)
    assert batch.expires_at == batch.created_at + DAY_S
    assert batch.usage is not None
    assert batch.usage.total_tokens > 0
    good = await bureau.output(batch.output_file_id)
    assert good["r0"]["response"]["body"]["choices"][0]["message"]["content"]
    assert good["r0"]["error"] is None
    bad = await bureau.output(batch.error_file_id)
    assert bad["r2"]["response"]["status_code"] == 404
    assert bad["r2"]["response"]["body"]["error"]["code"] == "model_not_found"


async def test_a_batch_of_embeddings_is_answered(bureau: Bureau) -> None:
    body = {"model": "fake-embedding", "input": "Hello"}
    batch = await bureau.ended("/v1/embeddings", lines("/v1/embeddings", body))
    found = await bureau.output(batch.output_file_id)
    assert found["r0"]["response"]["body"]["data"][0]["embedding"]


async def test_a_batch_of_responses_is_answered(bureau: Bureau) -> None:
    batch = await bureau.ended("/v1/responses", lines("/v1/responses", {"model": "fake-llm", "input": "Hello"}))
    assert (await bureau.output(batch.output_file_id))["r0"]["response"]["body"]["object"] == "response"


@pytest.mark.parametrize("task", ["transcriptions", "translations"])
async def test_a_batch_of_recordings_is_answered(bureau: Bureau, speech_wav: bytes, task: str) -> None:
    file = await bureau.uploaded(speech_wav, "speech.wav", "user_data")
    url = f"/v1/audio/{task}"
    bodies = (
        {"model": "whisper-1", "file_id": file.id},
        {"model": "whisper-1", "file_id": file.id, "response_format": "vtt"},
    )
    batch = await bureau.ended(url, lines(url, *bodies))
    found = await bureau.output(batch.output_file_id)
    assert found["r0"]["response"]["body"]["text"]
    assert found["r1"]["response"]["body"].startswith("WEBVTT")


async def test_a_batch_of_speech_gives_files(bureau: Bureau) -> None:
    body = {"model": "tts-1", "voice": "alloy", "input": "Hello there.", "response_format": "wav"}
    batch = await bureau.ended("/v1/audio/speech", lines("/v1/audio/speech", body))
    told = (await bureau.output(batch.output_file_id))["r0"]["response"]["body"]
    assert (await bureau.client.files.retrieve(told["file_id"])).purpose == "batch_output"
    assert len((await bureau.client.files.content(told["file_id"])).content) == told["bytes"]


async def test_what_is_wrong_with_an_input_is_told_line_by_line(bureau: Bureau) -> None:
    batch = await bureau.ended("/v1/embeddings", lines("/v1/embeddings", {}) + b"\n{\n" + lines("/v1/x", {}))
    assert (batch.status, batch.failed_at is None) == ("failed", False)
    assert batch.errors is not None
    assert [(each.line, each.code) for each in batch.errors.data or ()] == [
        (2, "invalid_json_line"),
        (3, "mismatched_endpoint"),
    ]


async def test_batches_are_listed_and_cancelled(bureau: Bureau) -> None:
    await bureau.works.batch_worker.close()
    file = await bureau.uploaded(lines("/v1/embeddings", {}))
    made = [
        (
            await bureau.client.batches.create(
                input_file_id=file.id, endpoint="/v1/embeddings", completion_window="24h"
            )
        ).id
        for _ in range(3)
    ]
    assert sorted([each.id async for each in bureau.client.batches.list(limit=2)]) == sorted(made)
    assert (await bureau.client.batches.cancel(made[0])).status == "cancelling"
    with pytest.raises(openai.BadRequestError) as refused:
        await bureau.client.files.delete(file.id)
    assert refused.value.code == "file_in_use"


async def test_an_input_that_is_no_input_is_refused(bureau: Bureau) -> None:
    other = await bureau.uploaded(b"{}", "a.txt", "user_data")
    for file_id, error in (("file_0", openai.NotFoundError), (other.id, openai.BadRequestError)):
        with pytest.raises(error) as refused:
            await bureau.client.batches.create(
                input_file_id=file_id, endpoint="/v1/embeddings", completion_window="24h"
            )
        assert refused.value.param == "input_file_id"


async def test_what_is_anothers_is_not_there(kitchen: Kitchen) -> None:
    form: dict[str, Any] = {"data": {"purpose": "batch"}, "files": {"file": ("a", b"{}")}}
    async with kitchen.client("ana") as ana:
        file = (await ana.post("/v1/files", **form)).json()["id"]
    asked = {"input_file_id": file, "endpoint": "/v1/embeddings", "completion_window": "24h"}
    await kitchen("ben", "GET", f"/files/{file}/content", 404)
    await kitchen("ben", "POST", "/batches", 404, asked)
    batch = (await kitchen("ana", "POST", "/batches", 200, asked))["id"]
    await kitchen("ben", "GET", f"/batches/{batch}", 404)
    assert (await kitchen("ben", "GET", "/files", 200))["data"] == []
    assert (await kitchen("ben", "GET", "/batches", 200))["data"] == []


async def test_a_file_and_a_batch_are_shared(kitchen: Kitchen) -> None:
    file = await kitchen.works.add_file(kitchen.users["ana"])
    batch = await kitchen.works.add_batch(kitchen.users["ana"])
    await kitchen.share("ana", "file", file, "ben", "read")
    await kitchen.share("ana", "batch", batch, "ben", "read")
    await kitchen("ben", "GET", f"/files/{file}", 200)
    await kitchen("ben", "DELETE", f"/files/{file}", 403)
    await kitchen("ben", "GET", f"/batches/{batch}", 200)
    await kitchen("ben", "POST", f"/batches/{batch}/cancel", 403)
