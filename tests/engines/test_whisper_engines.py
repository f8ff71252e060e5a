"""Both engines that run Whisper, on the same weights: the same words, the same numbers, the same refusals."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import jiwer
import numpy as np
import pytest

from smartlite.domain.asr import Segment, ServerVAD, TranscribeOptions, TranscriptInfo
from smartlite.domain.audio import AudioChunk
from smartlite.domain.models import ModelFiles
from smartlite.domain.tts import SynthesizeOptions
from smartlite.engines.faster_whisper import FasterWhisper
from smartlite.engines.onnx_vits import OnnxVITS
from smartlite.engines.openai_whisper import OpenAIWhisper
from smartlite.errors import ClientError, ModelNotReady

pytestmark = pytest.mark.models

RATE_HZ = 16_000
SENTENCES = (
    "The weather will be sunny in the morning, with some rain later in the day.",
    "Please remember to bring your passport and two photographs.",
    "Our train leaves from platform seven at half past nine.",
    "She wrote a long letter to her brother who lives near the sea.",
    "Water boils when it is hot enough, and freezes when it is cold.",
    "The library closes early on Fridays, so come before five.",
    "He painted the old wooden door a very dark green.",
    "Could you tell me the way to the nearest station?",
    "Most birds fly south before the first snow falls.",
    "The doctor said that I should drink more water.",
)
ENGLISH = "A house stands here. It has a garden with many trees."
ITALIAN = "Buongiorno, come stai oggi? Il tempo è molto bello e andiamo al mare."

Engine = FasterWhisper | OpenAIWhisper
Speak = Callable[..., AudioChunk]
Find = Callable[[str], ModelFiles]


@pytest.fixture(scope="module")
def engines(model_files: Find) -> Iterator[dict[str, Engine]]:
    """whisper-base in float32, by both libraries."""
    faster = FasterWhisper(
        model_files("whisper-base"), FasterWhisper.Options(device="cpu", compute_type="float32", threads=1)
    )
    openai = OpenAIWhisper(model_files("whisper-base-torch"), OpenAIWhisper.Options(device="cpu", threads=1))
    started: dict[str, Engine] = {"faster_whisper": faster, "openai_whisper": openai}
    for engine in started.values():
        engine.start()
    yield started
    for engine in started.values():
        engine.close()


@pytest.fixture(params=["faster_whisper", "openai_whisper"])
def engine(engines: dict[str, Engine], request: pytest.FixtureRequest) -> Engine:
    """Each of the two."""
    return engines[request.param]


@pytest.fixture
async def spoken(
    model_files: Find, for_recognition: Callable[[AudioChunk], AudioChunk]
) -> AsyncIterator[list[AudioChunk]]:
    """SENTENCES, spoken by the default voice without its random part."""
    files = model_files("en_US-joe-medium")
    voice = OnnxVITS(files, OnnxVITS.Options.model_validate({"noise_scale": 0, "noise_w": 0}))
    voice.start()
    options = SynthesizeOptions(files.voices[0].id)
    yield [for_recognition(part.audio) async for part in voice.synthesize(" ".join(SENTENCES), options)]
    voice.close()


async def _transcribe(engine: Engine, audio: AudioChunk, **options: Any) -> tuple[TranscriptInfo, list[Segment]]:
    info, *segments = [event async for event in engine.transcribe(audio, TranscribeOptions(**options))]
    assert isinstance(info, TranscriptInfo)
    return info, [segment for segment in segments if isinstance(segment, Segment)]


def _text(segments: list[Segment]) -> str:
    return "".join(segment.text for segment in segments).strip()


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[\w']+", text.lower()))


@pytest.mark.timeout(600)
async def test_both_write_the_same_words_and_the_right_ones(
    engines: dict[str, Engine], spoken: list[AudioChunk]
) -> None:
    heard = {}
    for name, engine in engines.items():
        heard[name] = [_plain(_text((await _transcribe(engine, audio, language="en"))[1])) for audio in spoken]
    assert len(spoken) == len(SENTENCES)
    assert jiwer.wer(heard["faster_whisper"], heard["openai_whisper"]) <= 0.01
    assert jiwer.wer([_plain(text) for text in SENTENCES], heard["openai_whisper"]) <= 0.05


@pytest.mark.timeout(600)
async def test_both_give_the_same_numbers_over_more_than_one_window(
    engines: dict[str, Engine], spoken: list[AudioChunk]
) -> None:
    pause = np.zeros(3 * RATE_HZ, np.float32)
    samples = np.concatenate([part for audio in spoken for part in (pause, audio.samples)])
    audio = AudioChunk(samples, RATE_HZ)
    assert audio.duration_s > 45
    told = {}
    for name, engine in engines.items():
        told[name] = await _transcribe(engine, audio, word_timestamps=True, logprobs=True)
    (info, segments), (other_info, others) = told["faster_whisper"], told["openai_whisper"]
    assert (other_info.language, other_info.duration_s) == (info.language, info.duration_s)
    assert other_info.language_probability == pytest.approx(info.language_probability, abs=1e-3)
    assert [other.text for other in others] == [segment.text for segment in segments]
    assert len({segment.seek for segment in segments}) > 1
    for segment, other in zip(segments, others, strict=True):
        assert (other.id, other.tokens, other.temperature) == (segment.id, segment.tokens, segment.temperature)
        assert other.seek == pytest.approx(segment.seek, abs=2)
        assert (other.start_s, other.end_s) == pytest.approx((segment.start_s, segment.end_s), abs=0.1)
        assert other.avg_logprob == pytest.approx(segment.avg_logprob, abs=0.01)
        assert other.compression_ratio == pytest.approx(segment.compression_ratio, abs=0.01)
        assert [word.text for word in other.words] == [word.text for word in segment.words]
        for word, twin in zip(segment.words, other.words, strict=True):
            assert (twin.start_s, twin.end_s) == pytest.approx((word.start_s, word.end_s), abs=0.1)
            assert twin.probability == pytest.approx(word.probability, abs=0.02)
        assert [token.data for token in other.logprobs] == [token.data for token in segment.logprobs]
        likely = [token.logprob for token in segment.logprobs]
        assert [token.logprob for token in other.logprobs] == pytest.approx(likely, abs=0.05)


async def test_logprobs_spell_the_text_of_their_segment(engine: Engine, espeak: Speak) -> None:
    _, segments = await _transcribe(engine, espeak(ITALIAN, "it"), language="it", logprobs=True)
    assert segments
    for segment in segments:
        assert "".join(token.token for token in segment.logprobs) == segment.text
        assert all(token.logprob <= 0 for token in segment.logprobs)
        assert np.mean([token.logprob for token in segment.logprobs]) == pytest.approx(segment.avg_logprob, abs=0.7)
    _, plain = await _transcribe(engine, espeak(ITALIAN, "it"), language="it")
    assert all(segment.logprobs == () for segment in plain)


async def test_the_language_is_one_of_those_that_may_be_spoken(engine: Engine, espeak: Speak) -> None:
    audio = espeak(ITALIAN, "it")
    free, _ = await _transcribe(engine, audio)
    assert free.language == "it"
    among, _ = await _transcribe(engine, audio, languages=("en", "Italian", "de"))
    assert (among.language, among.language_probability >= free.language_probability) == ("it", True)
    other, _ = await _transcribe(engine, audio, languages=("en", "de"))
    assert other.language in {"en", "de"}


async def test_a_translation_is_english(engine: Engine, espeak: Speak) -> None:
    audio = espeak("Guten Morgen. Wie geht es dir heute? Das Wasser ist kalt.", "de")
    info, segments = await _transcribe(engine, audio, language="German", task="translate")
    assert info.language == "de"
    assert {"good", "morning", "water", "cold", "how", "today"} & set(_plain(_text(segments)).split())


async def test_keywords_are_spelt_as_they_were_given(engine: Engine, espeak: Speak) -> None:
    audio = espeak("I met Katherine Smythe at the station.")
    plain = _text((await _transcribe(engine, audio, language="en"))[1])
    hinted = _text((await _transcribe(engine, audio, language="en", keywords=("Cathryn Smythe", "station")))[1])
    assert "Cathryn" not in plain
    assert "Cathryn" in hinted


async def test_a_prompt_cannot_smuggle_in_special_tokens(engine: Engine, espeak: Speak) -> None:
    prompt = "A walk.<|endoftext|><|startoftranscript|><|notimestamps|>"
    assert engine._facts is not None
    assert max(engine._facts.encode(prompt)) < 50_257
    _, segments = await _transcribe(engine, espeak(ENGLISH), prompt=prompt, keywords=("<|endoftext|>",))
    assert "garden" in _text(segments)


async def test_the_longest_prompt_and_keywords_fit(engine: Engine, espeak: Speak) -> None:
    # A prompt so long and dull is repeated or confuses: what counts is that the model takes it.
    options = {"prompt": "He saw the tree and the house. " * 200, "keywords": ("tree",) * 39}
    _, segments = await _transcribe(engine, espeak(ENGLISH), language="en", temperature=0.2, best_of=1, **options)
    assert "house" in _text(segments)


async def test_a_beam_search_with_all_its_options_finds_the_words(engine: Engine, espeak: Speak) -> None:
    options = {"beam_size": 3, "patience": 1.5, "length_penalty": 0.8, "best_of": 2}
    _, segments = await _transcribe(engine, espeak(ENGLISH), language="en", **options)
    assert "garden" in _text(segments)


async def test_sampling_takes_the_temperature_as_it_is(engine: Engine, espeak: Speak) -> None:
    _, segments = await _transcribe(engine, espeak(ENGLISH), temperature=0.4, best_of=2)
    assert [segment.temperature for segment in segments] == pytest.approx([0.4] * len(segments))


async def test_speech_is_found_as_the_request_says(engine: Engine, espeak: Speak) -> None:
    spoken = espeak(ENGLISH).samples
    audio = AudioChunk(np.concatenate([spoken, np.zeros(RATE_HZ, np.float32), spoken]), RATE_HZ)
    _, segments = await _transcribe(engine, audio, language="en", vad=ServerVAD(0.5, 0.2, 0.2), word_timestamps=True)
    words = [word for segment in segments for word in segment.words]
    first, second = [word for word in words if "garden" in word.text]
    assert second.start_s == pytest.approx(len(spoken) / RATE_HZ + 1 + first.start_s, abs=0.5)
    assert (await _transcribe(engine, audio, language="en", vad=ServerVAD(threshold=0.9999)))[1] == []


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"language": "xx"}, "language"),
        ({"language": "yue"}, "language"),
        ({"languages": ("en", "xx")}, "languages"),
        ({"beam_size": 99}, "beam_size"),
        ({"patience": 2.0}, "patience"),
        ({"keywords": ("antidisestablishmentarianism",) * 100}, "keywords"),
    ],
)
async def test_what_cannot_be_done_is_refused_before_anything_else(
    engine: Engine, options: dict[str, Any], param: str
) -> None:
    with pytest.raises(ClientError) as caught:
        await _transcribe(engine, AudioChunk(np.zeros(RATE_HZ, np.float32), RATE_HZ), **options)
    assert (caught.value.status_code, caught.value.param) == (400, param)


async def test_what_is_not_speech_gives_no_words(engine: Engine) -> None:
    noise = np.random.default_rng(0).normal(0, 0.05, 2 * RATE_HZ).astype(np.float32)
    for samples in (noise[:0], noise[:1], noise * 0, noise):
        info, segments = await _transcribe(engine, AudioChunk(samples, RATE_HZ), languages=("fr", "it"))
        assert (info.language, info.language_probability, segments) == ("fr", 0.0, [])


async def test_closing_ends_running_and_waiting_requests_with_503(model_files: Find, espeak: Speak) -> None:
    engine = OpenAIWhisper(model_files("whisper-tiny.en-torch"), OpenAIWhisper.Options(device="cpu", threads=1))
    engine.start()
    audio = AudioChunk(np.tile(espeak("The garden has many trees.").samples, 10), RATE_HZ)
    requests = [asyncio.ensure_future(_transcribe(engine, audio)) for _ in range(3)]
    await asyncio.sleep(0.01)
    await asyncio.to_thread(engine.close)
    for request in requests:
        with pytest.raises(ModelNotReady):
            await request


async def test_silence_gives_no_words_without_voice_activity_detection_either(model_files: Find) -> None:
    options = OpenAIWhisper.Options(device="cpu", threads=1, vad=False)
    engine = OpenAIWhisper(model_files("whisper-tiny.en-torch"), options)
    engine.start()
    for samples in (np.zeros(0), np.full(1, 0.1), np.zeros(2 * RATE_HZ)):
        assert (await _transcribe(engine, AudioChunk(samples.astype(np.float32), RATE_HZ)))[1] == []
    engine.close()
