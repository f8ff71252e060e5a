"""faster-whisper on real weights: what is said is written, what is not said is not, and nobody's work goes on."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jiwer
import numpy as np
import pytest

from smartlite.domain.asr import Segment, TranscribeOptions, TranscriptInfo
from smartlite.domain.audio import AudioChunk
from smartlite.domain.models import ModelFiles
from smartlite.domain.tts import SynthesizeOptions
from smartlite.engines.faster_whisper import FasterWhisper
from smartlite.engines.onnx_vits import OnnxVITS
from smartlite.errors import ConfigurationError, EngineFailed, InvalidRequest, ModelNotReady

RATE_HZ = 16_000
SENTENCES = (
    "The weather will be sunny in the morning, with some rain later in the day.",
    "Please remember to bring your passport and two photographs.",
    "Our train leaves from platform seven at half past nine.",
    "She wrote a long letter to her brother who lives near the sea.",
    "Water boils when it is hot enough, and freezes when it is cold.",
)

Find = Callable[[str], ModelFiles]
Speak = Callable[..., AudioChunk]


def _clip(samples: Any) -> AudioChunk:
    return AudioChunk(np.asarray(samples, dtype=np.float32), RATE_HZ)


def _seconds(seconds: float) -> Any:
    return np.arange(round(seconds * RATE_HZ)) / RATE_HZ


async def _transcribe(engine: FasterWhisper, audio: AudioChunk, **options: Any) -> tuple[TranscriptInfo, list[Segment]]:
    info, *segments = [event async for event in engine.transcribe(audio, TranscribeOptions(**options))]
    assert isinstance(info, TranscriptInfo)
    return info, [segment for segment in segments if isinstance(segment, Segment)]


def _text(segments: list[Segment]) -> str:
    return "".join(segment.text for segment in segments).strip()


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[\w']+", text.lower()))


def _started(files: ModelFiles, **options: Any) -> FasterWhisper:
    engine = FasterWhisper(files, FasterWhisper.Options(**options))
    engine.start()
    return engine


@pytest.fixture(scope="module")
def base(model_files: Find) -> Iterator[FasterWhisper]:
    """whisper-base: 99 languages."""
    engine = _started(model_files("whisper-base"))
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def tiny_en(model_files: Find) -> Iterator[FasterWhisper]:
    """whisper-tiny.en: English only."""
    engine = _started(model_files("whisper-tiny.en"))
    yield engine
    engine.close()


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


@pytest.mark.models
async def test_spoken_sentences_are_recognised(base: FasterWhisper, spoken: list[AudioChunk]) -> None:
    heard = [_text((await _transcribe(base, audio, language="en"))[1]) for audio in spoken]
    assert len(heard) == len(SENTENCES)
    assert jiwer.wer([_plain(text) for text in SENTENCES], [_plain(text) for text in heard]) <= 0.05


@pytest.mark.models
@pytest.mark.parametrize(
    ("text", "voice", "language"),
    [
        ("Good morning, how are you today? The weather is nice.", "en-us", "en"),
        ("Buongiorno, come stai oggi? Il tempo è molto bello e andiamo al mare.", "it", "it"),
        ("Guten Morgen, wie geht es dir heute? Das Wetter ist sehr schön.", "de", "de"),
    ],
)
async def test_the_language_is_detected(
    base: FasterWhisper, espeak: Speak, text: str, voice: str, language: str
) -> None:
    info, segments = await _transcribe(base, espeak(text, voice))
    assert info.language == language
    assert 0 < info.language_probability <= 1
    assert _text(segments)


@pytest.mark.models
async def test_a_translation_is_english(base: FasterWhisper, espeak: Speak) -> None:
    audio = espeak("Guten Morgen. Wie geht es dir heute? Das Wasser ist kalt.", "de")
    info, segments = await _transcribe(base, audio, language="German", task="translate")
    assert info.language == "de"
    assert {"good", "morning", "water", "cold", "how", "today"} & set(_plain(_text(segments)).split())


@pytest.mark.models
async def test_words_have_times_in_order_inside_the_recording(base: FasterWhisper, spoken: list[AudioChunk]) -> None:
    audio = _clip(np.concatenate([np.zeros(4 * RATE_HZ), spoken[0].samples, np.zeros(4 * RATE_HZ), spoken[1].samples]))
    info, segments = await _transcribe(base, audio, language="en", word_timestamps=True)
    words = [word for segment in segments for word in segment.words]
    assert "".join(word.text for word in words) == _text(segments).replace(" ", "")
    times = [time for word in words for time in (word.start_s, word.end_s)]
    assert times == sorted(times)
    assert times[0] > 3
    assert times[-1] <= info.duration_s == audio.duration_s
    assert all(0 <= word.probability <= 1 for word in words)
    second = next(word for word in words if word.text.startswith("Please"))
    assert second.start_s == pytest.approx(8 + spoken[0].duration_s, abs=1.0)


@pytest.mark.models
@pytest.mark.parametrize("model", ["base", "tiny_en"])
async def test_what_is_not_speech_gives_no_words(model: str, request: pytest.FixtureRequest) -> None:
    engine: FasterWhisper = request.getfixturevalue(model)
    time_s = _seconds(5)
    noise = np.random.default_rng(0).normal(0, 1, len(time_s))
    sounds = {
        "nothing at all": [],
        "one sample": [0.1],
        "10 ms of noise": noise[:160] * 0.1,
        "digital silence": time_s * 0,
        "a constant": time_s * 0 + 0.5,
        "soft white noise": noise * 0.01,
        "loud white noise": noise.clip(-3, 3) / 3,
        "brown noise": np.cumsum(noise) * 0.003,
        "50 Hz hum with harmonics": sum(0.2 / n * np.sin(2 * np.pi * 50 * n * time_s) for n in (1, 2, 3, 5, 7)),
        "a whistle": 0.5 * np.sin(2 * np.pi * 1000 * time_s),
        "clicks": (np.arange(len(time_s)) % 8000 == 0) * 0.9,
    }
    for name, samples in sounds.items():
        info, segments = await _transcribe(engine, _clip(samples))
        assert (name, segments) == (name, [])
        assert info.language == "en"


@pytest.mark.models
async def test_silence_gives_no_words_without_voice_activity_detection_either(model_files: Find) -> None:
    engine = _started(model_files("whisper-tiny.en"), vad=False)
    for samples in ([], [0.1], np.zeros(2 * RATE_HZ), np.random.default_rng(0).normal(0, 0.05, 2 * RATE_HZ)):
        assert (await _transcribe(engine, _clip(samples)))[1] == []
    engine.close()


@pytest.mark.models
@pytest.mark.parametrize(
    ("options", "param"),
    [({"language": "xx"}, "language"), ({"language": "de"}, "language"), ({"task": "translate"}, "model")],
)
async def test_an_english_only_model_refuses_other_languages(
    tiny_en: FasterWhisper, options: dict[str, Any], param: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await _transcribe(tiny_en, _clip(np.zeros(RATE_HZ)), **options)
    assert caught.value.param == param


@pytest.mark.models
async def test_a_language_younger_than_the_model_is_refused(base: FasterWhisper) -> None:
    with pytest.raises(InvalidRequest, match="yue"):
        await _transcribe(base, _clip(np.zeros(RATE_HZ)), language="yue")


@pytest.mark.models
async def test_a_prompt_cannot_smuggle_in_special_tokens(tiny_en: FasterWhisper, espeak: Speak) -> None:
    prompt = "A walk in the garden.<|endoftext|><|startoftranscript|><|notimestamps|>"
    assert tiny_en._facts is not None
    assert tiny_en._facts.encode(prompt) == tiny_en._facts.encode("A walk in the garden.")
    _, segments = await _transcribe(
        tiny_en, espeak("A house stands here. It has a garden with many trees."), prompt=prompt
    )
    assert "garden" in _text(segments)


@pytest.mark.models
async def test_a_temperature_above_zero_is_taken_as_it_is(tiny_en: FasterWhisper, espeak: Speak) -> None:
    _, segments = await _transcribe(tiny_en, espeak("The garden has many trees."), temperature=0.4)
    assert [segment.temperature for segment in segments] == pytest.approx([0.4] * len(segments))


@pytest.mark.models
async def test_audio_at_another_rate_is_not_recognised_as_if_it_were_right(tiny_en: FasterWhisper) -> None:
    with pytest.raises(EngineFailed, match="8000 Hz"):
        await anext(tiny_en.transcribe(AudioChunk(np.zeros(8000, np.float32), 8000), TranscribeOptions()))


@pytest.mark.models
async def test_closing_the_engine_ends_running_and_waiting_requests_with_503(model_files: Find, espeak: Speak) -> None:
    engine = _started(model_files("whisper-tiny.en"))
    audio = _clip(np.tile(espeak("The garden has many trees.").samples, 10))
    requests = [asyncio.ensure_future(_transcribe(engine, audio)) for _ in range(3)]
    await asyncio.sleep(0.01)
    await asyncio.to_thread(engine.close)
    for request in requests:
        with pytest.raises(ModelNotReady):
            await request


@pytest.mark.models
async def test_a_step_that_hangs_makes_the_engine_unhealthy(model_files: Find) -> None:
    engine = _started(model_files("whisper-tiny.en"), stuck_after_s=1)
    assert engine._steps is not None
    engine._steps._began[object()] = -10.0
    with pytest.raises(EngineFailed, match="longer than 1 s"):
        await engine.check_health()
    engine.close()


def _write_model(directory: Path, **changes: str) -> ModelFiles:
    contents = {"config.json": "{}", "model.bin": "x", "tokenizer.json": "{}"} | changes
    for name, text in contents.items():
        if text:
            (directory / name).write_text(text)
    return ModelFiles("broken", directory)


@pytest.mark.parametrize("missing", ["config.json", "model.bin", "tokenizer.json"])
def test_a_missing_file_is_named_and_not_looked_for_elsewhere(tmp_path: Path, missing: str) -> None:
    engine = FasterWhisper(_write_model(tmp_path, **{missing: ""}), FasterWhisper.Options())
    with pytest.raises(ConfigurationError, match=missing):
        engine.start()


@pytest.mark.parametrize("text", ["not JSON", json.dumps([1])])
def test_a_tokenizer_that_is_no_json_object_is_refused(tmp_path: Path, text: str) -> None:
    engine = FasterWhisper(_write_model(tmp_path, **{"tokenizer.json": text}), FasterWhisper.Options())
    with pytest.raises(ConfigurationError, match=r"tokenizer\.json"):
        engine.start()


@pytest.mark.models
def test_options_that_this_machine_cannot_meet_are_refused_at_start(model_files: Find) -> None:
    engine = FasterWhisper(model_files("whisper-tiny.en"), FasterWhisper.Options(device="cuda", device_index=63))
    with pytest.raises(ConfigurationError, match="cuda"):
        engine.start()
    engine.close()


class SeesAGPU(FasterWhisper):
    """Finds a GPU, as CTranslate2 does also where the CUDA that it was built for is missing."""

    def _devices(self, ctranslate2: Any) -> tuple[str, ...]:
        return super()._devices(SimpleNamespace(get_cuda_device_count=lambda: 1))


@pytest.mark.models
async def test_auto_takes_the_cpu_where_the_gpu_cannot_be_used(model_files: Find) -> None:
    engine = SeesAGPU(model_files("whisper-tiny.en"), FasterWhisper.Options(threads=1))
    engine.start()
    await engine.check_health()
    engine.close()


@pytest.mark.models
@pytest.mark.parametrize(
    ("options", "workers"), [({"threads": 3}, 3), ({"threads": 1}, 1), ({"threads": 2, "workers": 1}, 1)]
)
def test_every_thread_is_a_worker_unless_told(model_files: Find, options: dict[str, int], workers: int) -> None:
    engine = _started(model_files("whisper-tiny.en"), **options)
    assert engine.pieces_at_once == workers
    engine.close()


@pytest.mark.models
async def test_recordings_at_once_have_the_words_they_have_alone(model_files: Find, spoken: list[AudioChunk]) -> None:
    engine = _started(model_files("whisper-tiny.en"), threads=2)
    alone = [_text((await _transcribe(engine, audio))[1]) for audio in spoken]
    together = await asyncio.gather(*(_transcribe(engine, audio) for audio in spoken))
    assert [_text(segments) for _, segments in together] == alone
    engine.close()
