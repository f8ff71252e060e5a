"""Clients of the one real platform (``tests/conftest.py``) that see only HTTP."""

from collections.abc import Callable, Iterator
from functools import cache

import httpx
import pytest
from openai import OpenAI

from tests.platform.running import RunningPlatform


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


@pytest.fixture
def hear(openai_client: OpenAI, wav: Callable[[bytes], bytes]) -> Callable[[bytes, str], str]:
    """The platform's own transcript of a file of speech: ``hear(data, "mp3")``."""

    def transcribe(data: bytes, audio_format: str) -> str:
        file = ("speech.wav", wav(data)) if audio_format == "pcm" else (f"speech.{audio_format}", data)
        return openai_client.audio.transcriptions.create(model="whisper-1", file=file, language="en").text

    return transcribe
