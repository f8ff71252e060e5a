"""One recording's way through a loaded faster-whisper model: speech found, language told, segments one by one.

Must not know event loops or who waits. Imports the library: only ``FasterWhisper.start`` imports this module.
"""

import dataclasses
import math
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.audio import pad_or_trim
from faster_whisper.tokenizer import Tokenizer
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, RuntimeException

from smartlite.domain.asr import Segment, TranscriptInfo, Word
from smartlite.domain.audio import RECOGNITION_SAMPLE_RATE_HZ
from smartlite.engines.byte_level import token_bytes
from smartlite.engines.language_choice import choose_language
from smartlite.engines.speech_cut import Speech
from smartlite.engines.step_threads import Stopped
from smartlite.engines.token_logprobs import WindowLogprobs
from smartlite.engines.whisper_request import WhisperRequest

LIBRARY_ERRORS: Final = (RuntimeError, ValueError, MemoryError, Fail, InvalidArgument, RuntimeException)
"""What CTranslate2, faster-whisper and onnxruntime (for voice activity) raise."""

_WINDOW_FRAMES: Final = 3000
_WINDOW_S: Final = 30.0
_FRAMES_PER_STEP: Final = 2
"""Frames that one step of the encoder's output stands for."""
_FRAMES_AFTER: Final = 300
"""Kept of what fills a window up, so that the model hears the end."""
_LEAST_PROBABILITY: Final = 1e-10
_TRIED_TOKENS: Final = 150
"""Of a text that only tells how well its language fits."""


