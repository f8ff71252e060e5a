"""One recording's way through a loaded openai-whisper model: speech found, language told, segments one by one.

Must not know event loops or who waits. Imports the library: only ``OpenAIWhisper.start`` imports this module. The
library's own ``transcribe`` does the same in one call that cannot be stopped and gives nothing before its end.
"""

import dataclasses
import math
import threading
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, RuntimeException
from whisper.audio import N_FRAMES, N_SAMPLES, log_mel_spectrogram, pad_or_trim
from whisper.decoding import DecodingOptions, DecodingResult
from whisper.timing import add_word_timestamps
from whisper.tokenizer import Tokenizer, get_tokenizer

from smartlite.domain.asr import Segment, TranscriptInfo, Word
from smartlite.domain.audio import RECOGNITION_SAMPLE_RATE_HZ
from smartlite.engines.language_choice import choose_language
from smartlite.engines.openai_whisper_windows import Span, split_window
from smartlite.engines.speech_cut import Speech
from smartlite.engines.step_threads import Stopped
from smartlite.engines.token_logprobs import WindowLogprobs
from smartlite.engines.whisper_request import WhisperRequest

LIBRARY_ERRORS: Final = (RuntimeError, ValueError, IndexError, MemoryError, Fail, InvalidArgument, RuntimeException)
"""What torch, openai-whisper and onnxruntime (for voice activity) raise."""

_FRAMES_PER_S: Final = 100
_MOST_REPETITIVE: Final = 2.4
_LEAST_LOGPROB: Final = -1.0
_SILENCE_FROM: Final = 0.6
"""These three are the library's: a window's text is tried again, or taken for silence (Radford et al., section 4.5)."""
_TRIED_TOKENS: Final = 150
"""Of a text that only tells how well its language fits."""
_FORGET_FROM: Final = 0.5
"""Text of a window that needed a higher temperature is not shown to the next one."""
_TIMING: Final = threading.Lock()
"""Word times switch a way of computing attention off for the whole process, and on again."""


