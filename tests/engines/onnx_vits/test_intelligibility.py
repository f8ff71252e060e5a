"""What the default voice says, heard by whisper-base."""

import re
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import jiwer
import numpy as np
import pytest

from smartlite.domain.models import ModelFiles
from smartlite.domain.tts import SynthesizeOptions
from smartlite.engines.onnx_vits import OnnxVITS, OnnxVITSOptions

pytestmark = [pytest.mark.models, pytest.mark.timeout(600)]

# As it is written, and as the recogniser writes what it should hear where that differs.
SENTENCES = (
    ("The weather in Boston is cold and windy today.", None),
    ("The total comes to $12.50, including tax.", None),
    ("Our train leaves at 12:30 from platform 9.", None),
    ("Dr. Smith and Mrs. Brown met at 5 p.m. on Monday.", "Dr. Smith and Mrs. Brown met at 5 pm on Monday"),
    ("Do you know where the nearest hospital is?", None),
    ("“I have never seen anything like it,” she said quietly.", None),
    ("About 3,000 people live in this small town.", None),
    ("She was born in 1987 and moved to London in 2012.", None),
    ("The company earned $3.5 million last year, up 20% from before.", None),
    ("Wait! Don't touch that, it's hot.", None),
    ("Mr. Jones lives at 42 King Street; his office is nearby.", None),
    ("The recipe needs two eggs, a cup of flour, and some sugar.", None),
    ("Water boils at 100°C at sea level.", "Water boils at 100 degrees Celsius at sea level"),
    ("Please call me before 9:05 a.m. tomorrow.", "Please call me before 9:05 am tomorrow"),
    ("He finished 3rd in the race, wasn't that amazing?", "He finished third in the race, wasn't that amazing"),
    (
        "The U.S. government, e.g. the Senate, has many rules.",
        "The US government for example the Senate has many rules",
    ),
    ("It's about 15 km from here to the airport.", None),
    ("Which of these three books would you recommend: the red, the blue, or the green one?", None),
    ("The museum opened on May 5, 1999, and it is still popular.", None),
    ("Version 2.5 of the program fixes the most common problems.", None),
)


@pytest.fixture(scope="module")
def engine(model_files: Callable[[str], ModelFiles]) -> Iterator[OnnxVITS]:
    engine = OnnxVITS(model_files("en_US-joe-medium"), OnnxVITSOptions())
    engine.start()
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def silent_engine(model_files: Callable[[str], ModelFiles]) -> Iterator[OnnxVITS]:
    """Without noise, so that the same text gives the same samples."""
    options = OnnxVITSOptions(noise_scale=0, noise_w=0, sentence_silence_s=0)
    engine = OnnxVITS(model_files("en_US-joe-medium"), options)
    engine.start()
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def whisper(model_files: Callable[[str], ModelFiles]) -> Any:
    faster_whisper = pytest.importorskip("faster_whisper")
    return faster_whisper.WhisperModel(str(model_files("whisper-base").directory), device="cpu", compute_type="int8")


async def speak(engine: OnnxVITS, text: str, speed: float = 1.0) -> np.ndarray[Any, np.dtype[np.float32]]:
    sentences: AsyncIterator[Any] = engine.synthesize(text, SynthesizeOptions("joe", speed))
    return np.concatenate([spoken.audio.samples async for spoken in sentences])


def hear(whisper: Any, samples: np.ndarray[Any, np.dtype[np.float32]]) -> str:
    at_16_khz = np.interp(np.arange(0, len(samples), 22_050 / 16_000), np.arange(len(samples)), samples)
    segments, _ = whisper.transcribe(at_16_khz.astype(np.float32), language="en", beam_size=1, temperature=0.0)
    return " ".join(segment.text for segment in segments)


def plain(text: str) -> str:
    text = re.sub(r"(?<=\d)[,:.](?=\d)", "", text.lower().replace("%", " percent"))
    text = re.sub(r"\b([ap])\.m\.", r"\1m", text).replace("u.s.", "us").replace("°c", " degrees celsius")
    text = re.sub(r"\b(\d+)\s?km\b|\b(\d+) kilometers\b", r"\1\2 km", text)
    text = re.sub(r"[^\w\s'$]", " ", text)
    numbers = (("one", "1"), ("two", "2"), ("three", "3"), ("nine", "9"), ("3rd", "third"))
    for word, digit in numbers:
        text = re.sub(rf"\b{word}\b", digit, text)
    return " ".join(text.split())


@pytest.mark.parametrize(("speed", "limit"), [(1.0, 0.10), (1.5, 0.10)])
async def test_what_it_says_is_what_was_written(engine: OnnxVITS, whisper: Any, speed: float, limit: float) -> None:
    references = [plain(heard or written) for written, heard in SENTENCES]
    heard = [plain(hear(whisper, await speak(engine, written, speed))) for written, _ in SENTENCES]

    assert jiwer.wer(references, heard) <= limit, list(zip(references, heard, strict=True))


async def test_without_noise_the_same_text_gives_the_same_samples(silent_engine: OnnxVITS) -> None:
    first, second = (
        await speak(silent_engine, "Hello there, friend."),
        await speak(silent_engine, "Hello there, friend."),
    )

    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("speed", [0.25, 0.5, 0.8, 1.25, 2.0, 4.0])
async def test_speed_divides_the_length_of_speech(silent_engine: OnnxVITS, speed: float) -> None:
    text = "The quick brown fox jumps over the lazy dog near the river bank."

    normal, changed = await speak(silent_engine, text), await speak(silent_engine, text, speed)

    assert len(normal) / len(changed) == pytest.approx(speed, rel=0.1)
