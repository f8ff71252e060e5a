"""Which voices speak, and that none can be made."""

import dataclasses
from typing import Any

import httpx
import pytest
from openai import AsyncOpenAI, BadRequestError

from smartlite.api.app import create_app
from smartlite.api.services import Services
from smartlite.domain.models import ModelDirectory, Voice
from tests.api.routes.test_speech_language import MODELS
from tests.conftest import MODELS as FAKES

PATH = "/v1/audio/voices"


@pytest.fixture
def app(services: Services) -> Any:
    return create_app(dataclasses.replace(services, models=ModelDirectory((*FAKES.models, *MODELS.models))))


def ids(answer: httpx.Response) -> list[str]:
    return [voice["id"] for voice in answer.json()["data"]]


async def test_every_voice_is_told_with_its_model_and_languages(client: httpx.AsyncClient) -> None:
    answer = await client.get(PATH)

    assert answer.json()["object"] == "list"
    assert ids(answer)[:3] == ["fake", "joe", "kumo"]
    assert answer.json()["data"][2] == {
        "id": "kumo",
        "object": "audio.voice",
        "name": "Kumo",
        "type": "built_in",
        "created_at": 1,
        "language": "ja-JP",
        "languages": ["ja-JP", "en-US", "de-DE"],
        "model": "kokoro-82m",
        "engine": "kokoro",
        "aliases": ["alloy"],
    }


@pytest.mark.parametrize(
    ("query", "voices"),
    [
        ({"model": "tts-1"}, ["fake"]),
        ({"language": "de"}, ["kumo", "espeak-de"]),
        ({"language": "de-AT", "model": "espeak-ng"}, ["espeak-de"]),
        ({"language": "Finnish"}, ["espeak-fi"]),
        ({"language": "xh"}, []),
    ],
)
async def test_voices_are_filtered(client: httpx.AsyncClient, query: dict[str, str], voices: list[str]) -> None:
    answer = await client.get(PATH, params=query)

    assert ids(answer) == voices


@pytest.mark.parametrize(
    ("query", "status", "param"),
    [
        ({"model": "nothing"}, 404, "model"),
        ({"model": "whisper-1"}, 404, "model"),
        ({"model": ""}, 400, "model"),
        ({"language": "no language"}, 400, "language"),
        ({"language": "x" * 36}, 400, "language"),
    ],
)
async def test_a_filter_that_means_nothing_is_refused(
    client: httpx.AsyncClient, query: dict[str, str], status: int, param: str
) -> None:
    answer = await client.get(PATH, params=query)

    assert (answer.status_code, answer.json()["error"]["param"]) == (status, param)


async def test_a_voice_cannot_be_made_or_deleted_and_the_official_client_is_told_why(
    openai_client: AsyncOpenAI,
) -> None:
    consents = openai_client.audio.voice_consents
    attempts = [
        openai_client.audio.voices.create(
            name="me", type="audio_sample", consent="consent_1", audio_sample=("a.wav", b"RIFF", "audio/wav")
        ),
        openai_client.audio.voices.delete("voice_1"),
        consents.create(name="me", language="en", recording=("a.wav", b"RIFF", "audio/wav")),
        consents.retrieve("consent_1"),
        consents.update("consent_1", name="you"),
        consents.delete("consent_1"),
        consents.list(),
    ]
    for attempt in attempts:
        with pytest.raises(BadRequestError, match="makes no voices") as caught:
            await attempt
        assert caught.value.code == "unsupported_parameter"


async def test_voices_that_only_the_model_can_tell_are_listed_and_speak(services: Services) -> None:
    fakes = tuple(dataclasses.replace(model, voices=(), languages=()) for model in FAKES.models)
    gateway = create_app(dataclasses.replace(services, models=ModelDirectory(fakes)))
    asked = {"model": "tts-1", "voice": "shimmer", "input": "Hello."}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(gateway), base_url="http://gateway") as client:
        early = await client.post("/v1/audio/speech", json=asked)
        services.status.told = {"fake-tts": (Voice("fake", "A tone", "en-US", ("shimmer",)),)}  # type: ignore[attr-defined]
        listed, model = await client.get(PATH), await client.get("/v1/models/tts-1")
        speech = await client.post("/v1/audio/speech", json=asked)
        in_list = (await client.get("/v1/models")).json()["data"]
    assert (early.status_code, early.json()["error"]["code"]) == (503, "model_not_ready")
    assert ids(listed) == ["fake"]
    assert (model.json()["voices"][0]["id"], model.json()["languages"]) == ("fake", ["en"])
    assert (speech.status_code, speech.headers["x-smartlite-voice"]) == (200, "fake")
    assert [each["voices"][0]["id"] for each in in_list if each["id"] == "tts-1"] == ["fake"]
