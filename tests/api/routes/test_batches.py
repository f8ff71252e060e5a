"""``/v1/files`` and ``/v1/batches`` as OpenAI's own client finds them, in strict validation."""

import asyncio
import dataclasses
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI
from openai.types import Batch, FileObject

from smartlite.api.app import create_app
from smartlite.api.services import Services
from smartlite.config import Settings
from smartlite.storage.database import Database
from smartlite.storage.schema import migrate
from tests.api.pipelined import Kitchen, Works, a_kitchen

LONG_S = 30.0
DAY_S = 86_400


@pytest.fixture
async def works(services: Services, tmp_path: Path) -> AsyncIterator[Works]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/smartlite.db")
    await migrate(database)
    works = Works(services, database, tmp_path)
    works.batch_worker.begin()
    yield works
    await works.close()
    await database.close()


@pytest.fixture
async def http(services: Services, works: Works) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(works.added_to(services)))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway/v1") as http:
        yield http


@pytest.fixture
async def client(http: httpx.AsyncClient) -> AsyncOpenAI:
    return AsyncOpenAI(
        base_url=http.base_url,
        api_key="none",
        max_retries=0,
        http_client=http,
        _strict_response_validation=True,
    )


@pytest.fixture
async def kitchen(services: Services, tmp_path: Path) -> AsyncIterator[Kitchen]:
    async with a_kitchen(services, tmp_path) as kitchen:
        yield kitchen


def lines(url: str, *bodies: dict[str, Any]) -> bytes:
    asked = ({"custom_id": f"r{n}", "method": "POST", "url": url, "body": body} for n, body in enumerate(bodies))
    return "\n".join(map(json.dumps, asked)).encode()


def chat(text: str, model: str = "fake-llm") -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}]}


async def uploaded(client: AsyncOpenAI, data: bytes, name: str = "in.jsonl", purpose: Any = "batch") -> FileObject:
    return await client.files.create(file=(name, data), purpose=purpose)


async def ended(client: AsyncOpenAI, endpoint: Any, data: bytes, **more: Any) -> Batch:
    file = await uploaded(client, data)
    batch = await client.batches.create(input_file_id=file.id, endpoint=endpoint, completion_window="24h", **more)
    async with asyncio.timeout(LONG_S):
        while batch.status not in {"completed", "failed", "cancelled", "expired"}:
            await asyncio.sleep(0.02)
            batch = await client.batches.retrieve(batch.id)
    return batch


async def output_of(client: AsyncOpenAI, file_id: str | None) -> dict[str, Any]:
    assert file_id is not None
    text = (await client.files.content(file_id)).text
    return {line["custom_id"]: line for line in map(json.loads, text.splitlines())}


async def test_a_file_is_uploaded_listed_read_and_deleted(client: AsyncOpenAI) -> None:
    file = await client.files.create(
        file=("naïve/../é.jsonl", b"{}\n"),
        purpose="batch",
        expires_after={"anchor": "created_at", "seconds": 3600},
    )
    assert (file.bytes, file.filename, file.purpose, file.status) == (3, "é.jsonl", "batch", "processed")
    assert file.expires_at == file.created_at + 3600
    assert (await client.files.retrieve(file.id)) == file
    assert [each.id async for each in await client.files.list(purpose="batch")] == [file.id]
    assert (await client.files.content(file.id)).content == b"{}\n"
    assert (await client.files.delete(file.id)).deleted
    with pytest.raises(openai.NotFoundError):
        await client.files.retrieve(file.id)


async def test_files_are_paged_in_both_orders(client: AsyncOpenAI) -> None:
    made = [(await uploaded(client, b"{}", f"{number}.txt", "user_data")).id for number in range(5)]
    newest = [each.id async for each in client.files.list(limit=2)]
    oldest = [each.id async for each in client.files.list(limit=2, order="asc")]
    assert (sorted(newest), oldest) == (sorted(made), newest[::-1])


