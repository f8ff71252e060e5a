"""Speech through the official client and by hand."""

import asyncio
import base64
import dataclasses
import json
from typing import Any, get_args

import httpx
import pytest
from openai import AsyncOpenAI, BadRequestError, NotFoundError

from smartlite.api.app import create_app
from smartlite.api.services import Services
from smartlite.domain.audio import CONTENT_TYPES, AudioFormat
from smartlite.domain.tts import SpeechChunk, SpeechEvent, SpeechFinished
from smartlite.errors import Overloaded, ReplicaLost, SmartLiteError
from tests.api.scripted import Connection, ScriptedTTS, events_of

SPOKEN: tuple[SpeechEvent, ...] = (
    SpeechChunk(b"one "),
    SpeechChunk(b"two "),
    SpeechChunk(b"three"),
    SpeechFinished(1.25, 11, 22, 0.05, 0.3),
)
PATH = "/v1/audio/speech"
BODY: dict[str, Any] = {"model": "tts-1", "voice": "alloy", "input": "Hello there"}


@pytest.fixture
def stage() -> ScriptedTTS:
    return ScriptedTTS(*SPOKEN)


@pytest.fixture
def app(services: Services, stage: ScriptedTTS) -> Any:
    return create_app(dataclasses.replace(services, tts=stage))


@pytest.mark.parametrize("response_format", get_args(AudioFormat))
async def test_every_format_comes_with_its_content_type_in_one_piece(
    openai_client: AsyncOpenAI, stage: ScriptedTTS, response_format: Any
) -> None:
    async with openai_client.audio.speech.with_streaming_response.create(
        model="tts-1", voice="alloy", input="Hello there", response_format=response_format
    ) as answer:
        data = b"".join([chunk async for chunk in answer.iter_bytes()])
        assert answer.headers["content-type"] == CONTENT_TYPES[response_format]
        assert "tts_first_audio;dur=" in answer.headers["server-timing"]
    assert data == b"one two three"
    assert stage.asked[0].format == response_format
    assert stage.closed.is_set()


async def test_mp3_at_normal_speed_is_what_is_made_when_nothing_is_said(
    client: httpx.AsyncClient, stage: ScriptedTTS, services: Services
) -> None:
    answer = await client.post(PATH, json=BODY | {"instructions": "Whisper.", "something_new": 1})
    assert (answer.status_code, answer.content) == (200, b"one two three")
    asked = stage.asked[0]
    model = services.models.resolve("tts-1", "tts")
    assert (asked.text, asked.model, asked.format) == ("Hello there", model.id, "mp3")
    assert asked.options.speed == 1.0
    assert asked.options.voice in {voice.id for voice in model.voices}


async def test_a_voice_may_be_an_object_and_the_speed_is_passed_on(
    openai_client: AsyncOpenAI, stage: ScriptedTTS
) -> None:
    await openai_client.audio.speech.create(model="tts-1", voice={"id": "alloy"}, input="Hi", speed=4)
    await openai_client.audio.speech.create(model="tts-1", voice="alloy", input="Hi", speed=0.25)
    assert stage.asked[0].options.voice == stage.asked[1].options.voice
    assert [asked.options.speed for asked in stage.asked] == [4.0, 0.25]


async def test_sse_carries_the_same_bytes_and_ends_with_true_usage(client: httpx.AsyncClient) -> None:
    answer = await client.post(PATH, json=BODY | {"stream_format": "sse"})
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = events_of(answer)
    assert [event["type"] for event in events] == ["speech.audio.delta"] * 3 + ["speech.audio.done"]
    assert b"".join(base64.b64decode(event["audio"]) for event in events[:-1]) == b"one two three"
    usage = {"input_tokens": 22, "output_tokens": 62, "total_tokens": 84, "characters": 11, "seconds": 1.25}
    assert events[-1]["usage"] == usage


BAD_BODIES = [
    ({"input": ""}, "text_empty", "input"),
    ({"input": " \n\t\u3000"}, "text_empty", "input"),
    ({"input": None}, "invalid_type", "input"),
    ({"input": 12}, "invalid_type", "input"),
    ({"model": ""}, "invalid_value", "model"),
    ({"model": 1}, "invalid_type", "model"),
    ({"voice": "no-such-voice"}, "voice_not_found", "voice"),
    ({"voice": ""}, "invalid_value", "voice"),
    ({"voice": {}}, "missing_required_parameter", "voice.id"),
    ({"voice": 7}, "invalid_type", "voice"),
    ({"speed": 0.24}, "invalid_value", "speed"),
    ({"speed": 4.01}, "invalid_value", "speed"),
    ({"speed": "1"}, "invalid_type", "speed"),
    ({"speed": True}, "invalid_type", "speed"),
    ({"response_format": "ogg"}, "invalid_value", "response_format"),
    ({"stream_format": "websocket"}, "invalid_value", "stream_format"),
    ({"instructions": "x" * 4097}, "invalid_value", "instructions"),
]


@pytest.mark.parametrize(("change", "code", "param"), BAD_BODIES)
async def test_a_bad_field_is_a_400_that_names_it(
    client: httpx.AsyncClient, stage: ScriptedTTS, change: dict[str, Any], code: str, param: str
) -> None:
    answer = await client.post(PATH, json=BODY | change)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, code, param)
    assert stage.asked == []


