"""Speech through the official client and by hand."""

import asyncio
import base64
import dataclasses
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any, get_args

import httpx
import httpx2
import pytest
from openai import AsyncOpenAI, BadRequestError, NotFoundError
from starlette.types import Message

from smartlite.api.app import create_app
from smartlite.api.services import Services
from smartlite.domain.audio import CONTENT_TYPES, AudioFormat
from smartlite.domain.tts import SpeakRequest, SpeechChunk, SpeechEvent, SpeechFinished
from smartlite.errors import Overloaded, ReplicaLost, SmartLiteError

SPOKEN: tuple[SpeechEvent, ...] = (
    SpeechChunk(b"one "),
    SpeechChunk(b"two "),
    SpeechChunk(b"three"),
    SpeechFinished(1.25, 11, 0.05, 0.3),
)
BODY: dict[str, Any] = {"model": "tts-1", "voice": "alloy", "input": "Hello there"}


@dataclass
class ScriptedTTS:
    """A TTSStage that gives what it was told to give, and notes what it was asked and that it was closed."""

    events: tuple[SpeechEvent, ...] = SPOKEN
    error: SmartLiteError | None = None
    waits: bool = False
    asked: list[SpeakRequest] = field(default_factory=list)
    working: asyncio.Event = field(default_factory=asyncio.Event)
    closed: bool = False

    async def speak(self, request: SpeakRequest) -> AsyncGenerator[SpeechEvent, None]:
        self.asked.append(request)
        try:
            for event in self.events:
                yield event
            self.working.set()
            if self.waits:
                await asyncio.Event().wait()
            if self.error is not None:
                raise self.error
        finally:
            self.closed = True


@pytest.fixture
def stage() -> ScriptedTTS:
    return ScriptedTTS()


@pytest.fixture
def app(services: Services, stage: ScriptedTTS) -> Any:
    return create_app(dataclasses.replace(services, tts=stage))


@pytest.fixture
async def http(app: Any) -> AsyncGenerator[httpx.AsyncClient, None]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test/v1") as client:
        yield client


@pytest.fixture
async def openai(app: Any) -> AsyncGenerator[AsyncOpenAI, None]:
    async with AsyncOpenAI(
        base_url="http://test/v1",
        api_key="none",
        max_retries=0,
        http_client=httpx2.AsyncClient(transport=httpx2.ASGITransport(app)),
        _strict_response_validation=True,
    ) as client:
        yield client


@pytest.mark.parametrize("response_format", get_args(AudioFormat))
async def test_every_format_comes_with_its_content_type_in_one_piece(
    openai: AsyncOpenAI, stage: ScriptedTTS, response_format: Any
) -> None:
    async with openai.audio.speech.with_streaming_response.create(
        model="tts-1", voice="alloy", input="Hello there", response_format=response_format
    ) as answer:
        data = b"".join([chunk async for chunk in answer.iter_bytes()])
        assert answer.headers["content-type"] == CONTENT_TYPES[response_format]
        assert "tts_first_audio;dur=" in answer.headers["server-timing"]
    assert data == b"one two three"
    assert stage.asked[0].format == response_format
    assert stage.closed


async def test_mp3_at_normal_speed_is_what_is_made_when_nothing_is_said(
    http: httpx.AsyncClient, stage: ScriptedTTS, services: Services
) -> None:
    answer = await http.post("/audio/speech", json=BODY | {"instructions": "Whisper.", "something_new": 1})
    assert (answer.status_code, answer.content) == (200, b"one two three")
    asked = stage.asked[0]
    model = services.models.resolve("tts-1", "tts")
    assert (asked.text, asked.model, asked.format) == ("Hello there", model.id, "mp3")
    assert asked.options.speed == 1.0
    assert asked.options.voice in {voice.id for voice in model.voices}


async def test_a_voice_may_be_an_object_and_the_speed_is_passed_on(openai: AsyncOpenAI, stage: ScriptedTTS) -> None:
    await openai.audio.speech.create(model="tts-1", voice={"id": "alloy"}, input="Hi", speed=4)
    await openai.audio.speech.create(model="tts-1", voice="alloy", input="Hi", speed=0.25)
    assert stage.asked[0].options.voice == stage.asked[1].options.voice
    assert [asked.options.speed for asked in stage.asked] == [4.0, 0.25]


async def test_sse_carries_the_same_bytes_and_ends_with_true_usage(http: httpx.AsyncClient) -> None:
    answer = await http.post("/audio/speech", json=BODY | {"stream_format": "sse"})
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [json.loads(line.removeprefix("data: ")) for line in answer.text.split("\n\n") if line]
    assert [event["type"] for event in events] == ["speech.audio.delta"] * 3 + ["speech.audio.done"]
    assert b"".join(base64.b64decode(event["audio"]) for event in events[:-1]) == b"one two three"
    assert events[-1]["usage"] == {"type": "characters", "characters": 11, "seconds": 1.25}


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
    http: httpx.AsyncClient, stage: ScriptedTTS, change: dict[str, Any], code: str, param: str
) -> None:
    answer = await http.post("/audio/speech", json=BODY | change)
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
    http: httpx.AsyncClient, stage: ScriptedTTS, body: bytes, content_type: str, status: int
) -> None:
    answer = await http.post("/audio/speech", content=body, headers={"content-type": content_type})
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    assert stage.asked == []


