"""Transcriptions and translations through the official client and by hand."""

import asyncio
import dataclasses
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

import httpx
import httpx2
import pytest
from openai import AsyncOpenAI, BadRequestError, NotFoundError
from starlette.types import Message

from smartlite.api.app import create_app
from smartlite.api.services import Services
from smartlite.domain.asr import (
    Segment,
    TranscribeRequest,
    TranscriptEvent,
    TranscriptFinished,
    TranscriptInfo,
    Word,
)
from smartlite.errors import AudioInvalid, ReplicaLost, SmartLiteError

SPOKEN: tuple[TranscriptEvent, ...] = (
    TranscriptInfo("en", 0.98, 3.5),
    Segment(0, 0.0, 1.5, " Hello, world.", (50364, 2425), 0, 0.0, -0.2, 1.1, 0.01, (Word("Hello,", 0.1, 0.6, 0.9),)),
    Segment(1, 1.5, 3.25, " How are you?", (50440, 1012), 0, 0.0, -0.3, 1.2, 0.02, (Word("you?", 2.9, 3.2, 0.8),)),
    TranscriptFinished(0.01, 0.2),
)
SILENCE: tuple[TranscriptEvent, ...] = (TranscriptInfo("en", 0.4, 2.0), TranscriptFinished(0.01, 0.02))
FILE = ("question.wav", b"RIFF....WAVE", "audio/wav")


@dataclass
class ScriptedASR:
    """An ASRStage that says what it was told to say, and notes what it was asked and that it was closed."""

    events: tuple[TranscriptEvent, ...] = SPOKEN
    error: SmartLiteError | None = None
    waits: bool = False
    asked: list[TranscribeRequest] = field(default_factory=list)
    working: asyncio.Event = field(default_factory=asyncio.Event)
    closed: bool = False

    async def transcribe(self, request: TranscribeRequest) -> AsyncGenerator[TranscriptEvent, None]:
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
def stage() -> ScriptedASR:
    return ScriptedASR()


@pytest.fixture
def app(services: Services, stage: ScriptedASR) -> Any:
    return create_app(dataclasses.replace(services, asr=stage))


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


async def test_json_has_the_text_the_language_and_the_seconds(openai: AsyncOpenAI) -> None:
    answer = await openai.audio.transcriptions.create(model="whisper-1", file=FILE)
    assert answer.text == "Hello, world. How are you?"
    assert answer.usage is not None
    assert answer.usage.type == "duration"
    assert answer.usage.seconds == 3.5
    assert [language.code for language in answer.languages or []] == ["en"]


async def test_verbose_json_has_every_field_of_its_segments_and_no_words_unless_asked(openai: AsyncOpenAI) -> None:
    answer = await openai.audio.transcriptions.create(model="whisper-1", file=FILE, response_format="verbose_json")
    assert (answer.language, answer.duration, answer.text) == ("english", 3.5, "Hello, world. How are you?")
    assert answer.words is None
    assert answer.segments is not None
    first = answer.segments[0].model_dump()
    assert first == {
        "id": 0,
        "seek": 0,
        "start": 0.0,
        "end": 1.5,
        "text": " Hello, world.",
        "tokens": [50364, 2425],
        "temperature": 0.0,
        "avg_logprob": -0.2,
        "compression_ratio": 1.1,
        "no_speech_prob": 0.01,
    }
    assert answer.usage is not None
    assert answer.usage.seconds == 3.5


async def test_words_are_listed_and_asked_of_the_stage_only_when_wanted(
    openai: AsyncOpenAI, stage: ScriptedASR
) -> None:
    answer = await openai.audio.transcriptions.create(
        model="whisper-1", file=FILE, response_format="verbose_json", timestamp_granularities=["word"]
    )
    assert [(word.word, word.start, word.end) for word in answer.words or []] == [
        ("Hello,", 0.1, 0.6),
        ("you?", 2.9, 3.2),
    ]
    assert answer.segments is None
    both = await openai.audio.transcriptions.create(
        model="whisper-1", file=FILE, response_format="verbose_json", timestamp_granularities=["word", "segment"]
    )
    assert len(both.words or []) == len(both.segments or []) == 2
    await openai.audio.transcriptions.create(model="whisper-1", file=FILE, timestamp_granularities=["word"])
    assert [asked.options.word_timestamps for asked in stage.asked] == [True, True, False]


async def test_text_srt_and_vtt_are_plain_bodies(openai: AsyncOpenAI, http: httpx.AsyncClient) -> None:
    create = openai.audio.transcriptions.create
    assert await create(model="whisper-1", file=FILE, response_format="text") == "Hello, world. How are you?\n"
    srt = await create(model="whisper-1", file=FILE, response_format="srt")
    assert srt.startswith("1\n00:00:00,000 --> 00:00:01,500\nHello, world.\n\n2\n")
    vtt = await create(model="whisper-1", file=FILE, response_format="vtt")
    assert vtt.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nHello, world.\n\n")
    kinds = {}
    for kind in ("text", "srt", "vtt"):
        sent = {"model": "whisper-1", "response_format": kind}
        kinds[kind] = (await http.post("/audio/transcriptions", data=sent, files={"file": FILE})).headers[
            "content-type"
        ]
    assert kinds == {
        "text": "text/plain; charset=utf-8",
        "srt": "application/x-subrip; charset=utf-8",
        "vtt": "text/vtt; charset=utf-8",
    }


