"""One real platform for all tests of this folder: `smartlite serve`, real models, and clients that see only HTTP."""

from collections.abc import Callable, Iterator
from functools import cache

import httpx
import pytest
from openai import OpenAI

from benchmarks import clips
from tests.platform.hearing import word_error_rate
from tests.platform.running import RunningPlatform, running_platform

QUESTION = "What is the largest ocean on Earth?"


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    """Started once; its end checks that Ctrl-C leaves nothing behind."""
    with running_platform(tmp_path_factory.mktemp("platform") / "serve.log") as running:
        yield running


@pytest.fixture
def client(platform: RunningPlatform) -> Iterator[httpx.Client]:
    """A client that repeats nothing by itself."""
    with httpx.Client(base_url=platform.url, trust_env=False, timeout=100) as client:
        yield client


@pytest.fixture
def openai_client(platform: RunningPlatform) -> Iterator[OpenAI]:
    """The official client; raises where an answer is not as its types say."""
    with OpenAI(
        base_url=f"{platform.url}/v1", api_key="unused", max_retries=0, timeout=100, _strict_response_validation=True
    ) as client:
        yield client


@pytest.fixture(scope="session")
def speak(platform: RunningPlatform) -> Callable[[str], bytes]:
    """The platform's own speech of a text: 16-bit mono samples at 24 kHz. The same text is spoken once."""

    @cache
    def say(text: str) -> bytes:
        asked = {"model": "tts-1", "voice": "alloy", "input": text, "response_format": "pcm"}
        answer = httpx.post(f"{platform.url}/v1/audio/speech", json=asked, trust_env=False, timeout=100)
        assert answer.status_code == 200, answer.text
        return answer.content

    return say


@pytest.fixture(scope="session")
def wav() -> Callable[[bytes], bytes]:
    """Put samples at 24 kHz into a WAV."""
    return clips.wav


@pytest.fixture(scope="session")
def question(platform: RunningPlatform, wav: Callable[[bytes], bytes]) -> bytes:
    """``QUESTION`` as a WAV file: the first of five recordings that is heard right, since the voice is sampled.

    How well the voice is understood is not this fixture's to test.
    """
    with httpx.Client(base_url=platform.url, trust_env=False, timeout=100) as client:
        for _ in range(5):
            asked = {"model": "tts-1", "voice": "alloy", "input": QUESTION, "response_format": "pcm"}
            recording = wav(client.post("/v1/audio/speech", json=asked).raise_for_status().content)
            heard = [
                client.post("/v1/audio/transcriptions", files={"file": ("q.wav", recording)}, data={"model": model})
                for model in ("whisper-base", "whisper-tiny.en")
            ]
            if all(word_error_rate(QUESTION, answer.raise_for_status().json()["text"]) == 0 for answer in heard):
                return recording
    raise AssertionError(f"of five recordings of {QUESTION!r} none was understood")


@pytest.fixture
def hear(openai_client: OpenAI, wav: Callable[[bytes], bytes]) -> Callable[[bytes, str], str]:
    """The platform's own transcript of a file of speech: ``hear(data, "mp3")``."""

    def transcribe(data: bytes, audio_format: str) -> str:
        file = ("speech.wav", wav(data)) if audio_format == "pcm" else (f"speech.{audio_format}", data)
        return openai_client.audio.transcriptions.create(model="whisper-1", file=file, language="en").text

    return transcribe
