"""Real weights and made speech for the engines' tests. Must not know any engine.

No recording is kept here: espeak-ng speaks clearly enough for recognition in English, German and Italian.
"""

import subprocess
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from smartlite.config import load_settings
from smartlite.domain.audio import RECOGNITION_SAMPLE_RATE_HZ, AudioChunk
from smartlite.domain.models import ModelFiles
from smartlite.models.catalog_file import load_catalog
from smartlite.models.store import ModelStore
from smartlite.storage.objects import FsspecObjectStore

_ESPEAK_RATE_HZ = 22_050
_WAV_HEADER_BYTES = 44


@pytest.fixture(scope="session")
def model_files() -> Callable[[str], ModelFiles]:
    """Find a model of the catalog on this node by its id; fetched once where it is missing."""
    settings = load_settings()
    store = ModelStore(FsspecObjectStore(settings.objects_url), settings.model_cache_dir)
    catalog = load_catalog(settings.catalog)

    @cache
    def find(model_id: str) -> ModelFiles:
        return store.ensure_local(catalog.find(model_id))

    return find


@pytest.fixture(scope="session")
def for_recognition() -> Callable[[AudioChunk], AudioChunk]:
    """Bring audio to 16 kHz, through its spectrum."""

    def resample(audio: AudioChunk) -> AudioChunk:
        count = round(audio.duration_s * RECOGNITION_SAMPLE_RATE_HZ)
        spectrum = np.fft.rfft(audio.samples)[: count // 2 + 1]
        samples = np.fft.irfft(spectrum, count) * (count / len(audio.samples))
        return AudioChunk(samples.astype(np.float32), RECOGNITION_SAMPLE_RATE_HZ)

    return resample


@pytest.fixture(scope="session")
def espeak(for_recognition: Callable[[AudioChunk], AudioChunk]) -> Callable[..., AudioChunk]:
    """Speak a text with espeak-ng: ``espeak(text, voice="en-us")``, at 16 kHz."""

    @cache
    def speak(text: str, voice: str = "en-us") -> AudioChunk:
        command = ["espeak-ng", "-v", voice, "-s", "150", "--stdout", "--", text]
        wav = subprocess.run(command, check=True, capture_output=True, timeout=30).stdout
        samples = np.frombuffer(wav[_WAV_HEADER_BYTES:], "<i2").astype(np.float32) / 32768
        return for_recognition(AudioChunk(samples, _ESPEAK_RATE_HZ))

    return speak