async def test_a_file_of_many_parts_comes_back_as_it_was(client: AsyncOpenAI, works: Works) -> None:
    works.files._part_bytes = 1000
    data = bytes(range(256)) * 100
    file = await client.files.create(file=("sound.wav", io.BytesIO(data)), purpose="user_data")
    assert (await client.files.content(file.id)).content == data
    assert len(await works.blobs.list("", f"files/{file.id}/")) == 26


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=0-4", 206, slice(0, 5)),
        ("bytes=990-1010", 206, slice(990, 1011)),
        ("bytes=-3", 206, slice(-3, None)),
        ("bytes=1990-9999", 206, slice(1990, None)),
        ("bytes=2000-", 416, None),
        ("lines=1-2", 200, slice(None)),
    ],
)
async def test_a_part_of_a_file_is_read(
    client: AsyncOpenAI, http: httpx.AsyncClient, works: Works, asked: str, status: int, part: slice | None
) -> None:
    works.files._part_bytes = 1000
    data = bytes(number % 251 for number in range(2000))
    file = await uploaded(client, data, "a.bin", "user_data")
    answer = await http.get(f"/files/{file.id}/content", headers={"range": asked})
    assert answer.status_code == status
    assert part is None or answer.content == data[part]
    assert part is None or int(answer.headers["content-length"]) == len(data[part])


async def test_content_is_nothing_that_a_browser_shows(client: AsyncOpenAI) -> None:
    file = await client.files.create(file=("a.html", b"<script>", "text/html"), purpose="user_data")
    headers = (await client.files.content(file.id)).response.headers
    assert headers["content-disposition"] == "attachment; filename*=UTF-8''a.html"
    assert (headers["x-content-type-options"], "sandbox" in headers["content-security-policy"]) == ("nosniff", True)


@pytest.mark.parametrize(
    ("form", "param"),
    [
        ({"purpose": "batch_output"}, "purpose"),
        ({}, "purpose"),
        ({"purpose": "batch", "expires_after[anchor]": "created_at", "expires_after[seconds]": "10"}, "expires_after"),
        ({"purpose": "batch", "expires_after[anchor]": "now", "expires_after[seconds]": "3600"}, "expires_after"),
    ],
)
async def test_a_form_that_is_wrong_is_refused_and_leaves_nothing(
    http: httpx.AsyncClient, works: Works, form: dict[str, str], param: str
) -> None:
    answer = await http.post("/files", data=form, files={"file": ("a", b"{}")})
    assert (answer.status_code, answer.json()["error"]["param"].partition(".")[0]) == (400, param)
    assert await works.blobs.list("", "files/") == []


@pytest.mark.parametrize("data", [b"", None])
async def test_a_file_has_some_bytes(http: httpx.AsyncClient, data: bytes | None) -> None:
    files = None if data is None else {"file": ("a", data)}
    form: dict[str, Any] = {"data": {"purpose": "batch"}, "files": files or {"other": (None, b"x")}}
    answer = await http.post("/files", **form)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "file")


async def test_a_file_may_be_larger_than_other_forms_and_has_a_limit(
    services: Services, works: Works, settings: Settings
) -> None:
    small = settings.model_copy(update={"max_upload_bytes": 70_000, "file_max_bytes": 200_000})
    app = create_app(dataclasses.replace(works.added_to(services), settings=small))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway/v1") as http:
        statuses = []
        for size, headers in ((150_000, {}), (150_000, {"idempotency-key": "a"}), (200_001, {}), (300_000, {})):
            form: dict[str, Any] = {"data": {"purpose": "batch"}, "files": {"file": ("a", bytes(size))}}
            statuses.append((await http.post("/files", headers=headers, **form)).status_code)
    assert statuses == [200, 413, 413, 413]
    assert len({key.split("/")[1] for key in await works.blobs.list("", "files/")}) == 1


async def test_no_more_is_kept_for_a_user_than_may_be(client: AsyncOpenAI, works: Works) -> None:
    works.files._most_bytes = 10
    await uploaded(client, b"12345678")
    with pytest.raises(openai.APIStatusError) as refused:
        await uploaded(client, b"123")
    assert (refused.value.status_code, refused.value.code) == (413, "file_storage_full")


