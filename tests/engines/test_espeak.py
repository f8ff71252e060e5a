"""The espeak engine with the real program."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from smartlite.domain.models import ModelFiles, Voice
from smartlite.domain.tts import SpokenSentence, SynthesizeOptions
from smartlite.engines.espeak import Espeak, EspeakOptions
from smartlite.engines.waveform import PEAK
from smartlite.errors import ConfigurationError, EngineFailed, InvalidRequest, TextEmpty, VoiceNotFound
from smartlite.models.catalog_file import load_catalog

pytestmark = pytest.mark.integration

FILES = load_catalog().find("espeak-ng").files_in(Path())
SPOKEN = {
    "espeak-fi": "Talo seisoo tässä.",
    "espeak-ru": "Здесь стоит дом.",
    "espeak-el": "Εδώ στέκει ένα σπίτι.",
    "espeak-ar": "هنا يقف بيت.",
    "espeak-hi": "यहाँ एक घर है।",
    "espeak-ko": "여기 집이 있습니다.",
    "espeak-cmn-latn-pinyin": "这里有一座房子。",
    "espeak-yue": "呢度有間屋。",
    "espeak-ka": "აქ სახლი დგას.",
    "espeak-ta": "இங்கே ஒரு வீடு உள்ளது.",
    "espeak-vi": "Ở đây có một ngôi nhà.",
    "espeak-th": "ที่นี่มีบ้าน",
}


@pytest.fixture
def start() -> Iterator[Callable[..., Espeak]]:
    engines: list[Espeak] = []

    def start_engine(files: ModelFiles = FILES, **options: object) -> Espeak:
        engine = Espeak(files, EspeakOptions.model_validate(options))
        engines.append(engine)
        engine.start()
        return engine

    yield start_engine
    for engine in engines:
        engine.close()


async def speak(engine: Espeak, text: str, voice: str = "espeak-en-us", speed: float = 1.0) -> list[SpokenSentence]:
    return [spoken async for spoken in engine.synthesize(text, SynthesizeOptions(voice, speed))]


async def test_sentences_come_in_order_with_their_text(start: Callable[..., Espeak]) -> None:
    spoken = await speak(start(), "Hello there. Is it you? Yes, it is!")

    assert [each.text for each in spoken] == ["Hello there.", "Is it you?", "Yes, it is!"]
    assert [each.input_tokens for each in spoken] == [12, 10, 11]
    assert all(each.audio.samples.dtype == np.float32 and each.audio.samples.ndim == 1 for each in spoken)
    assert all(0.1 < np.max(np.abs(each.audio.samples)) <= np.float32(PEAK) for each in spoken)


async def test_every_voice_of_the_catalog_speaks(start: Callable[..., Espeak]) -> None:
    engine = start(parallel=2)

    for voice in FILES.voices:
        assert await speak(engine, "a. 1", voice.id), voice.id


@pytest.mark.parametrize(("voice", "text"), SPOKEN.items())
async def test_a_language_is_spoken_in_its_own_letters(start: Callable[..., Espeak], voice: str, text: str) -> None:
    [spoken] = await speak(start(), text, voice)

    assert 0.7 < spoken.audio.duration_s < 6


async def test_a_word_sounds_different_in_another_language(start: Callable[..., Espeak]) -> None:
    engine = start()
    [german], [english] = await speak(engine, "Zeit", "espeak-de"), await speak(engine, "Zeit", "espeak-en-us")

    assert not np.array_equal(german.audio.samples, english.audio.samples)


@pytest.mark.parametrize("speed", [0.25, 0.5, 1.5, 2.0, 4.0])
@pytest.mark.parametrize("words_per_minute", [120, 300])
async def test_speed_divides_the_length(start: Callable[..., Espeak], speed: float, words_per_minute: int) -> None:
    engine = start(sentence_silence_s=0, words_per_minute=words_per_minute)
    text = "The quick brown fox jumps over the lazy dog near the river bank."

    [normal], [changed] = await speak(engine, text), await speak(engine, text, speed=speed)

    assert normal.audio.duration_s / changed.audio.duration_s == pytest.approx(speed, rel=0.15)


@pytest.mark.parametrize("text", ["", "   ", "...", "🎉🎉", "\ud800", "\x00\x01", "( - )", "。！"])
async def test_text_that_cannot_be_spoken_is_an_error_of_the_request(start: Callable[..., Espeak], text: str) -> None:
    with pytest.raises(TextEmpty) as caught:
        await speak(start(), text)

    assert caught.value.param == "input"


@pytest.mark.parametrize(
    "text", ["Hi 🎉 you", "--help", "-v de", "$(reboot) `x`", "<speak>hi</speak>", "a\x00b", "100%", "[[x]] hi"]
)
async def test_strange_text_is_spoken_and_is_never_an_option(start: Callable[..., Espeak], text: str) -> None:
    [spoken] = await speak(start(), text)
    assert 0.1 < spoken.audio.duration_s < 5


@pytest.mark.parametrize("voice", ["joe", "espeak-xx", "espeak-../../etc/passwd", "espeak-", "-h", ""])
async def test_an_unknown_voice_is_an_error_of_the_request(start: Callable[..., Espeak], voice: str) -> None:
    with pytest.raises(VoiceNotFound):
        await speak(start(), "Hello.", voice)


@pytest.mark.parametrize("speed", [0.1, 5.0, float("nan")])
async def test_a_speed_out_of_range_is_an_error_of_the_request(start: Callable[..., Espeak], speed: float) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await speak(start(), "Hello.", speed=speed)

    assert caught.value.param == "speed"


@pytest.mark.parametrize("voices", [(), (Voice("joe", "Joe", "en"),), (Voice("espeak-zz", "No one", "zz"),)])
def test_voices_that_the_program_has_not_are_a_configuration_error(
    start: Callable[..., Espeak], voices: tuple[Voice, ...]
) -> None:
    with pytest.raises(ConfigurationError):
        start(ModelFiles("m", Path(), voices=voices))


def test_a_missing_program_is_told_with_the_command_that_installs_it(
    start: Callable[..., Espeak], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match="apt-get install espeak-ng"):
        start()


async def test_a_program_that_takes_too_long_is_ended(start: Callable[..., Espeak]) -> None:
    engine = start()
    impatient = Espeak(FILES, EspeakOptions(timeout_s=0.001))
    impatient._state = "running"

    with pytest.raises(EngineFailed, match="did not answer"):
        await speak(impatient, "Hello. " * 20)

    impatient.close()
    assert await speak(engine, "Hello.")


async def test_a_cancelled_request_leaves_the_engine_usable(start: Callable[..., Espeak]) -> None:
    engine = start()
    request = asyncio.create_task(speak(engine, "One more sentence. " * 100))
    await asyncio.sleep(0.05)

    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request

    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert len(await speak(engine, "Hello.")) == 1
