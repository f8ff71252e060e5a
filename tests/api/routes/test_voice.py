"""Voice turns: the JSON answer, the events, and what goes wrong."""

import base64
import dataclasses
from typing import Any

import httpx
import pytest

from smartlite.api.app import create_app
from smartlite.api.services import Services
from smartlite.domain.pipeline import (
    TurnAudio,
    TurnDone,
    TurnEvent,
    TurnReplyDelta,
    TurnTranscript,
)
from smartlite.domain.usage import TokenUsage, TurnUsage
from smartlite.errors import NoSpeech, ReplicaLost
from tests.api.scripted import Connection, ScriptedPipeline, events_of

TIMINGS = {"asr": 0.2, "llm_first_token": 0.1, "llm": 0.5, "tts": 0.3, "first_audio": 0.45, "total": 0.9}
TURN: tuple[TurnEvent, ...] = (
    TurnTranscript("What time is it?", "en", 1.5),
    TurnReplyDelta("It is"),
    TurnAudio(b"one "),
    TurnReplyDelta(" noon."),
    TurnAudio(b"two"),
    TurnDone("It is noon.", 0.8, TIMINGS, TurnUsage(1.5, TokenUsage(20, 4), 11, 0.8)),
)
USAGE = {
    "audio_input_s": 1.5,
    "prompt_tokens": 20,
    "completion_tokens": 4,
    "total_tokens": 24,
    "characters": 11,
    "audio_output_s": 0.8,
}
PATH = "/v1/voice/turns"
FILES = {"file": ("question.wav", b"RIFF....WAVE", "audio/wav")}


@pytest.fixture
def stage() -> ScriptedPipeline:
    return ScriptedPipeline(*TURN)


@pytest.fixture
def app(services: Services, stage: ScriptedPipeline) -> Any:
    return create_app(dataclasses.replace(services, pipeline=stage))


async def test_a_turn_is_answered_with_text_speech_times_and_usage(client: httpx.AsyncClient) -> None:
    answer = await client.post(PATH, files=FILES)
    assert answer.status_code == 200
    body = answer.json()
    assert body.pop("id").startswith("turn_")
    assert body == {
        "object": "voice.turn",
        "transcript": {"text": "What time is it?", "language": "en", "duration_s": 1.5},
        "reply": {"text": "It is noon."},
        "audio": {"format": "mp3", "data": base64.b64encode(b"one two").decode(), "duration_s": 0.8},
        "timings": TIMINGS,
        "usage": USAGE,
    }
    assert "asr;dur=200.0" in answer.headers["server-timing"]
    assert "llm;dur=500.0" in answer.headers["server-timing"]
    assert "tts;dur=300.0" in answer.headers["server-timing"]
    assert answer.headers["server-timing"].count("total;dur=") == 1


async def test_a_stream_sends_each_event_as_it_happens_under_one_id(client: httpx.AsyncClient) -> None:
    answer = await client.post(PATH, files=FILES, data={"stream": "true", "response_format": "pcm"})
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "asr;dur=" in answer.headers["server-timing"]
    events = events_of(answer)
    ids = {event.pop("id") for event in events}
    assert len(ids) == 1
    assert ids.pop().startswith("turn_")
    assert events == [
        {"type": "turn.transcript.done", "text": "What time is it?", "language": "en", "duration_s": 1.5},
        {"type": "turn.reply.delta", "delta": "It is"},
        {"type": "turn.audio.delta", "format": "pcm", "audio": base64.b64encode(b"one ").decode()},
        {"type": "turn.reply.delta", "delta": " noon."},
        {"type": "turn.audio.delta", "format": "pcm", "audio": base64.b64encode(b"two").decode()},
        {
            "type": "turn.done",
            "reply": {"text": "It is noon."},
            "audio": {"format": "pcm", "duration_s": 0.8},
            "timings": TIMINGS,
            "usage": USAGE,
        },
    ]


async def test_the_stage_gets_the_default_models_and_the_first_voice(
    client: httpx.AsyncClient, stage: ScriptedPipeline, services: Services
) -> None:
    await client.post(PATH, files=FILES)
    asked, models = stage.asked[0], services.models
    assert (asked.asr_model, asked.llm_model) == (models.default("asr").id, models.default("llm").id)
    assert (asked.tts_model, asked.voice) == (models.default("tts").id, models.default("tts").voices[0].id)
    assert (asked.format, asked.language, asked.instructions) == ("mp3", None, None)
    assert asked.audio.data == FILES["file"][1]