@pytest.mark.parametrize("name", ["model", "input", "voice"])
async def test_a_missing_field_is_a_400_that_names_it(http: httpx.AsyncClient, name: str) -> None:
    answer = await http.post("/audio/speech", json={key: value for key, value in BODY.items() if key != name})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "missing_required_parameter", name)


async def test_the_longest_text_is_spoken_and_one_character_more_is_refused_with_the_limit(
    openai: AsyncOpenAI, services: Services, stage: ScriptedTTS
) -> None:
    limit = services.settings.max_speech_characters
    await openai.audio.speech.create(model="tts-1", voice="alloy", input="ä" * limit)
    with pytest.raises(BadRequestError) as caught:
        await openai.audio.speech.create(model="tts-1", voice="alloy", input="ä" * (limit + 1))
    assert (caught.value.code, caught.value.param) == ("string_above_max_length", "input")
    assert str(limit) in caught.value.message
    assert len(stage.asked) == 1


async def test_an_unknown_model_or_one_of_another_task_is_a_404(openai: AsyncOpenAI) -> None:
    for model in ("no-such-model", "whisper-1"):
        with pytest.raises(NotFoundError) as caught:
            await openai.audio.speech.create(model=model, voice="alloy", input="Hi")
        assert caught.value.code == "model_not_found"


@pytest.mark.parametrize("stream_format", ["audio", "sse"])
async def test_an_error_before_the_first_audio_keeps_its_status(
    http: httpx.AsyncClient, stage: ScriptedTTS, stream_format: str
) -> None:
    stage.events, stage.error = (), Overloaded("The tts stage is busy.")
    answer = await http.post("/audio/speech", json=BODY | {"stream_format": stream_format})
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "server_overloaded")
    assert answer.headers["retry-after"] == "1"


async def test_a_stage_without_any_audio_is_a_500_and_not_an_empty_file(
    http: httpx.AsyncClient, stage: ScriptedTTS
) -> None:
    stage.events = ()
    answer = await http.post("/audio/speech", json=BODY)
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "engine_failed")


async def test_an_error_in_the_middle_of_sse_is_its_last_event(http: httpx.AsyncClient, stage: ScriptedTTS) -> None:
    stage.events, stage.error = SPOKEN[:2], ReplicaLost("The replica was lost.")
    answer = await http.post("/audio/speech", json=BODY | {"stream_format": "sse"})
    last = [line for line in answer.text.split("\n\n") if line][-1]
    assert json.loads(last.removeprefix("data: "))["error"]["code"] == "replica_lost"


class Connection:
    """A hand-made ASGI connection that posts BODY and hangs up when it is told to."""

    def __init__(self, body: dict[str, Any], hangs_up: asyncio.Event) -> None:
        self._body: bytes | None = json.dumps(body).encode()
        self._hangs_up = hangs_up
        self.sent: list[Message] = []
        self.scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/audio/speech",
            "raw_path": b"/v1/audio/speech",
            "query_string": b"",
            "headers": [(b"host", b"test"), (b"content-type", b"application/json")],
        }

    async def receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body}
        await self._hangs_up.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)
        await asyncio.sleep(0)

    @property
    def audio(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)

    @property
    def is_complete(self) -> bool:
        return any(message["type"] == "http.response.body" and not message.get("more_body") for message in self.sent)


@pytest.mark.parametrize("ends_early", [False, True])
async def test_a_failure_in_the_middle_of_a_file_cuts_the_connection(
    app: Any, stage: ScriptedTTS, ends_early: bool
) -> None:
    stage.events, stage.error = SPOKEN[:2], None if ends_early else ReplicaLost("The replica was lost.")
    connection = Connection(BODY, asyncio.Event())
    with pytest.raises((RuntimeError, SmartLiteError)):
        await app(connection.scope, connection.receive, connection.send)
    assert connection.audio == b"one two "
    assert not connection.is_complete


@pytest.mark.parametrize("stream_format", ["audio", "sse"])
@pytest.mark.parametrize("events", [(), SPOKEN[:1]], ids=["before the first audio", "after it"])
async def test_the_work_stops_when_the_client_hangs_up(
    app: Any, stage: ScriptedTTS, stream_format: str, events: tuple[SpeechEvent, ...]
) -> None:
    stage.events, stage.waits = events, True
    connection = Connection(BODY | {"stream_format": stream_format}, stage.working)
    async with asyncio.timeout(10):
        await app(connection.scope, connection.receive, connection.send)
    assert stage.closed
    assert not any(message.get("status", 200) >= 500 for message in connection.sent)


async def test_audio_is_sent_before_the_rest_of_it_is_made(app: Any, stage: ScriptedTTS) -> None:
    stage.events, stage.waits = SPOKEN[:1], True
    hangs_up = asyncio.Event()
    connection = Connection(BODY, hangs_up)
    answering = asyncio.create_task(app(connection.scope, connection.receive, connection.send))
    async with asyncio.timeout(10):
        await stage.working.wait()
        assert connection.audio == b"one "
        hangs_up.set()
        await answering