class Recording(WhisperModel):  # type: ignore[misc]  # the library has no types
    """A view of a loaded model for one recording; it shares the weights and adds what belongs to the recording.

    The library encodes the first window twice where it detects the language (once to detect, once to decode), and it
    can be stopped only between segments. Here the first window is encoded once, and ``stop`` takes effect before the
    next window and before the next temperature of a window that is decoded again.
    """

    def __init__(self, loaded: WhisperModel, shortest_window_s: float = _WINDOW_S) -> None:
        """View a model.

        Args:
            loaded: The model.
            shortest_window_s: Windows are filled up with silence to this length at least; the model learnt on 30 s.
        """
        self.__dict__.update(loaded.__dict__)
        self._shortest_frames = round(shortest_window_s * _WINDOW_FRAMES / _WINDOW_S)
        self._stopped = threading.Event()
        self._first_window: tuple[NDArray[np.float32], Any] | None = None
        self._segments: Iterator[Any] = iter(())
        self._request: Any = None
        self._duration_s = 0.0
        self._speech: Any = None
        self._logprobs: WindowLogprobs | None = None
        self._count = 0

    def stop(self) -> None:
        """Make the running step, and every later one, raise Stopped as soon as it can. Called from any thread."""
        self._stopped.set()

    def begin(self, samples: NDArray[np.float32], request: WhisperRequest, **settings: Any) -> TranscriptInfo:
        """Find speech and tell the language. Blocks: 3 ms per second of audio, and one encoding to detect a language.

        Args:
            samples: Shape (n,), at 16 kHz.
            request: Checked against this model.
            settings: Further arguments of the library's ``transcribe``.

        Returns:
            Where there is no speech and no language was given: a possible one with probability 0.
        """
        self._check_stopped()
        self._request = request
        self._duration_s = len(samples) / RECOGNITION_SAMPLE_RATE_HZ
        self._speech = speech = Speech(samples, request.cut)
        self._check_stopped()
        if not speech.stretches:
            language, probability = request.without_speech
            return TranscriptInfo(language, probability, self._duration_s)
        segments, info = self.transcribe(speech.samples, vad_filter=False, **(_arguments(request) | settings))
        self._segments = iter(segments)
        return TranscriptInfo(info.language, float(info.language_probability), self._duration_s)

    def next_segment(self) -> Segment | None:
        """Recognise until the next segment is there; None after the last. Blocks for a window of 30 s at most."""
        self._check_stopped()
        found = next(self._segments, None)
        if found is None:
            return None
        words = tuple(self._words(found.words or ()))
        speech = self._speech
        start_s = words[0].start_s if words else speech.original_s(found.start)
        end_s = words[-1].end_s if words else speech.original_s(found.end, is_end=True)
        text_tokens = [token for token in found.tokens if token < self._first_special]
        segment = Segment(
            id=self._count,
            start_s=start_s,
            end_s=max(start_s, end_s),
            text=found.text,
            tokens=tuple(found.tokens),
            seek=speech.original_frame(found.seek),
            temperature=float(found.temperature or 0.0),
            avg_logprob=float(found.avg_logprob),
            compression_ratio=float(found.compression_ratio),
            no_speech_prob=float(found.no_speech_prob),
            words=words,
            logprobs=self._logprobs.take(text_tokens) if self._logprobs else (),
        )
        self._count += 1
        return segment

    def encode(self, features: NDArray[np.float32]) -> Any:
        """Encode a window, shape (n_mels, 3000), unless the detection of the language has done so."""
        self._check_stopped()
        first, self._first_window = self._first_window, None
        if first is not None and np.array_equal(first[0], features):
            return first[1]
        return super().encode(self._shortened(features))

    def _shortened(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """A window without most of what fills it up: columns of zeros, which no sound has."""
        if self._shortest_frames >= _WINDOW_FRAMES:
            return features
        filled = np.flatnonzero(features.any(axis=0))
        sounding = int(filled[-1]) + 1 if len(filled) else 0
        return features[:, : max(self._shortest_frames, sounding + _FRAMES_AFTER)]

    def detect_language(self, *, features: NDArray[np.float32], **_: Any) -> tuple[str, float, list[tuple[str, float]]]:
        """Detect the language of the first window, shape (n_mels, n), cut as the decoding will cut it."""
        frames = min(features.shape[-1] - 1, self.feature_extractor.nb_max_frames)
        window = pad_or_trim(features[..., :frames])
        encoded = self.encode(window)
        self._first_window = (window, encoded)
        probabilities = [(token[2:-2], float(p)) for token, p in self.model.detect_language(encoded)[0]]
        language, probability = choose_language(
            dict(probabilities), self._request.languages, lambda code: self._write_down(encoded, code)
        )
        return language, probability, probabilities

    def _write_down(self, encoded: Any, language: str) -> float:
        """Mean log-probability of a window's text in a language."""
        self._check_stopped()
        tokenizer = Tokenizer(self.hf_tokenizer, True, task="transcribe", language=language)
        prompt = [list(tokenizer.sot_sequence)]
        (result,) = self.model.generate(encoded, prompt, beam_size=1, return_scores=True, max_length=_TRIED_TOKENS)
        length = len(result.sequences_ids[0])
        return float(result.scores[0]) * length / (length + 1)

    def get_prompt(self, tokenizer: Any, previous_tokens: list[int], *_: Any, **__: Any) -> list[int]:
        """Tokens that a window's text follows. The library's own may become longer than the model takes."""
        context = self._request.context(previous_tokens)
        return [*([tokenizer.sot_prev, *context] if context else []), *tokenizer.sot_sequence]

    def generate_with_fallback(self, encoder_output: Any, prompt: list[int], tokenizer: Any, options: Any) -> Any:
        """Decode a window at one temperature after the other until the result is good enough."""
        temperatures = self._until_stopped(options.temperatures)
        options = dataclasses.replace(options, temperatures=temperatures)
        outcome = super().generate_with_fallback(encoder_output, prompt, tokenizer, options)
        if self._request.logprobs:
            tokens = [token for token in outcome[0].sequences_ids[0] if token < tokenizer.eot]
            self._logprobs = self._judge(encoder_output, tokens, tokenizer)
        return outcome

    def _judge(self, encoder_output: Any, tokens: list[int], tokenizer: Any) -> WindowLogprobs:
        """Ask the model how likely each token of a window's text was, given those before it."""
        frames = encoder_output.shape[1] * _FRAMES_PER_STEP
        (aligned,) = self.model.align(encoder_output, tokenizer.sot_sequence, [tokens], frames)
        logprobs = [math.log(max(p, _LEAST_PROBABILITY)) for p in aligned.text_token_probs]
        return WindowLogprobs(tokens, logprobs, lambda token: token_bytes(self.hf_tokenizer.id_to_token(token)))

    def _words(self, words: Sequence[Any]) -> Iterator[Word]:
        for word in words:
            middle_s = (word.start + word.end) / 2
            start_s = self._speech.original_s(word.start, middle_s=middle_s)
            end_s = max(start_s, self._speech.original_s(word.end, middle_s=middle_s))
            yield Word(word.word.strip(), start_s, end_s, float(word.probability))

    @property
    def _first_special(self) -> int:
        return int(self.hf_tokenizer.token_to_id("<|endoftext|>"))

    def _until_stopped(self, temperatures: Sequence[float]) -> Iterator[float]:
        for temperature in temperatures:
            self._check_stopped()
            yield temperature

    def _check_stopped(self) -> None:
        if self._stopped.is_set():
            raise Stopped


def _arguments(request: WhisperRequest) -> dict[str, Any]:
    """A request in the library's words."""
    arguments: dict[str, Any] = {
        "task": request.task,
        "language": request.language,
        "initial_prompt": list(request.prompt) or None,
        "temperature": request.temperatures,
        "word_timestamps": request.word_timestamps,
        "beam_size": request.beam_size,
        "best_of": request.best_of,
        "patience": request.patience,
        "condition_on_previous_text": request.condition_on_previous_text,
    }
    if request.length_penalty is not None:
        arguments["length_penalty"] = request.length_penalty
    return arguments
