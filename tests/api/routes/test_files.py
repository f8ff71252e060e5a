"""``/v1/files`` as OpenAI's own client finds it, in strict validation."""

import dataclasses
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from smartlite.api.app import create_app
from smartlite.api.services import Services
from smartlite.config import Settings
from tests.api.batched import Bureau, a_bureau


@pytest.fixture
async def bureau(services: Services, tmp_path: Path) -> AsyncIterator[Bureau]:
    async with a_bureau(services, tmp_path) as bureau:
        yield bureau


async def test_a_file_is_uploaded_listed_read_and_deleted(bureau: Bureau) -> None:
    file = await bureau.client.files.create(
        file=("naïve/../é.jsonl", b"{}\n"),
        purpose="batch",
        expires_after={"anchor": "created_at", "seconds": 3600},
    )
    assert (file.bytes, file.filename, file.purpose, file.status) == (3, "é.jsonl", "batch", "processed")
    assert file.expires_at == file.created_at + 3600
    assert (await bureau.client.files.retrieve(file.id)) == file
    assert [each.id async for each in await bureau.client.files.list(purpose="batch")] == [file.id]
    assert (await bureau.client.files.content(file.id)).content == b"{}\n"
    assert (await bureau.client.files.delete(file.id)).deleted
    with pytest.raises(openai.NotFoundError):
        await bureau.client.files.retrieve(file.id)


async def test_files_are_paged_in_both_orders(bureau: Bureau) -> None:
    made = [(await bureau.uploaded(b"{}", f"{number}.txt", "user_data")).id for number in range(5)]
    newest = [each.id async for each in bureau.client.files.list(limit=2)]
    oldest = [each.id async for each in bureau.client.files.list(limit=2, order="asc")]
    assert (sorted(newest), oldest) == (sorted(made), newest[::-1])


async def test_a_file_of_many_parts_comes_back_as_it_was(bureau: Bureau) -> None:
    bureau.works.files._part_bytes = 1000
    data = bytes(range(256)) * 100
    file = await bureau.client.files.create(file=("sound.wav", io.BytesIO(data)), purpose="user_data")
    assert (await bureau.client.files.content(file.id)).content == data
    assert len(await bureau.works.blobs.list("", f"files/{file.id}/")) == 26


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
async def test_a_part_of_a_file_is_read(bureau: Bureau, asked: str, status: int, part: slice | None) -> None:
    bureau.works.files._part_bytes = 1000
    data = bytes(number % 251 for number in range(2000))
    file = await bureau.uploaded(data, "a.bin", "user_data")
    answer = await bureau.http.get(f"/files/{file.id}/content", headers={"range": asked})
    assert answer.status_code == status
    assert part is None or answer.content == data[part]
    assert part is None or int(answer.headers["content-length"]) == len(data[part])


async def test_content_is_nothing_that_a_browser_shows(bureau: Bureau) -> None:
    file = await bureau.client.files.create(file=("a.html", b"<script>", "text/html"), purpose="user_data")
    headers = (await bureau.client.files.content(file.id)).response.headers
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
    bureau: Bureau, form: dict[str, str], param: str
) -> None:
    answer = await bureau.http.post("/files", data=form, files={"file": ("a", b"{}")})
    assert (answer.status_code, answer.json()["error"]["param"].partition(".")[0]) == (400, param)
    assert await bureau.works.blobs.list("", "files/") == []


@pytest.mark.parametrize("data", [b"", None])
async def test_a_file_has_some_bytes(bureau: Bureau, data: bytes | None) -> None:
    files = None if data is None else {"file": ("a", data)}
    form: dict[str, Any] = {"data": {"purpose": "batch"}, "files": files or {"other": (None, b"x")}}
    answer = await bureau.http.post("/files", **form)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "file")


async def test_a_file_may_be_larger_than_other_forms_and_has_a_limit(bureau: Bureau, settings: Settings) -> None:
    small = settings.model_copy(update={"max_upload_bytes": 70_000, "file_max_bytes": 200_000})
    app = create_app(dataclasses.replace(bureau.services, settings=small))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway/v1") as http:
        statuses = []
        for size, headers in ((150_000, {}), (150_000, {"idempotency-key": "a"}), (200_001, {}), (300_000, {})):
            form: dict[str, Any] = {"data": {"purpose": "batch"}, "files": {"file": ("a", bytes(size))}}
            statuses.append((await http.post("/files", headers=headers, **form)).status_code)
    assert statuses == [200, 413, 413, 413]
    assert len({key.split("/")[1] for key in await bureau.works.blobs.list("", "files/")}) == 1


async def test_no_more_is_kept_for_a_user_than_may_be(bureau: Bureau) -> None:
    bureau.works.files._most_bytes = 10
    await bureau.uploaded(b"12345678")
    with pytest.raises(openai.APIStatusError) as refused:
        await bureau.uploaded(b"123")
    assert (refused.value.status_code, refused.value.code) == (413, "file_storage_full")
