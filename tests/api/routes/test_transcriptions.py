"""Transcriptions and translations through the official client and by hand."""

import dataclasses
from typing import Any

import httpx
import pytest
from openai import AsyncOpenAI, BadRequestError, NotFoundError

from smartlite.api.app import create_app
from smartlite.api.services import Services
from smartlite.domain.asr import (
    Segment,
    TranscriptEvent,
    TranscriptFinished,
    TranscriptInfo,
    Word,
)
from smartlite.errors import AudioInvalid, ReplicaLost
from tests.api.scripted import Connection, ScriptedASR, events_of

SPOKEN: tuple[TranscriptEvent, ...] = (
    TranscriptInfo("en", 0.98, 3.5),
    Segment(0, 0.0, 1.5, " Hello, world.", (50364, 2425), 0, 0.0, -0.2, 1.1, 0.01, (Word("Hello,", 0.1, 0.6, 0.9),)),
    Segment(1, 1.5, 3.25, " How are you?", (50440, 1012), 0, 0.0, -0.3, 1.2, 0.02, (Word("you?", 2.9, 3.2, 0.8),)),
    TranscriptFinished(0.01, 0.2),
)
SILENCE: tuple[TranscriptEvent, ...] = (TranscriptInfo("en", 0.4, 2.0), TranscriptFinished(0.01, 0.02))
PATH = "/v1/audio/transcriptions"
FILE = ("question.wav", b"RIFF....WAVE", "audio/wav")


@pytest.fixture
def stage() -> ScriptedASR:
    return ScriptedASR(*SPOKEN)


@pytest.fixture
def app(services: Services, stage: ScriptedASR) -> Any:
    return create_app(dataclasses.replace(services, asr=stage))


async def test_json_has_the_text_the_language_and_the_seconds(openai_client: AsyncOpenAI) -> None:
    answer = await openai_client.audio.transcriptions.create(model="whisper-1", file=FILE)
    assert answer.text == "Hello, world. How are you?"
    assert answer.usage is not None
    assert answer.usage.type == "duration"
    assert answer.usage.seconds == 3.5
    assert [language.code for language in answer.languages or []] == ["en"]


async def test_verbose_json_has_every_field_of_its_segments_and_no_words_unless_asked(
    openai_client: AsyncOpenAI,
) -> None:
    answer = await openai_client.audio.transcriptions.create(
        model="whisper-1", file=FILE, response_format="verbose_json"
    )
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
    openai_client: AsyncOpenAI, stage: ScriptedASR
) -> None:
    answer = await openai_client.audio.transcriptions.create(
        model="whisper-1", file=FILE, response_format="verbose_json", timestamp_granularities=["word"]
    )
    assert [(word.word, word.start, word.end) for word in answer.words or []] == [
        ("Hello,", 0.1, 0.6),
        ("you?", 2.9, 3.2),
    ]
    assert answer.segments is None
    both = await openai_client.audio.transcriptions.create(
        model="whisper-1", file=FILE, response_format="verbose_json", timestamp_granularities=["word", "segment"]
    )
    assert len(both.words or []) == len(both.segments or []) == 2
    await openai_client.audio.transcriptions.create(model="whisper-1", file=FILE, timestamp_granularities=["word"])
    assert [asked.options.word_timestamps for asked in stage.asked] == [True, True, False]


async def test_text_srt_and_vtt_are_plain_bodies(openai_client: AsyncOpenAI, client: httpx.AsyncClient) -> None:
    create = openai_client.audio.transcriptions.create
    assert await create(model="whisper-1", file=FILE, response_format="text") == "Hello, world. How are you?\n"
    srt = await create(model="whisper-1", file=FILE, response_format="srt")
    assert srt.startswith("1\n00:00:00,000 --> 00:00:01,500\nHello, world.\n\n2\n")
    vtt = await create(model="whisper-1", file=FILE, response_format="vtt")
    assert vtt.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nHello, world.\n\n")
    kinds = {}
    for kind in ("text", "srt", "vtt"):
        sent = {"model": "whisper-1", "response_format": kind}
        answer = await client.post(PATH, data=sent, files={"file": FILE})
        kinds[kind] = answer.headers["content-type"]
    assert kinds == {
        "text": "text/plain; charset=utf-8",
        "srt": "application/x-subrip; charset=utf-8",
        "vtt": "text/vtt; charset=utf-8",
    }