async def test_the_stage_gets_what_the_form_says_by_served_ids(
    client: httpx.AsyncClient, stage: ScriptedPipeline, services: Services
) -> None:
    sent = {
        "asr_model": "whisper-1",
        "llm_model": services.models.default("llm").id,
        "tts_model": "tts-1",
        "voice": "alloy",
        "language": "en",
        "instructions": "Be brief.",
        "response_format": "flac",
    }
    await client.post(PATH, files=FILES, data=sent)
    asked = stage.asked[0]
    assert asked.asr_model == services.models.resolve("whisper-1", "asr").id
    assert asked.tts_model == services.models.resolve("tts-1", "tts").id
    assert (asked.format, asked.language, asked.instructions) == ("flac", "en", "Be brief.")


async def test_only_a_turn_that_is_not_streamed_asks_for_one_finished_file(
    client: httpx.AsyncClient, stage: ScriptedPipeline
) -> None:
    await client.post(PATH, files=FILES)
    await client.post(PATH, files=FILES, data={"stream": "true"})
    assert [asked.whole for asked in stage.asked] == [True, False]


@pytest.mark.parametrize(
    ("sent", "status", "code", "param"),
    [
        ({"asr_model": "tts-1"}, 404, "model_not_found", "asr_model"),
        ({"llm_model": "no-such-model"}, 404, "model_not_found", "llm_model"),
        ({"tts_model": "whisper-1"}, 404, "model_not_found", "tts_model"),
        ({"voice": "no-such-voice"}, 400, "voice_not_found", "voice"),
        ({"response_format": "ogg"}, 400, "invalid_value", "response_format"),
        ({"stream": "perhaps"}, 400, "invalid_type", "stream"),
        ({"instructions": "x" * 16_385}, 400, "invalid_value", "instructions"),
    ],
)
async def test_a_bad_field_is_refused_before_any_work(
    client: httpx.AsyncClient, stage: ScriptedPipeline, sent: dict[str, str], status: int, code: str, param: str
) -> None:
    answer = await client.post(PATH, files=FILES, data=sent)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (status, code, param)
    assert stage.asked == []


@pytest.mark.parametrize("stream", ["true", "false"])
async def test_a_recording_without_speech_keeps_its_status_streamed_or_not(
    client: httpx.AsyncClient, stage: ScriptedPipeline, stream: str
) -> None:
    stage.events, stage.error = (), NoSpeech("No speech was found in 'file'.", "file")
    answer = await client.post(PATH, files=FILES, data={"stream": stream})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "no_speech")


async def test_a_failure_in_the_middle_is_an_error_event_in_a_stream_and_a_status_without(
    client: httpx.AsyncClient, stage: ScriptedPipeline
) -> None:
    stage.events, stage.error = TURN[:3], ReplicaLost("The tts replica was lost.")
    events = events_of(await client.post(PATH, files=FILES, data={"stream": "true"}))
    assert [event["type"] for event in events] == [
        "turn.transcript.done",
        "turn.reply.delta",
        "turn.audio.delta",
        "error",
    ]
    assert events[-1]["error"]["code"] == "replica_lost"
    assert events[-1]["id"] == events[0]["id"]
    answer = await client.post(PATH, files=FILES)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "replica_lost")
    assert answer.headers["retry-after"] == "1"


async def test_a_turn_that_ends_too_early_is_a_failure_streamed_or_not(
    client: httpx.AsyncClient, stage: ScriptedPipeline
) -> None:
    stage.events = TURN[:3]
    answer = await client.post(PATH, files=FILES)
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "engine_failed")
    events = events_of(await client.post(PATH, files=FILES, data={"stream": "true"}))
    assert (events[-1]["type"], events[-1]["error"]["code"]) == ("error", "engine_failed")


@pytest.mark.parametrize("stream", ["true", "false"])
async def test_the_work_stops_when_the_client_hangs_up(app: Any, stage: ScriptedPipeline, stream: str) -> None:
    stage.events, stage.waits = TURN[:2], True
    request = httpx.Request("POST", f"http://gateway{PATH}", data={"stream": stream}, files=FILES)
    await Connection(request, stage.working).run(app)
    assert stage.closed.is_set()


async def test_openapi_describes_the_form_and_the_errors(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    for path in ("/v1/voice/turns", "/v1/audio/transcriptions", "/v1/audio/translations"):
        operation = document["paths"][path]["post"]
        properties = operation["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]
        assert properties["file"]["format"] == "binary"
        assert "response_format" in properties
        assert {"400", "404", "413", "415", "422", "429", "503"} <= set(operation["responses"])
    speech = document["paths"]["/v1/audio/speech"]["post"]["requestBody"]["content"]["application/json"]
    assert {"model", "voice", "input"} <= set(next(iter(speech["examples"].values()))["value"])
