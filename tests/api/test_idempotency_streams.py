"""Streams, files and large answers are kept byte for byte, and what breaks off is kept by nobody."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from smartlite.api.services import Services
from smartlite.domain.llm import ChatFinished, TextDelta
from smartlite.domain.tts import SpeechChunk, SpeechFinished
from smartlite.domain.usage import TokenUsage
from smartlite.errors import ReplicaLost
from tests.api.keyed import KEY, Keyed, a_keyed_gateway
from tests.api.scripted import Connection, ScriptedLLM, ScriptedTTS

CHAT: dict[str, Any] = {"model": "fake-llm", "messages": [{"role": "user", "content": "hello"}], "stream": True}
SPEECH = {"model": "tts-1", "voice": "alloy", "input": "Hello there", "response_format": "wav"}
WORDS = (TextDelta("one "), TextDelta("two"), ChatFinished("stop", TokenUsage(1, 2)))


@pytest.fixture
async def keyed(tmp_path: Path) -> AsyncIterator[Keyed]:
    async with a_keyed_gateway(tmp_path) as keyed:
        yield keyed


async def twice(client: httpx.AsyncClient, path: str, **request: Any) -> tuple[httpx.Response, httpx.Response]:
    first = await client.post(path, headers=KEY, **request)
    return first, await client.post(path, headers=KEY, **request)


def spoken(*pieces: bytes) -> ScriptedTTS:
    return ScriptedTTS(*map(SpeechChunk, pieces), SpeechFinished(1.25, 11, 22, 0.05, 0.3))


def kept_objects(keyed: Keyed) -> list[Path]:
    return [path for path in (keyed.folder / "objects").rglob("*") if path.is_file()]


async def test_a_stream_of_events_comes_again_byte_for_byte(keyed: Keyed, services: Services) -> None:
    llm = ScriptedLLM(*WORDS)
    async with keyed.client(dataclasses.replace(services, llm=llm)) as client:
        first, again = await twice(client, "/v1/chat/completions", json=CHAT)
    assert first.content == again.content
    assert first.content.endswith(b"data: [DONE]\n\n")
    assert again.headers["content-type"] == first.headers["content-type"]
    assert again.headers["idempotent-replayed"] == "true"
    assert len(llm.asked) == 1


async def test_a_file_of_speech_comes_again_with_its_headers(keyed: Keyed, services: Services) -> None:
    tts = spoken(b"one ", b"two ", b"three")
    async with keyed.client(dataclasses.replace(services, tts=tts)) as client:
        first, again = await twice(client, "/v1/audio/speech", json=SPEECH)
    assert first.content == again.content == b"one two three"
    for name in ("content-type", "x-smartlite-model", "x-smartlite-voice", "x-smartlite-language"):
        assert again.headers[name] == first.headers[name]
    assert len(tts.asked) == 1


async def test_the_first_piece_of_a_stream_is_sent_before_the_second_is_made(keyed: Keyed, services: Services) -> None:
    llm = ScriptedLLM(TextDelta("one"), waits=True)
    hangs_up = asyncio.Event()
    request = httpx.Request("POST", "http://gateway/v1/chat/completions", json=CHAT, headers=KEY)
    connection = Connection(request, hangs_up)
    running = asyncio.create_task(connection.run(keyed.app(dataclasses.replace(services, llm=llm))))
    await llm.working.wait()
    assert b'"one"' in connection.body
    hangs_up.set()
    await running


async def test_a_large_answer_is_in_the_object_store_until_it_expires(keyed: Keyed, services: Services) -> None:
    tts = spoken(*[bytes([n]) * 32 * 1024 for n in range(80)])  # 2.5 MiB
    async with keyed.client(dataclasses.replace(services, tts=tts)) as client:
        first, again = await twice(client, "/v1/audio/speech", json=SPEECH)
    assert len(first.content) == 80 * 32 * 1024
    assert first.content == again.content
    assert len(tts.asked) == 1
    (kept,) = kept_objects(keyed)
    assert bytes([7]) * 1024 not in kept.read_bytes()
    keyed.clock.move(24 * 3600)
    assert await keyed.keeper.purge() == 1
    assert kept_objects(keyed) == []
    assert await keyed.keeper.purge() == 0


async def test_an_answer_that_is_too_large_is_sent_and_not_kept(keyed: Keyed, services: Services) -> None:
    tts = spoken(*[b"x" * 1024 * 1024] * 33)
    async with keyed.client(dataclasses.replace(services, tts=tts)) as client:
        first, again = await twice(client, "/v1/audio/speech", json=SPEECH)
    assert len(first.content) == len(again.content) == 33 * 1024 * 1024
    assert "idempotent-replayed" not in again.headers
    assert len(tts.asked) == 2
    assert kept_objects(keyed) == []


@pytest.mark.parametrize("events", [WORDS[:1], ()])
async def test_a_client_that_hangs_up_stops_the_work_and_leaves_its_key_free(
    keyed: Keyed, services: Services, events: tuple[TextDelta, ...]
) -> None:
    llm = ScriptedLLM(*events, waits=True)
    app = keyed.app(dataclasses.replace(services, llm=llm))
    request = httpx.Request("POST", "http://gateway/v1/chat/completions", json=CHAT, headers=KEY)
    for _ in range(2):
        await Connection(request, llm.working).run(app)
        assert llm.closed.is_set()
        llm.working.clear()
    assert len(llm.asked) == 2


async def test_a_client_that_hangs_up_while_it_sends_leaves_no_trace(keyed: Keyed, services: Services) -> None:
    llm = ScriptedLLM(*WORDS)
    app = keyed.app(dataclasses.replace(services, llm=llm))
    messages = [{"type": "http.request", "body": b'{"mod', "more_body": True}, {"type": "http.disconnect"}]
    sent = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    request = httpx.Request("POST", "http://gateway/v1/chat/completions", json=CHAT, headers=KEY)
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/chat/completions",
        "query_string": b"",
        "headers": [(name.lower(), value) for name, value in request.headers.raw if name != b"Content-Length"],
    }
    await app(scope, receive, send)
    assert sent == []
    async with keyed.client(dataclasses.replace(services, llm=llm)) as client:
        assert (await client.post("/v1/chat/completions", json=CHAT, headers=KEY)).status_code == 200


async def test_a_stream_that_tells_of_an_error_in_its_middle_leaves_its_key_free(
    keyed: Keyed, services: Services
) -> None:
    llm = ScriptedLLM(*WORDS[:1], error=ReplicaLost("The replica ended."))
    async with keyed.client(dataclasses.replace(services, llm=llm)) as client:
        first, again = await twice(client, "/v1/chat/completions", json=CHAT)
    assert b"replica_lost" in first.content
    assert "idempotent-replayed" not in again.headers
    assert len(llm.asked) == 2


async def test_a_file_that_breaks_off_leaves_its_key_free(keyed: Keyed, services: Services) -> None:
    tts = ScriptedTTS(SpeechChunk(b"one"), error=ReplicaLost("The replica ended."))
    async with keyed.client(dataclasses.replace(services, tts=tts)) as client:
        for _ in range(2):
            with pytest.raises((RuntimeError, ReplicaLost)):
                await client.post("/v1/audio/speech", json=SPEECH, headers=KEY)
    assert len(tts.asked) == 2


async def test_a_form_with_another_boundary_is_the_same_request(
    keyed: Keyed, services: Services, speech_wav: bytes
) -> None:
    async with keyed.client(services) as client:
        answers = [
            await client.post(
                "/v1/audio/transcriptions",
                data={"model": "whisper-1"},
                files={"file": ("a.wav", speech_wav, "audio/wav")},
                headers=KEY,
            )
            for _ in range(2)
        ]
    assert [answer.status_code for answer in answers] == [200, 200]
    sent = [answer.request.headers["content-type"] for answer in answers]
    assert sent[0] != sent[1]
    assert answers[1].headers["idempotent-replayed"] == "true"
    assert answers[0].content == answers[1].content


async def test_another_file_in_the_form_is_another_request(keyed: Keyed, services: Services, speech_wav: bytes) -> None:
    async with keyed.client(services) as client:
        answers = [
            await client.post(
                "/v1/audio/transcriptions", data={"model": "whisper-1"}, files={"file": ("a.wav", data)}, headers=KEY
            )
            for data in (speech_wav, speech_wav[:-2] + b"\x01\x00")
        ]
    assert [answer.status_code for answer in answers] == [200, 422]
