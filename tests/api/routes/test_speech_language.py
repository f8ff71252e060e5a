"""Which voice speaks a text, and how the answer tells of it."""

import dataclasses
from typing import Any

import httpx
import pytest

from smartlite.api.app import create_app
from smartlite.api.services import Services
from smartlite.domain.models import ModelDirectory, ServedModel, Voice
from smartlite.domain.tts import SpeechChunk, SpeechFinished
from tests.api.scripted import ScriptedTTS

PATH = "/v1/audio/speech"
JOE = Voice("joe", "Joe", "en-US", ("alloy",))
KUMO = Voice("kumo", "Kumo", "ja-JP", ("alloy",), ("ja-JP", "en-US", "de-DE"))
PLAIN = tuple(Voice(f"espeak-{tag}", tag, tag) for tag in ("en-US", "de", "fi", "ru", "zh"))
MODELS = ModelDirectory(
    (
        ServedModel("joes", "tts", "onnx_vits", 1, "o", ("tts-1",), ("en",), (JOE,)),
        ServedModel("kokoro-82m", "tts", "kokoro", 1, "o", (), ("ja", "en", "de"), (KUMO,)),
        ServedModel("espeak-ng", "tts", "espeak", 1, "o", (), (), PLAIN),
    )
)
GERMAN = "Das Wetter in Berlin ist heute kalt und windig."
FINNISH = "Sää on tänään kylmä ja tuulinen, mutta huomenna paistaa aurinko."
ENGLISH = "The weather in Boston is cold and windy today."


@pytest.fixture
def stage() -> ScriptedTTS:
    return ScriptedTTS(SpeechChunk(b"sound"), SpeechFinished(1.0, 5, 5, 0.1, 0.2))


@pytest.fixture
def app(services: Services, stage: ScriptedTTS) -> Any:
    return create_app(dataclasses.replace(services, tts=stage, models=MODELS))


def told(answer: httpx.Response) -> tuple[str | None, ...]:
    """Model, voice, language and the engine of a fallback, as the headers say."""
    return tuple(answer.headers.get(f"x-smartlite-{name}") for name in ("model", "voice", "language", "fallback"))


@pytest.mark.parametrize(
    ("model", "text", "speaks"),
    [
        ("tts-1", ENGLISH, ("joes", "joe", "en-US", None)),
        ("tts-1", "Hallo!", ("joes", "joe", "en-US", None)),
        ("tts-1", "12:30", ("joes", "joe", "en-US", None)),
        ("tts-1", GERMAN, ("kokoro-82m", "kumo", "de-DE", "kokoro")),
        ("tts-1", "今日は天気がいい。", ("kokoro-82m", "kumo", "ja-JP", "kokoro")),
        ("tts-1", FINNISH, ("espeak-ng", "espeak-fi", "fi", "espeak")),
        ("tts-1", "Привет", ("espeak-ng", "espeak-ru", "ru", "espeak")),
        ("tts-1", "今天天气很好", ("espeak-ng", "espeak-zh", "zh", "espeak")),
        ("kokoro-82m", ENGLISH, ("kokoro-82m", "kumo", "en-US", None)),
        ("kokoro-82m", "Hi!", ("kokoro-82m", "kumo", "en-US", None)),
        ("kokoro-82m", GERMAN, ("kokoro-82m", "kumo", "de-DE", None)),
        ("tts-1", "Γειά σου Κόσμε", ("joes", "joe", "en-US", None)),
    ],
)
@pytest.mark.parametrize("stream_format", ["audio", "sse"])
async def test_the_language_of_a_text_decides_who_speaks(
    client: httpx.AsyncClient,
    stage: ScriptedTTS,
    model: str,
    text: str,
    speaks: tuple[str, str, str, str | None],
    stream_format: str,
) -> None:
    body = {"model": model, "voice": "alloy", "input": text, "stream_format": stream_format}
    answer = await client.post(PATH, json=body)

    assert answer.status_code == 200
    assert told(answer) == speaks
    assert ("x-smartlite-fallback-reason" in answer.headers) == (speaks[3] is not None)
    asked = stage.asked[0]
    assert (asked.model, asked.options.voice, asked.options.language) == speaks[:3]


@pytest.mark.parametrize(
    ("language", "speaks"),
    [
        ("en", ("joes", "joe", "en-US", None)),
        ("de-AT", ("kokoro-82m", "kumo", "de-DE", "kokoro")),
        ("FI", ("espeak-ng", "espeak-fi", "fi", "espeak")),
        ("Finnish", ("espeak-ng", "espeak-fi", "fi", "espeak")),
    ],
)
async def test_the_language_that_is_asked_for_is_spoken_whatever_the_text_looks_like(
    client: httpx.AsyncClient, language: str, speaks: tuple[str, ...]
) -> None:
    body = {"model": "tts-1", "voice": "alloy", "input": "Hello", "language": language}
    answer = await client.post(PATH, json=body)

    assert told(answer) == speaks


async def test_why_another_voice_speaks_is_told(client: httpx.AsyncClient) -> None:
    body = {"model": "tts-1", "voice": "alloy", "input": "Hello", "language": "fi"}
    answer = await client.post(PATH, json=body)

    assert answer.headers["x-smartlite-fallback-reason"] == "the voice 'joe' of 'joes' does not speak fi"


@pytest.mark.parametrize(
    ("language", "code", "says"),
    [
        ("xh", "invalid_value", "Spoken: de, en, fi, ja, ru, zh."),
        ("no language", "invalid_value", "not the tag of a language"),
        ("x", "invalid_value", "language"),
        ("", "invalid_value", "language"),
        ("e" * 36, "invalid_value", "language"),
        (7, "invalid_type", "language"),
    ],
)
async def test_a_language_that_nobody_speaks_is_a_400_that_says_what_is_spoken(
    client: httpx.AsyncClient, stage: ScriptedTTS, language: object, code: str, says: str
) -> None:
    body = {"model": "tts-1", "voice": "alloy", "input": "Hello", "language": language}
    answer = await client.post(PATH, json=body)
    error = answer.json()["error"]

    assert (answer.status_code, error["code"], error["param"]) == (400, code, "language")
    assert says in error["message"]
    assert stage.asked == []


async def test_an_operator_can_leave_the_language_to_the_client(services: Services, stage: ScriptedTTS) -> None:
    settings = services.settings.model_copy(update={"speech_language_detection": False})
    app = create_app(dataclasses.replace(services, settings=settings, tts=stage, models=MODELS))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        for extra, voice in (({}, "joe"), ({"language": "de"}, "kumo")):
            body = {"model": "tts-1", "voice": "alloy", "input": GERMAN} | extra
            assert (await client.post(PATH, json=body)).headers["x-smartlite-voice"] == voice


async def test_instructions_reach_the_engine(client: httpx.AsyncClient, stage: ScriptedTTS) -> None:
    await client.post(PATH, json={"model": "tts-1", "voice": "alloy", "input": "Hi", "instructions": "Whisper."})

    assert stage.asked[0].options.instructions == "Whisper."