async def test_a_batch_of_chats_is_answered(client: AsyncOpenAI) -> None:
    data = lines("/v1/chat/completions", chat("Hello"), chat("Bye"), chat("?", "no-such-model"))
    batch = await ended(client, "/v1/chat/completions", data, metadata={"job": "1"})
    counts = batch.request_counts
    assert counts is not None
    assert (batch.status, counts.total, counts.completed, counts.failed) == ("completed", 3, 2, 1)
    assert (batch.metadata, batch.completion_window, batch.errors) == ({"job": "1"}, "24h", None)
    assert None not in (batch.in_progress_at, batch.finalizing_at, batch.completed_at)
    assert batch.expires_at == batch.created_at + DAY_S
    assert batch.usage is not None
    assert batch.usage.total_tokens > 0
    good = await output_of(client, batch.output_file_id)
    assert good["r0"]["response"]["body"]["choices"][0]["message"]["content"]
    assert good["r0"]["error"] is None
    bad = await output_of(client, batch.error_file_id)
    assert bad["r2"]["response"]["status_code"] == 404
    assert bad["r2"]["response"]["body"]["error"]["code"] == "model_not_found"


async def test_a_batch_of_embeddings_is_answered(client: AsyncOpenAI) -> None:
    body = {"model": "fake-embedding", "input": "Hello"}
    batch = await ended(client, "/v1/embeddings", lines("/v1/embeddings", body))
    found = await output_of(client, batch.output_file_id)
    assert found["r0"]["response"]["body"]["data"][0]["embedding"]


async def test_a_batch_of_responses_is_answered(client: AsyncOpenAI) -> None:
    batch = await ended(client, "/v1/responses", lines("/v1/responses", {"model": "fake-llm", "input": "Hello"}))
    assert (await output_of(client, batch.output_file_id))["r0"]["response"]["body"]["object"] == "response"


@pytest.mark.parametrize("task", ["transcriptions", "translations"])
async def test_a_batch_of_recordings_is_answered(client: AsyncOpenAI, speech_wav: bytes, task: str) -> None:
    file = await uploaded(client, speech_wav, "speech.wav", "user_data")
    url = f"/v1/audio/{task}"
    bodies = (
        {"model": "whisper-1", "file_id": file.id},
        {"model": "whisper-1", "file_id": file.id, "response_format": "vtt"},
    )
    batch = await ended(client, url, lines(url, *bodies))
    found = await output_of(client, batch.output_file_id)
    assert found["r0"]["response"]["body"]["text"]
    assert found["r1"]["response"]["body"].startswith("WEBVTT")


async def test_a_batch_of_speech_gives_files(client: AsyncOpenAI) -> None:
    body = {"model": "tts-1", "voice": "alloy", "input": "Hello there.", "response_format": "wav"}
    batch = await ended(client, "/v1/audio/speech", lines("/v1/audio/speech", body))
    told = (await output_of(client, batch.output_file_id))["r0"]["response"]["body"]
    assert (await client.files.retrieve(told["file_id"])).purpose == "batch_output"
    assert len((await client.files.content(told["file_id"])).content) == told["bytes"]


async def test_what_is_wrong_with_an_input_is_told_line_by_line(client: AsyncOpenAI) -> None:
    batch = await ended(client, "/v1/embeddings", lines("/v1/embeddings", {}) + b"\n{\n" + lines("/v1/x", {}))
    assert (batch.status, batch.failed_at is None) == ("failed", False)
    assert batch.errors is not None
    assert [(each.line, each.code) for each in batch.errors.data or ()] == [
        (2, "invalid_json_line"),
        (3, "mismatched_endpoint"),
    ]


async def test_batches_are_listed_and_cancelled(client: AsyncOpenAI, works: Works) -> None:
    await works.batch_worker.close()
    file = await uploaded(client, lines("/v1/embeddings", {}))
    made = [
        (await client.batches.create(input_file_id=file.id, endpoint="/v1/embeddings", completion_window="24h")).id
        for _ in range(3)
    ]
    assert sorted([each.id async for each in client.batches.list(limit=2)]) == sorted(made)
    assert (await client.batches.cancel(made[0])).status == "cancelling"
    with pytest.raises(openai.BadRequestError) as refused:
        await client.files.delete(file.id)
    assert refused.value.code == "file_in_use"


async def test_an_input_that_is_no_input_is_refused(client: AsyncOpenAI) -> None:
    other = await uploaded(client, b"{}", "a.txt", "user_data")
    for file_id, error in (("file_0", openai.NotFoundError), (other.id, openai.BadRequestError)):
        with pytest.raises(error) as refused:
            await client.batches.create(input_file_id=file_id, endpoint="/v1/embeddings", completion_window="24h")
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