async def test_the_stage_gets_the_served_id_the_options_and_the_recording(
    openai_client: AsyncOpenAI, stage: ScriptedASR, services: Services
) -> None:
    await openai_client.audio.transcriptions.create(
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


async def test_silence_is_an_empty_text_and_not_an_error(openai_client: AsyncOpenAI, stage: ScriptedASR) -> None:
    stage.events = SILENCE
    create = openai_client.audio.transcriptions.create
    answer = await create(model="whisper-1", file=FILE)
    assert (answer.text, answer.languages) == ("", [])
    verbose = await create(model="whisper-1", file=FILE, response_format="verbose_json")
    assert (verbose.text, verbose.segments, verbose.duration) == ("", [], 2.0)
    assert await create(model="whisper-1", file=FILE, response_format="srt") == ""
    assert await create(model="whisper-1", file=FILE, response_format="vtt") == "WEBVTT\n\n"
    events = [event async for event in await create(model="whisper-1", file=FILE, stream=True)]
    assert [(event.type, getattr(event, "text", None)) for event in events] == [("transcript.text.done", "")]


async def test_statistics_that_are_no_numbers_do_not_break_strict_clients(
    openai_client: AsyncOpenAI, stage: ScriptedASR
) -> None:
    odd = Segment(0, 0.0, 1.0, " x", avg_logprob=float("nan"), compression_ratio=float("inf"))
    stage.events = (SPOKEN[0], odd, SPOKEN[-1])
    answer = await openai_client.audio.transcriptions.create(
        model="whisper-1", file=FILE, response_format="verbose_json"
    )
    assert answer.segments is not None
    assert (answer.segments[0].avg_logprob, answer.segments[0].compression_ratio) == (0.0, 0.0)


@pytest.mark.parametrize("response_format", ["json", "text"])
async def test_a_stream_sends_a_delta_for_each_segment_and_one_done(
    openai_client: AsyncOpenAI, response_format: Any
) -> None:
    stream = await openai_client.audio.transcriptions.create(
        model="whisper-1", file=FILE, stream=True, response_format=response_format
    )
    events = [event async for event in stream]
    assert [event.type for event in events] == ["transcript.text.delta"] * 2 + ["transcript.text.done"]
    deltas = "".join(event.delta for event in events if event.type == "transcript.text.delta")
    assert events[-1].type == "transcript.text.done"
    assert deltas == events[-1].text == "Hello, world. How are you?"


async def test_server_timing_tells_decoding_and_recognition(client: httpx.AsyncClient) -> None:
    answer = await client.post(PATH, data={"model": "whisper-1"}, files={"file": FILE})
    assert "decode;dur=10.0" in answer.headers["server-timing"]
    assert "asr;dur=200.0" in answer.headers["server-timing"]


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # of the client: OpenAI's own models left the route
async def test_a_translation_is_asked_for_and_is_english(openai_client: AsyncOpenAI, stage: ScriptedASR) -> None:
    stage.events = (TranscriptInfo("fr", 0.9, 3.5), *SPOKEN[1:])
    create = openai_client.audio.translations.create
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
    ({"model": "whisper-1", "include[]": "logprobs", "response_format": "text"}, "unsupported_parameter", "include"),
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
    client: httpx.AsyncClient, stage: ScriptedASR, sent: dict[str, Any], code: str, param: str
) -> None:
    answer = await client.post(PATH, data=sent, files={"file": FILE})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["type"]) == (400, code, "invalid_request_error")
    assert error["param"] == param
    assert stage.asked == []


async def test_an_unknown_model_or_one_of_another_task_is_a_404(openai_client: AsyncOpenAI) -> None:
    for model in ("no-such-model", "tts-1"):
        with pytest.raises(NotFoundError) as caught:
            await openai_client.audio.transcriptions.create(model=model, file=FILE)
        assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


async def test_a_form_without_file_or_with_an_empty_one_is_a_400(
    openai_client: AsyncOpenAI, client: httpx.AsyncClient
) -> None:
    with pytest.raises(BadRequestError) as caught:
        await openai_client.audio.transcriptions.create(model="whisper-1", file=("a.wav", b""))
    assert (caught.value.code, caught.value.param) == ("audio_empty", "file")
    answer = await client.post(PATH, files={"model": (None, "whisper-1")})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "missing_required_parameter")
    assert answer.json()["error"]["param"] == "file"


async def test_json_instead_of_a_form_is_a_415(client: httpx.AsyncClient) -> None:
    answer = await client.post(PATH, json={"model": "whisper-1"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_media_type")


async def test_an_upload_over_the_limit_is_a_413(client: httpx.AsyncClient, services: Services) -> None:
    large = b"R" * (services.settings.max_upload_bytes + 1)
    answer = await client.post(PATH, data={"model": "whisper-1"}, files={"file": ("a.wav", large)})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")


@pytest.mark.parametrize("stream", ["true", "false"])
async def test_an_error_of_the_stage_keeps_its_status_streamed_or_not(
    client: httpx.AsyncClient, stage: ScriptedASR, stream: str
) -> None:
    stage.events, stage.error = (), AudioInvalid("The file has no audio stream.", "file")
    answer = await client.post(PATH, data={"model": "whisper-1", "stream": stream}, files={"file": FILE})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "audio_invalid")


async def test_an_error_in_the_middle_of_a_stream_is_its_last_event(
    client: httpx.AsyncClient, stage: ScriptedASR
) -> None:
    stage.events, stage.error = SPOKEN[:2], ReplicaLost("The replica was lost.")
    answer = await client.post(PATH, data={"model": "whisper-1", "stream": "true"}, files={"file": FILE})
    assert events_of(answer)[-1]["error"]["code"] == "replica_lost"


async def test_a_stage_that_ends_too_early_is_a_500_and_not_half_a_text(
    client: httpx.AsyncClient, stage: ScriptedASR
) -> None:
    stage.events = SPOKEN[:2]
    answer = await client.post(PATH, data={"model": "whisper-1"}, files={"file": FILE})
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "engine_failed")


@pytest.mark.parametrize("stream", ["true", "false"])
async def test_the_work_stops_when_the_client_hangs_up(app: Any, stage: ScriptedASR, stream: str) -> None:
    stage.events, stage.waits = SPOKEN[:2], True
    sent = {"model": "whisper-1", "stream": stream}
    request = httpx.Request("POST", f"http://gateway{PATH}", data=sent, files={"file": FILE})
    await Connection(request, stage.working).run(app)
    assert stage.closed.is_set()
