"""How often a recording computes: once for a window, and never again when nobody waits."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from smartlite.domain.asr import TranscribeOptions
from smartlite.domain.audio import AudioChunk
from smartlite.domain.models import ModelFiles
from smartlite.engines.step_threads import Stopped
from smartlite.engines.whisper_options import WhisperOptions
from smartlite.engines.whisper_request import WhisperModelFacts, WhisperRequest, resolve_request

pytestmark = pytest.mark.models

Speak = Callable[..., AudioChunk]


def _request(temperatures: tuple[float, ...] = (0.0,), cut: bool = False, **options: Any) -> WhisperRequest:
    facts = WhisperModelFacts("base", multilingual=True, knows=lambda code: True, encode=lambda text: [])
    request = resolve_request(TranscribeOptions(**options), WhisperOptions(vad=cut), facts)
    return replace(request, temperatures=temperatures)


class CountingModel:
    """A CTranslate2 model that counts its encodings and decodings."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.encodings = 0
        self.decodings = 0

    def encode(self, *args: Any, **kwargs: Any) -> Any:
        self.encodings += 1
        return self._model.encode(*args, **kwargs)

    def generate(self, *args: Any, **kwargs: Any) -> Any:
        self.decodings += 1
        return self._model.generate(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


@pytest.fixture(scope="module")
def loaded(model_files: Callable[[str], ModelFiles]) -> Any:
    """whisper-base, as the library loads it."""
    from faster_whisper import WhisperModel

    directory = str(model_files("whisper-base").directory)
    return WhisperModel(directory, device="cpu", compute_type="int8", local_files_only=True)


@pytest.fixture
def recording(loaded: Any) -> Any:
    """A recording that has not begun, over a model that counts."""
    from smartlite.engines.faster_whisper_recording import Recording

    recording = Recording(loaded)
    recording.model = CountingModel(loaded.model)
    return recording


def test_a_window_whose_language_was_detected_is_encoded_once(recording: Any, espeak: Speak) -> None:
    model = recording.model
    recording.begin(espeak("The garden has many trees.").samples, _request())
    assert recording.next_segment() is not None
    assert model.encodings == 1


def test_a_stopped_recording_computes_no_further_window(recording: Any, espeak: Speak) -> None:
    model = recording.model
    samples = np.tile(espeak("The garden has many trees.").samples, 20)
    recording.begin(samples, _request(language="en"))
    recording.next_segment()
    assert (model.encodings, model.decodings) == (1, 1)
    recording.stop()
    with pytest.raises(Stopped):
        recording.next_segment()
    assert (model.encodings, model.decodings) == (1, 1)


def test_a_stopped_recording_tries_no_further_temperature(recording: Any, espeak: Speak) -> None:
    model = recording.model
    generate = model.generate

    def generate_and_stop(*args: Any, **kwargs: Any) -> Any:
        recording.stop()
        return generate(*args, **kwargs)

    model.generate = generate_and_stop
    samples = espeak("The garden has many trees.").samples
    recording.begin(samples, _request((0.0, 0.2, 0.4), language="en"), log_prob_threshold=1.0)
    with pytest.raises(Stopped):
        recording.next_segment()
    assert model.decodings == 1


def test_silence_costs_no_window(recording: Any, espeak: Speak) -> None:
    model = recording.model
    hiss = np.random.default_rng(0).normal(0, 0.001, 120 * 16_000).astype(np.float32)
    recording.begin(np.concatenate([hiss, espeak("The garden has many trees.").samples, hiss]), _request(cut=True))
    segment = recording.next_segment()
    assert segment is not None
    assert segment.start_s == pytest.approx(120, abs=1)
    assert recording.next_segment() is None
    assert model.encodings == 1


class WidthModel(CountingModel):
    """A CTranslate2 model that keeps how many frames it was given to encode."""

    def encode(self, features: Any, **kwargs: Any) -> Any:
        self.frames = features.shape[2]
        return super().encode(features, **kwargs)


@pytest.mark.parametrize("shortest_s", [1.0, 10.0, 30.0])
def test_a_short_clip_is_encoded_as_short_as_is_allowed(loaded: Any, espeak: Speak, shortest_s: float) -> None:
    from smartlite.engines.faster_whisper_recording import Recording

    recording = Recording(loaded, shortest_s)
    recording.model = model = WidthModel(loaded.model)
    clip = espeak("The garden has many trees.")
    recording.begin(clip.samples, _request(language="en", word_timestamps=True, logprobs=True))
    segment = recording.next_segment()
    assert model.frames == pytest.approx(max(100 * shortest_s, 100 * clip.duration_s + 300), abs=2)
    assert segment is not None
    assert "garden" in segment.text.lower()
    assert segment.words[-1].end_s <= clip.duration_s
    assert len(segment.logprobs) > 0
