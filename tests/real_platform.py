"""The one real platform of a test session, and a question to ask it: fixtures of the folders that use it.

Must not know any test. ``tests/conftest.py`` hands them out, so that the session starts one platform and not two.
"""

from collections.abc import Callable, Iterator

import httpx
import pytest

from benchmarks import clips
from tests.platform.hearing import word_error_rate
from tests.platform.running import RunningPlatform, running_platform

QUESTION = "What is the largest ocean on Earth?"


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    """`smartlite serve` with real models, started once; its end checks that Ctrl-C leaves nothing behind."""
    with running_platform(tmp_path_factory.mktemp("platform") / "serve.log") as running:
        yield running


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