class Recording:
    """A recording; used by one thread at a time, as the model is."""

    def __init__(self, model: Any, dtype: torch.dtype) -> None:
        self._model = model
        self._dtype = dtype
        self._stopped = threading.Event()
        self._segments: Iterator[Segment] = iter(())
        self._first_window: Any = None

    def stop(self) -> None:
        """Make the running step, and every later one, raise Stopped as soon as it can. Called from any thread."""
        self._stopped.set()

    def begin(self, samples: NDArray[np.float32], request: WhisperRequest) -> TranscriptInfo:
        """Find speech and tell the language. Blocks: 3 ms per second of audio, and one encoding to detect a language.

        Args:
            samples: Shape (n,), at 16 kHz.
            request: Checked against this model.

        Returns:
            Where there is no speech and no language was given: a possible one with probability 0.
        """
        self._check_stopped()
        duration_s = len(samples) / RECOGNITION_SAMPLE_RATE_HZ
        speech = Speech(samples, request.cut)
        self._check_stopped()
        if not speech.stretches:
            return TranscriptInfo(*request.without_speech, duration_s)
        # 30 s of silence behind it, as the model was trained; they are not recognised.
        mel = log_mel_spectrogram(torch.from_numpy(speech.samples), self._model.dims.n_mels, padding=N_SAMPLES)
        mel = mel[:, : mel.shape[-1] - N_FRAMES]
        language, probability = request.language, 1.0
        if language is None:
            with torch.no_grad():
                self._first_window = self._encode(mel, 0)
                _, probabilities = self._model.detect_language(self._first_window)
                language, probability = choose_language(probabilities, request.languages, self._write_down)
        self._segments = self._recognise(mel, speech, request, language)
        return TranscriptInfo(language, float(probability), duration_s)

    def next_segment(self) -> Segment | None:
        """Recognise until the next segment is there; None after the last. Blocks for a window of 30 s at most."""
        self._check_stopped()
        with torch.no_grad():
            return next(self._segments, None)

    def warm_up(self) -> None:
        """Decode eight tokens of silence and time them: what the first request would wait for."""
        model = self._model
        tokenizer = get_tokenizer(model.is_multilingual, num_languages=model.num_languages, language="en")
        with torch.no_grad():
            features = self._encode(torch.zeros(model.dims.n_mels, _FRAMES_PER_S), 0)
            model.decode(features, DecodingOptions(language="en", sample_len=8, fp16=self._dtype == torch.float16))
            self._time_words([Span(0.0, 1.0, tokenizer.encode(" a word"))], tokenizer, features, 0, _FRAMES_PER_S, 0.0)

    def _write_down(self, language: str) -> float:
        """Mean log-probability of the first window's text in a language."""
        self._check_stopped()
        options = DecodingOptions(language=language, sample_len=_TRIED_TOKENS, fp16=self._dtype == torch.float16)
        return float(self._model.decode(self._first_window, options).avg_logprob)

    def _recognise(self, mel: Any, speech: Speech, request: WhisperRequest, language: str) -> Iterator[Segment]:
        model = self._model
        tokenizer = get_tokenizer(
            model.is_multilingual, num_languages=model.num_languages, language=language, task=request.task
        )
        before = list(request.prompt)
        seek, count, spoken_until_s = 0, 0, 0.0
        while seek < mel.shape[-1]:
            features, size = self._encode(mel, seek), min(N_FRAMES, mel.shape[-1] - seek)
            result = self._decode(features, request, language, request.context(before))
            if result.no_speech_prob > _SILENCE_FROM and result.avg_logprob <= _LEAST_LOGPROB:
                seek += size
                continue
            window = split_window(result.tokens, tokenizer.timestamp_begin, size)
            advance = window.advance_frames
            words: list[list[dict[str, Any]]] = [[] for _ in window.spans]
            if request.word_timestamps:
                words = self._time_words(window.spans, tokenizer, features, seek, size, spoken_until_s)
                if ends := [timed[-1]["end"] for timed in words if timed]:
                    spoken_until_s = float(ends[-1])
                    ends_at = round(spoken_until_s * _FRAMES_PER_S)
                    if not window.ends_in_silence and ends_at > seek:
                        advance = ends_at - seek
            logprobs = self._judge(features, result.tokens, tokenizer) if request.logprobs else None
            for span, timed in zip(window.spans, words, strict=True):
                text_tokens = [token for token in span.tokens if token < tokenizer.eot]
                text = tokenizer.decode(text_tokens)
                likely = logprobs.take(text_tokens) if logprobs else ()
                if span.start_s == span.end_s or not text.strip():
                    continue
                before.extend(span.tokens)
                segment = _place(span, timed, seek, speech)
                yield dataclasses.replace(
                    segment,
                    id=count,
                    text=text,
                    temperature=float(result.temperature),
                    avg_logprob=float(result.avg_logprob),
                    compression_ratio=float(result.compression_ratio),
                    no_speech_prob=float(result.no_speech_prob),
                    logprobs=likely,
                )
                count += 1
            if not request.condition_on_previous_text or result.temperature > _FORGET_FROM:
                before.clear()
            seek += advance

    def _encode(self, mel: Any, seek: int) -> Any:
        """Encode a window, unless the detection of the language has done so; shape (n_audio_ctx, n_audio_state)."""
        self._check_stopped()
        first, self._first_window = self._first_window, None
        if first is not None:
            return first
        window = pad_or_trim(mel[:, seek : seek + N_FRAMES], N_FRAMES)
        return self._model.embed_audio(window.unsqueeze(0).to(self._model.device, self._dtype))[0]

    def _decode(self, features: Any, request: WhisperRequest, language: str, context: list[int]) -> DecodingResult:
        """Decode a window at one temperature after the other until the result is good enough."""
        tried: list[DecodingResult] = []
        for temperature in request.temperatures:
            self._check_stopped()
            search: dict[str, Any] = {"best_of": request.best_of}
            if temperature == 0:
                beams = {"beam_size": request.beam_size, "patience": request.patience}
                search = beams if request.beam_size > 1 else {}
            options = DecodingOptions(
                task=request.task,
                language=language,
                temperature=temperature,
                length_penalty=request.length_penalty,
                prompt=context or None,
                fp16=self._dtype == torch.float16,
                **search,
            )
            result: DecodingResult = self._model.decode(features, options)
            likely = result.avg_logprob >= _LEAST_LOGPROB
            if result.compression_ratio <= _MOST_REPETITIVE:
                tried.append(result)
                if likely:
                    return result
            if not likely and result.no_speech_prob > _SILENCE_FROM:
                return result
        # The last temperature stands for all of them: whether the next window sees the text hangs on it.
        best = max(tried or [result], key=lambda outcome: outcome.avg_logprob)
        return dataclasses.replace(best, temperature=request.temperatures[-1])

    def _time_words(
        self, spans: list[Span], tokenizer: Tokenizer, features: Any, seek: int, size: int, spoken_until_s: float
    ) -> list[list[dict[str, Any]]]:
        """When each word is spoken, in seconds of the joined speech; moves spans' ends to those of their words."""
        offset_s = seek / _FRAMES_PER_S
        timed: list[dict[str, Any]] = [
            {"seek": seek, "start": offset_s + span.start_s, "end": offset_s + span.end_s, "tokens": span.tokens}
            for span in spans
        ]
        with _TIMING:
            add_word_timestamps(
                segments=timed,
                model=_Encoded(self._model, features),
                tokenizer=tokenizer,
                mel=features,
                num_frames=size,
                last_speech_timestamp=spoken_until_s,
            )
        for span, segment in zip(spans, timed, strict=True):
            span.start_s, span.end_s = segment["start"] - offset_s, segment["end"] - offset_s
        return [segment["words"] for segment in timed]

    def _judge(self, features: Any, written: list[int], tokenizer: Tokenizer) -> WindowLogprobs:
        """Ask the model how likely each token of a window's text was, given those before it."""
        text = [token for token in written if token < tokenizer.eot]
        head = [*tokenizer.sot_sequence, tokenizer.no_timestamps]
        tokens = torch.tensor([[*head, *text]], device=self._model.device)
        logits = self._model.logits(tokens, features.unsqueeze(0))[0, len(head) - 1 : -1, : tokenizer.eot]
        chosen = logits.float().log_softmax(dim=-1)[torch.arange(len(text)), torch.tensor(text, dtype=torch.long)]
        logprobs = [value if math.isfinite(value) else _LEAST_LOGPROB for value in chosen.tolist()]
        return WindowLogprobs(text, logprobs, tokenizer.encoding.decode_single_token_bytes)

    def _check_stopped(self) -> None:
        if self._stopped.is_set():
            raise Stopped


class _Encoded:
    """A model that has encoded its window: the library would do so again to time words."""

    def __init__(self, model: Any, features: Any) -> None:
        self._model = model
        self._features = features.unsqueeze(0)

    def __call__(self, _: Any, tokens: Any) -> Any:
        return self._model.decoder(tokens, self._features)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


def _place(span: Span, timed: list[dict[str, Any]], seek: int, speech: Speech) -> Segment:
    """A segment with its times in the recording, and those of its words."""
    words = []
    for word in timed:
        middle_s = (word["start"] + word["end"]) / 2
        start_s = speech.original_s(word["start"], middle_s=middle_s)
        end_s = max(start_s, speech.original_s(word["end"], middle_s=middle_s))
        words.append(Word(word["word"].strip(), start_s, end_s, float(word["probability"])))
    offset_s = seek / _FRAMES_PER_S
    start_s = words[0].start_s if words else speech.original_s(offset_s + span.start_s)
    end_s = words[-1].end_s if words else speech.original_s(offset_s + span.end_s, is_end=True)
    frame = speech.original_frame(seek)
    return Segment(0, start_s, max(start_s, end_s), "", tuple(span.tokens), seek=frame, words=tuple(words))