async def test_the_stage_gets_the_served_id_the_options_and_the_recording(
    openai: AsyncOpenAI, stage: ScriptedASR, services: Services
) -> None:
    await openai.audio.transcriptions.create(
        model="whisper-1",
        file=FILE,
        language="en",
        prompt="SmartLite",
        temperature=0.4,
        chunking_strategy="auto",
        extra_body={"keywords": ["Ray"], "something_new": "x"},
    )
    asked = stage.asked[0]
    assert asked.model == services.models.resolve("whisper-1", "asr").id
    assert asked.audio.data == FILE[1]
    assert asked.audio.filename == "question.wav"
    options = asked.options
    assert (options.task, options.language, options.prompt, options.temperature) == (
        "transcribe",
        "en",
        "SmartLite",
        0.4,
    )


async def test_silence_is_an_empty_text_and_not_an_error(openai: AsyncOpenAI, stage: ScriptedASR) -> None:
    stage.events = SILENCE
    create = openai.audio.transcriptions.create
    answer = await create(model="whisper-1", file=FILE)
    assert (answer.text, answer.languages) == ("", [])
    verbose = await create(model="whisper-1", file=FILE, response_format="verbose_json")
    assert (verbose.text, verbose.segments, verbose.duration) == ("", [], 2.0)
    assert await create(model="whisper-1", file=FILE, response_format="srt") == ""
    assert await create(model="whisper-1", file=FILE, response_format="vtt") == "WEBVTT\n\n"
    events = [event async for event in await create(model="whisper-1", file=FILE, stream=True)]
    assert [(event.type, getattr(event, "text", None)) for event in events] == [("transcript.text.done", "")]


async def test_statistics_that_are_no_numbers_do_not_break_strict_clients(
    openai: AsyncOpenAI, stage: ScriptedASR
) -> None:
    odd = Segment(0, 0.0, 1.0, " x", avg_logprob=float("nan"), compression_ratio=float("inf"))
    stage.events = (SPOKEN[0], odd, SPOKEN[-1])
    answer = await openai.audio.transcriptions.create(model="whisper-1", file=FILE, response_format="verbose_json")
    assert answer.segments is not None
    assert (answer.segments[0].avg_logprob, answer.segments[0].compression_ratio) == (0.0, 0.0)


@pytest.mark.parametrize("response_format", ["json", "text"])
async def test_a_stream_sends_a_delta_for_each_segment_and_one_done(openai: AsyncOpenAI, response_format: Any) -> None:
    stream = await openai.audio.transcriptions.create(
        model="whisper-1", file=FILE, stream=True, response_format=response_format
    )
    events = [event async for event in stream]
    assert [event.type for event in events] == ["transcript.text.delta"] * 2 + ["transcript.text.done"]
    deltas = "".join(event.delta for event in events if event.type == "transcript.text.delta")
    assert events[-1].type == "transcript.text.done"
    assert deltas == events[-1].text == "Hello, world. How are you?"


async def test_server_timing_tells_decoding_and_recognition(http: httpx.AsyncClient) -> None:
    answer = await http.post("/audio/transcriptions", data={"model": "whisper-1"}, files={"file": FILE})
    assert "decode;dur=10.0" in answer.headers["server-timing"]
    assert "asr;dur=200.0" in answer.headers["server-timing"]


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # of the client: OpenAI's own models left the route
async def test_a_translation_is_asked_for_and_is_english(openai: AsyncOpenAI, stage: ScriptedASR) -> None:
    stage.events = (TranscriptInfo("fr", 0.9, 3.5), *SPOKEN[1:])
    create = openai.audio.translations.create
    assert (await create(model="whisper-1", file=FILE)).text == "Hello, world. How are you?"
    verbose = await create(model="whisper-1", file=FILE, response_format="verbose_json")
    assert (verbose.language, verbose.duration, len(verbose.segments or [])) == ("english", 3.5, 2)
    assert verbose.model_dump()["task"] == "translate"
    assert (await create(model="whisper-1", file=FILE, response_format="srt")).startswith("1\n")
    assert {asked.options.task for asked in stage.asked} == {"translate"}