HOSTILE_BODIES = [
    (b"", "application/json", 400),
    (b"[]", "application/json", 400),
    (b'{"input": "Hi"', "application/json", 400),
    (b'{"model": "tts-1", "voice": "alloy", "input": "\\udc80"}', "application/json", 400),
    (b'{"model": "tts-1", "voice": "alloy", "input": "a\\u0000b"}', "application/json", 400),
    (b'{"model": "tts-1", "voice": "alloy", "input": "Hi", "speed": NaN}', "application/json", 400),
    (b'{"model": "tts-1", "voice": "alloy", "input": "Hi", "speed": 1e400}', "application/json", 400),
    (
        b'{"model": "tts-1", "voice": ' + b'{"id": ' * 900 + b"1" + b"}" * 900 + b', "input": "Hi"}',
        "application/json",
        400,
    ),
    (b'{"input": "' + b"x" * 1_100_000 + b'"}', "application/json", 413),
    (json.dumps(BODY).encode("utf-16"), "application/json", 400),
    (json.dumps(BODY).encode(), "text/plain", 415),
    (b"input=Hi", "application/x-www-form-urlencoded", 415),
]


@pytest.mark.parametrize(("body", "content_type", "status"), HOSTILE_BODIES)
async def test_a_hostile_body_gets_its_own_answer_and_reaches_no_stage(
    client: httpx.AsyncClient, stage: ScriptedTTS, body: bytes, content_type: str, status: int
) -> None:
    answer = await client.post(PATH, content=body, headers={"content-type": content_type})
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    assert stage.asked == []


@pytest.mark.parametrize("name", ["model", "input", "voice"])
async def test_a_missing_field_is_a_400_that_names_it(client: httpx.AsyncClient, name: str) -> None:
    answer = await client.post(PATH, json={key: value for key, value in BODY.items() if key != name})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "missing_required_parameter", name)


async def test_the_longest_text_is_spoken_and_one_character_more_is_refused_with_the_limit(
    openai_client: AsyncOpenAI, services: Services, stage: ScriptedTTS
) -> None:
    limit = services.settings.max_speech_characters
    await openai_client.audio.speech.create(model="tts-1", voice="alloy", input="ä" * limit)
    with pytest.raises(BadRequestError) as caught:
        await openai_client.audio.speech.create(model="tts-1", voice="alloy", input="ä" * (limit + 1))
    assert (caught.value.code, caught.value.param) == ("string_above_max_length", "input")
    assert str(limit) in caught.value.message
    assert len(stage.asked) == 1


async def test_an_unknown_model_or_one_of_another_task_is_a_404(openai_client: AsyncOpenAI) -> None:
    for model in ("no-such-model", "whisper-1"):
        with pytest.raises(NotFoundError) as caught:
            await openai_client.audio.speech.create(model=model, voice="alloy", input="Hi")
        assert caught.value.code == "model_not_found"


@pytest.mark.parametrize("stream_format", ["audio", "sse"])
async def test_an_error_before_the_first_audio_keeps_its_status(
    client: httpx.AsyncClient, stage: ScriptedTTS, stream_format: str
) -> None:
    stage.events, stage.error = (), Overloaded("The tts stage is busy.")
    answer = await client.post(PATH, json=BODY | {"stream_format": stream_format})
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "server_overloaded")
    assert answer.headers["retry-after"] == "1"


async def test_a_stage_without_any_audio_is_a_500_and_not_an_empty_file(
    client: httpx.AsyncClient, stage: ScriptedTTS
) -> None:
    stage.events = ()
    answer = await client.post(PATH, json=BODY)
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "engine_failed")


async def test_an_error_in_the_middle_of_sse_is_its_last_event(client: httpx.AsyncClient, stage: ScriptedTTS) -> None:
    stage.events, stage.error = SPOKEN[:2], ReplicaLost("The replica was lost.")
    answer = await client.post(PATH, json=BODY | {"stream_format": "sse"})
    assert events_of(answer)[-1]["error"]["code"] == "replica_lost"


def posting(body: dict[str, Any], hangs_up: asyncio.Event) -> Connection:
    return Connection(httpx.Request("POST", f"http://gateway{PATH}", json=body), hangs_up)


@pytest.mark.parametrize("ends_early", [False, True])
async def test_a_failure_in_the_middle_of_a_file_cuts_the_connection(
    app: Any, stage: ScriptedTTS, ends_early: bool
) -> None:
    stage.events, stage.error = SPOKEN[:2], None if ends_early else ReplicaLost("The replica was lost.")
    connection = posting(BODY, asyncio.Event())
    with pytest.raises((RuntimeError, SmartLiteError)):
        await connection.run(app)
    assert connection.body == b"one two "
    assert not connection.is_complete


@pytest.mark.parametrize("stream_format", ["audio", "sse"])
@pytest.mark.parametrize("events", [(), SPOKEN[:1]], ids=["before the first audio", "after it"])
async def test_the_work_stops_when_the_client_hangs_up(
    app: Any, stage: ScriptedTTS, stream_format: str, events: tuple[SpeechEvent, ...]
) -> None:
    stage.events, stage.waits = events, True
    connection = posting(BODY | {"stream_format": stream_format}, stage.working)
    await connection.run(app)
    assert stage.closed.is_set()
    assert not any(status >= 500 for status in connection.statuses)


async def test_audio_is_sent_before_the_rest_of_it_is_made(app: Any, stage: ScriptedTTS) -> None:
    stage.events, stage.waits = SPOKEN[:1], True
    hangs_up = asyncio.Event()
    connection = posting(BODY, hangs_up)
    answering = asyncio.create_task(connection.run(app))
    async with asyncio.timeout(10):
        await stage.working.wait()
        assert connection.body == b"one "
        hangs_up.set()
        await answering
