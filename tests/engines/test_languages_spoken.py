"""Text in many languages through the gateway, spoken by the real voices."""

import dataclasses
import io
import wave
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest

from deployments.tts import TTSDeployment
from smartlite.api.app import create_app
from smartlite.codecs.encode import open_encoder
from smartlite.config import Settings
from smartlite.domain.models import ModelDirectory, ModelFiles
from smartlite.engines.registry import create_tts
from smartlite.models.catalog_file import load_catalog
from tests.conftest import make_services

pytestmark = [pytest.mark.models, pytest.mark.timeout(300)]

SERVED = ("en_US-joe-medium", "kokoro-82m", "espeak-ng")
NEURAL = {
    "de": "Das Wetter in Berlin ist heute kalt und windig.",
    "fr": "Ma sœur travaille dans un grand bureau près de la gare.",
    "es": "Mi hermana trabaja en una oficina grande cerca de la estación.",
    "it": "Mia sorella lavora in un grande ufficio vicino alla stazione.",
    "pt": "Você sabe onde fica o hospital mais próximo?",
    "ja": "一番近い病院はどこにあるか知っていますか。",
}
FALLBACK = {
    "ar": "أعيش في بيت صغير مع عائلتي.",
    "bg": "Живея в малка къща с моето семейство.",
    "bn": "আমি একটি ছোট বাড়িতে থাকি।",
    "cs": "Bydlím v malém domě se svou rodinou.",
    "da": "Jeg bor i et lille hus sammen med min familie.",
    "el": "Μένω σε ένα μικρό σπίτι με την οικογένειά μου.",
    "fa": "من در یک خانه کوچک زندگی می‌کنم.",
    "fi": "Asun pienessä talossa perheeni kanssa.",
    "he": "אני גר בבית קטן עם המשפחה שלי.",
    "hi": "मैं एक छोटे से घर में रहता हूँ।",
    "hu": "Egy kis házban lakom a családommal.",
    "ka": "მე პატარა სახლში ვცხოვრობ.",
    "ko": "저는 작은 집에 살고 있습니다.",
    "nl": "Ik woon met mijn gezin in een klein huis.",
    "pl": "Mieszkam w małym domu z moją rodziną.",
    "ro": "Locuiesc într-o casă mică împreună cu familia mea.",
    "ru": "Я живу в маленьком доме со своей семьёй.",
    "sv": "Jag bor i ett litet hus tillsammans med min familj.",
    "ta": "நான் ஒரு சிறிய வீட்டில் வசிக்கிறேன்.",
    "th": "ฉันอาศัยอยู่ในบ้านหลังเล็ก",
    "tr": "Ailemle birlikte küçük bir evde yaşıyorum.",
    "uk": "Я живу в маленькому будинку зі своєю родиною.",
    "vi": "Tôi sống trong một ngôi nhà nhỏ cùng gia đình.",
    "zh": "我和家人住在一座小房子里。",
}


@pytest.fixture(scope="module")
def stage(model_files: Callable[[str], ModelFiles]) -> Iterator[TTSDeployment]:
    catalog = load_catalog()
    engines = {name: create_tts(catalog.find(name).engine, model_files(name), {}) for name in SERVED}
    for engine in engines.values():
        engine.start()
    yield TTSDeployment(lambda: engines, open_encoder)
    for engine in engines.values():
        engine.close()


@pytest.fixture
async def client(stage: Any, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    models = ModelDirectory(tuple(load_catalog().find(name).served() for name in SERVED))
    app = create_app(dataclasses.replace(make_services(settings, {}), tts=stage, models=models))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        yield client


async def speak(client: httpx.AsyncClient, **body: object) -> tuple[httpx.Response, float]:
    """The answer, and how many seconds it lasts."""
    answer = await client.post(
        "/v1/audio/speech", json={"model": "tts-1", "voice": "alloy", "response_format": "pcm"} | body
    )
    assert answer.status_code == 200, answer.text
    return answer, len(answer.content) / 48_000


@pytest.mark.parametrize(("language", "text"), NEURAL.items())
async def test_six_languages_are_spoken_by_a_neural_voice(client: httpx.AsyncClient, language: str, text: str) -> None:
    answer, seconds = await speak(client, input=text)

    assert answer.headers["x-smartlite-voice"] == "jm_kumo"
    assert answer.headers["x-smartlite-language"].startswith(language)
    assert answer.headers["x-smartlite-fallback"] == "kokoro"
    assert 1.5 < seconds < 8


@pytest.mark.parametrize(("language", "text"), FALLBACK.items())
async def test_other_languages_are_spoken_by_the_fallback_which_says_so(
    client: httpx.AsyncClient, language: str, text: str
) -> None:
    answer, seconds = await speak(client, input=text)

    assert answer.headers["x-smartlite-model"] == "espeak-ng"
    assert answer.headers["x-smartlite-language"] == language
    assert answer.headers["x-smartlite-fallback"] == "espeak"
    assert 1 < seconds < 10


@pytest.mark.parametrize("model", SERVED)
async def test_english_is_spoken_by_the_voice_asked_for_under_each_of_openai_names(
    client: httpx.AsyncClient, model: str
) -> None:
    aliases = {alias: voice.id for voice in load_catalog().find(model).voices for alias in voice.aliases}
    assert len(aliases) == 13
    for alias, voice in aliases.items():
        answer, _ = await speak(client, model=model, voice=alias, input="Hello.")
        assert (answer.headers["x-smartlite-model"], answer.headers["x-smartlite-voice"]) == (model, voice)
        assert "x-smartlite-fallback" not in answer.headers


async def test_every_rate_ends_as_24_khz(client: httpx.AsyncClient) -> None:
    for model in SERVED:
        answer, _ = await speak(client, model=model, input="Hello there.", response_format="wav")
        with wave.open(io.BytesIO(answer.content)) as file:
            assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (24_000, 1, 2)