BAD_FIELDS = [
    ({}, "missing_required_parameter", "model"),
    ({"model": ""}, "missing_required_parameter", "model"),
    ({"model": "whisper-1", "response_format": "xml"}, "invalid_value", "response_format"),
    ({"model": "whisper-1", "response_format": "diarized_json"}, "unsupported_parameter", "response_format"),
    ({"model": "whisper-1", "temperature": "abc"}, "invalid_type", "temperature"),
    ({"model": "whisper-1", "temperature": "NaN"}, "invalid_value", "temperature"),
    ({"model": "whisper-1", "temperature": "1.01"}, "invalid_value", "temperature"),
    ({"model": "whisper-1", "temperature": "1e999"}, "invalid_value", "temperature"),
    ({"model": "whisper-1", "include[]": "logprobs"}, "unsupported_parameter", "include"),
    ({"model": "whisper-1", "include": "everything"}, "invalid_value", "include[0]"),
    ({"model": "whisper-1", "timestamp_granularities[]": "syllable"}, "invalid_value", "timestamp_granularities[0]"),
    ({"model": "whisper-1", "stream": "perhaps"}, "invalid_type", "stream"),
    ({"model": "whisper-1", "stream": "true", "response_format": "srt"}, "unsupported_parameter", "stream"),
    ({"model": "whisper-1", "language": "x" * 65}, "invalid_value", "language"),
    ({"model": ["whisper-1", "whisper-1"]}, "invalid_value", "model"),
    ({"model": "whisper-1", "prompt": "a\0b"}, "invalid_value", "prompt"),
]


@pytest.mark.parametrize(("sent", "code", "param"), BAD_FIELDS)
async def test_a_bad_field_is_a_400_that_names_it(
    http: httpx.AsyncClient, stage: ScriptedASR, sent: dict[str, Any], code: str, param: str
) -> None:
    answer = await http.post("/audio/transcriptions", data=sent, files={"file": FILE})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["type"]) == (400, code, "invalid_request_error")
    assert error["param"] == param
    assert stage.asked == []


async def test_an_unknown_model_or_one_of_another_task_is_a_404(openai: AsyncOpenAI) -> None:
    for model in ("no-such-model", "tts-1"):
        with pytest.raises(NotFoundError) as caught:
            await openai.audio.transcriptions.create(model=model, file=FILE)
        assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


async def test_a_form_without_file_or_with_an_empty_one_is_a_400(openai: AsyncOpenAI, http: httpx.AsyncClient) -> None:
    with pytest.raises(BadRequestError) as caught:
        await openai.audio.transcriptions.create(model="whisper-1", file=("a.wav", b""))
    assert (caught.value.code, caught.value.param) == ("audio_empty", "file")
    answer = await http.post("/audio/transcriptions", files={"model": (None, "whisper-1")})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "missing_required_parameter")
    assert answer.json()["error"]["param"] == "file"


async def test_json_instead_of_a_form_is_a_415(http: httpx.AsyncClient) -> None:
    answer = await http.post("/audio/transcriptions", json={"model": "whisper-1"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_media_type")


async def test_an_upload_over_the_limit_is_a_413(http: httpx.AsyncClient, services: Services) -> None:
    large = b"R" * (services.settings.max_upload_bytes + 1)
    answer = await http.post("/audio/transcriptions", data={"model": "whisper-1"}, files={"file": ("a.wav", large)})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")


@pytest.mark.parametrize("stream", ["true", "false"])
async def test_an_error_of_the_stage_keeps_its_status_streamed_or_not(
    http: httpx.AsyncClient, stage: ScriptedASR, stream: str
) -> None:
    stage.events = ()
    stage.error = AudioInvalid("The file has no audio stream.", "file")
    answer = await http.post(
        "/audio/transcriptions", data={"model": "whisper-1", "stream": stream}, files={"file": FILE}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "audio_invalid")


async def test_an_error_in_the_middle_of_a_stream_is_its_last_event(
    http: httpx.AsyncClient, stage: ScriptedASR
) -> None:
    stage.events = SPOKEN[:2]
    stage.error = ReplicaLost("The replica was lost.")
    answer = await http.post(
        "/audio/transcriptions", data={"model": "whisper-1", "stream": "true"}, files={"file": FILE}
    )
    lines = [line for line in answer.text.split("\n\n") if line]
    assert json.loads(lines[-1].removeprefix("data: "))["error"]["code"] == "replica_lost"


async def test_a_stage_that_ends_too_early_is_a_500_and_not_half_a_text(
    http: httpx.AsyncClient, stage: ScriptedASR
) -> None:
    stage.events = SPOKEN[:2]
    answer = await http.post("/audio/transcriptions", data={"model": "whisper-1"}, files={"file": FILE})
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "engine_failed")


@pytest.mark.parametrize("stream", ["true", "false"])
async def test_the_work_stops_when_the_client_hangs_up(app: Any, stage: ScriptedASR, stream: str) -> None:
    stage.waits = True
    stage.events = SPOKEN[:2]
    request = httpx.Request(
        "POST",
        "http://test/v1/audio/transcriptions",
        data={"model": "whisper-1", "stream": stream},
        files={"file": FILE},
    )
    body: list[Message] = [{"type": "http.request", "body": request.read()}]

    async def receive() -> Message:
        if body:
            return body.pop()
        await stage.working.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        await asyncio.sleep(0)

    scope = {
        "type": "http",
        "method": "POST",
        "path": request.url.path,
        "raw_path": request.url.raw_path,
        "query_string": b"",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
    }
    async with asyncio.timeout(10):
        await app(scope, receive, send)
    assert stage.closed
