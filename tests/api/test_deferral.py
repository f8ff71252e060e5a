"""Requests that are answered later: accepted, run, and answered as they would have been at once."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from smartlite.api.services import Services
from tests.api.pipelined import Kitchen, a_kitchen

CHAT = {"model": "fake-llm", "messages": [{"role": "user", "content": "Hello."}]}
SPEECH = {"model": "fake-tts", "voice": "alloy", "input": "Hello.", "response_format": "wav"}
LATER = {"prefer": "respond-async"}


@pytest.fixture
async def kitchen(services: Services, tmp_path: Path) -> AsyncIterator[Kitchen]:
    async with a_kitchen(services, tmp_path) as kitchen:
        yield kitchen


async def later(kitchen: Kitchen, name: str, path: str, **sent: Any) -> httpx.Response:
    async with kitchen.client(name) as client:
        return await client.post(f"/v1{path}", headers=LATER, **sent)


async def result(kitchen: Kitchen, name: str, accepted: httpx.Response) -> httpx.Response:
    assert accepted.status_code == 202, accepted.text
    await kitchen.works.runs.wait(accepted.json()["id"], 20)
    return await kitchen.ask(name, "GET", f"{accepted.headers['location'].removeprefix('/v1')}/result")


async def test_an_answer_that_comes_later_is_the_one_that_would_have_come_at_once(
    kitchen: Kitchen, speech_wav: bytes
) -> None:
    async with kitchen.client("zoe") as client:
        for path, sent in (
            ("/audio/transcriptions", {"files": {"file": ("a.wav", speech_wav)}, "data": {"model": "whisper-1"}}),
            ("/audio/translations", {"files": {"file": ("a.wav", speech_wav)}, "data": {"model": "whisper-1"}}),
            ("/audio/speech", {"json": SPEECH}),
            ("/embeddings", {"json": {"model": "fake-embedding", "input": "Hello."}}),
        ):
            at_once = await client.post(f"/v1{path}", **sent)
            found = await result(kitchen, "zoe", await later(kitchen, "zoe", path, **sent))
            assert (found.status_code, found.content) == (at_once.status_code, at_once.content), path
            assert found.headers["content-type"] == at_once.headers["content-type"]
