"""One recording's way through a loaded faster-whisper model: speech found, language told, segments one by one.

Must not know event loops or who waits. Imports the library: only ``FasterWhisper.start`` imports this module.
"""

import dataclasses
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.audio import pad_or_trim
from faster_whisper.transcribe import restore_speech_timestamps
from faster_whisper.vad import SpeechTimestampsMap, VadOptions, get_speech_timestamps
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, RuntimeException

from smartlite.domain.asr import Segment, TranscriptInfo, Word
from smartlite.domain.audio import RECOGNITION_SAMPLE_RATE_HZ

LIBRARY_ERRORS: Final = (RuntimeError, ValueError, MemoryError, Fail, InvalidArgument, RuntimeException)
"""What CTranslate2, faster-whisper and onnxruntime (for voice activity) raise."""

_FRAMES_PER_S: Final = 100


class Stopped(Exception):
    """Nobody waits for this recording any more."""


class Recording(WhisperModel):  # type: ignore[misc]  # the library has no types
    """A view of a loaded model for one recording; it shares the weights and adds what belongs to the recording.

    The library encodes the first window twice where it detects the language (once to detect, once to decode), and it
    can be stopped only between segments. Here the first window is encoded once, and ``stop`` takes effect before the
    next window and before the next temperature of a window that is decoded again.
    """

    def __init__(self, loaded: WhisperModel) -> None:
        self.__dict__.update(loaded.__dict__)
        self._stopped = threading.Event()
        self._first_window: tuple[NDArray[np.float32], Any] | None = None
        self._segments: Iterator[Any] = iter(())
        self._duration_s = 0.0
        self._times: SpeechTimestampsMap | None = None
        self._count = 0

    def stop(self) -> None:
        """Make the running step, and every later one, raise Stopped as soon as it can. Called from any thread."""
        self._stopped.set()

    def begin(
        self, samples: NDArray[np.float32], language: str | None, vad: VadOptions | None, settings: dict[str, Any]
    ) -> TranscriptInfo:
        """Find speech and tell the language. Blocks: 3 ms per second of audio, and one encoding to detect a language.

        Args:
            samples: Shape (n,), at 16 kHz.
            language: A code that the model knows; None detects it.
            vad: How to find speech; None takes everything for speech.
            settings: Further arguments of the library's ``transcribe``.

        Returns:
            Where there is no speech and no language was given: English with probability 0.
        """
        self._check_stopped()
        self._duration_s = len(samples) / RECOGNITION_SAMPLE_RATE_HZ
        chunks = [{"start": 0, "end": len(samples)}] if len(samples) else []
        if vad is not None:
            chunks = get_speech_timestamps(samples, vad)
            self._check_stopped()
        if not chunks:
            given = language is not None or not self.model.is_multilingual
            return TranscriptInfo(language or "en", 1.0 if given else 0.0, self._duration_s)
        # Not the library's collect_chunks: it copies all that came before for every chunk.
        speech = np.concatenate([samples[chunk["start"] : chunk["end"]] for chunk in chunks])
        segments, info = self.transcribe(speech, language=language, vad_filter=False, **settings)
        if vad is not None:
            self._times = SpeechTimestampsMap(chunks, RECOGNITION_SAMPLE_RATE_HZ)
            segments = restore_speech_timestamps(segments, chunks, RECOGNITION_SAMPLE_RATE_HZ)
        self._segments = iter(segments)
        return TranscriptInfo(info.language, float(info.language_probability), self._duration_s)

    def next_segment(self) -> Segment | None:
        """Recognise until the next segment is there; None after the last. Blocks for a window of 30 s at most."""
        self._check_stopped()
        found = next(self._segments, None)
        if found is None:
            return None
        start_s = self._within(found.start)
        words = []
        for word in found.words or ():
            word_start_s = self._within(word.start)
            end_s = max(word_start_s, self._within(word.end))
            words.append(Word(word.word.strip(), word_start_s, end_s, float(word.probability)))
        segment = Segment(
            id=self._count,
            start_s=start_s,
            end_s=max(start_s, self._within(found.end)),
            text=found.text,
            tokens=tuple(found.tokens),
            seek=self._original_frame(found.seek),
            temperature=float(found.temperature or 0.0),
            avg_logprob=float(found.avg_logprob),
            compression_ratio=float(found.compression_ratio),
            no_speech_prob=float(found.no_speech_prob),
            words=tuple(words),
        )
        self._count += 1
        return segment

    def encode(self, features: NDArray[np.float32]) -> Any:
        """Encode a window, shape (n_mels, 3000), unless the detection of the language has done so."""
        self._check_stopped()
        first, self._first_window = self._first_window, None
        if first is not None and np.array_equal(first[0], features):
            return first[1]
        return super().encode(features)

    def detect_language(self, *, features: NDArray[np.float32], **_: Any) -> tuple[str, float, list[tuple[str, float]]]:
        """Detect the language of the first window, shape (n_mels, n), cut as the decoding will cut it."""
        frames = min(features.shape[-1] - 1, self.feature_extractor.nb_max_frames)
        window = pad_or_trim(features[..., :frames])
        encoded = self.encode(window)
        self._first_window = (window, encoded)
        probabilities = [(token[2:-2], float(p)) for token, p in self.model.detect_language(encoded)[0]]
        return *probabilities[0], probabilities

    def generate_with_fallback(self, encoder_output: Any, prompt: list[int], tokenizer: Any, options: Any) -> Any:
        """Decode a window at one temperature after the other until the result is good enough."""
        temperatures = self._until_stopped(options.temperatures)
        options = dataclasses.replace(options, temperatures=temperatures)
        return super().generate_with_fallback(encoder_output, prompt, tokenizer, options)

    def _until_stopped(self, temperatures: Sequence[float]) -> Iterator[float]:
        for temperature in temperatures:
            self._check_stopped()
            yield temperature

    def _check_stopped(self) -> None:
        if self._stopped.is_set():
            raise Stopped

    def _within(self, seconds: float) -> float:
        """Whisper's timestamps count in a window of 30 s and may lie behind the end of a shorter recording."""
        return min(max(float(seconds), 0.0), self._duration_s)

    def _original_frame(self, frame: int) -> int:
        if self._times is None:
            return int(frame)
        start_s = float(self._times.get_original_time(frame / _FRAMES_PER_S))
        return round(start_s * _FRAMES_PER_S)
