"""Speech that another OpenAI-compatible server recognises. Must not know where it is or how its errors read."""

import io
import wave
from collections.abc import AsyncGenerator
from typing import Annotated, Any, ClassVar, Final, Literal

import numpy as np
from pydantic import Field

from smartlite.domain.asr import EngineTranscriptEvent, Segment, TranscribeOptions, TranscriptInfo, Word
from smartlite.domain.audio import RECOGNITION_SAMPLE_RATE_HZ, AudioChunk
from smartlite.domain.languages import language_code
from smartlite.domain.logprobs import TokenLogprob
from smartlite.engines.protocols import EngineOptions
from smartlite.engines.upstream import Upstream, UpstreamOptions
from smartlite.errors import EngineFailed, InvalidRequest, UnsupportedParameter


class UpstreamASROptions(UpstreamOptions):
    """As of every upstream, and what the model there can answer."""

    answers: Literal["verbose_json", "json"] = "verbose_json"
    """Richest ``response_format`` of the model: ``whisper-1`` gives segments and words (verbose_json), the ``gpt-4o``
    models only the text (json), and log-probabilities."""
    default_language: Annotated[str, Field(pattern=r"^[a-z]{2,3}$")] = "en"
    """ISO-639-1 code that is told for an answer in json which names no language."""


class UpstreamASR(Upstream):
    """An ASR engine: the recording goes out as 16-bit WAV at 16 kHz, the segments come back together."""

    Options: ClassVar[type[EngineOptions]] = UpstreamASROptions
    pieces_at_once: Final = 0
    """What is done with long recordings is the server's business."""

    async def transcribe(
        self, audio: AudioChunk, options: TranscribeOptions
    ) -> AsyncGenerator[EngineTranscriptEvent, None]:
        """Recognise; the contract of ASREngine.

        Raises:
            InvalidRequest: 400, a language that does not exist or that the server refuses.
            UnsupportedParameter: 400, the server's API or model cannot do what an option asks.
        """
        assert isinstance(self._options, UpstreamASROptions)  # noqa: S101 - the registry parsed them
        if audio.sample_rate_hz != RECOGNITION_SAMPLE_RATE_HZ:
            raise EngineFailed(f"Audio at {audio.sample_rate_hz} Hz; the engine takes {RECOGNITION_SAMPLE_RATE_HZ} Hz.")
        request = self._request(options, self._options)
        client = self.client()
        verb = client.audio.transcriptions if options.task == "transcribe" else client.audio.translations
        async with self.translated_errors():
            answer = await verb.create(file=("speech.wav", _wav(audio), "audio/wav"), **request)
        language = self._language(answer, options, self._options)
        yield TranscriptInfo(language, 1.0, audio.duration_s)
        for segment in _segments(answer, audio.duration_s):
            yield segment

    def _request(self, options: TranscribeOptions, own: UpstreamASROptions) -> dict[str, Any]:
        if own.answers == "json" and options.word_timestamps:
            raise UnsupportedParameter(
                f"The model '{self._files.id}' gives no times of words.", "timestamp_granularities"
            )
        if own.answers != "json" and options.logprobs:
            raise UnsupportedParameter(f"The model '{self._files.id}' gives no log-probabilities.", "include")
        request: dict[str, Any] = {
            "model": self._model,
            "response_format": own.answers,
            "temperature": options.temperature,
        }
        if options.prompt:
            request["prompt"] = options.prompt
        if options.task == "translate":
            return request
        if options.language is not None:
            code = language_code(options.language)
            if code is None:
                raise InvalidRequest(f"There is no language '{options.language[:32]}'.", "language")
            request["language"] = code
        if options.logprobs:
            request["include"] = ["logprobs"]
        if options.languages:
            request["languages"] = list(options.languages)
        if options.keywords:
            request["keywords"] = list(options.keywords)
        if options.vad is not None:
            request["chunking_strategy"] = {
                "type": "server_vad",
                "threshold": options.vad.threshold,
                "prefix_padding_ms": round(options.vad.prefix_padding_s * 1000),
                "silence_duration_ms": round(options.vad.silence_s * 1000),
            }
        if own.answers == "verbose_json":
            request["timestamp_granularities"] = ["segment", "word"] if options.word_timestamps else ["segment"]
        return request | self._extensions(options)

    def _extensions(self, options: TranscribeOptions) -> dict[str, Any]:
        names = ("beam_size", "best_of", "patience", "length_penalty", "condition_on_previous_text")
        asked = {name: value for name in names if (value := getattr(options, name)) is not None}
        if asked and not self._options.extensions:
            name = next(iter(asked))
            raise UnsupportedParameter(f"The model '{self._files.id}' takes no '{name}'.", name)
        return {"extra_body": asked} if asked else {}

    @staticmethod
    def _language(answer: Any, options: TranscribeOptions, own: UpstreamASROptions) -> str:
        """``verbose_json`` names a language, ``json`` may list codes; a translation is English text of any."""
        told = getattr(answer, "language", None)
        listed = getattr(answer, "languages", None) or ()
        names = (told, *(getattr(language, "code", None) for language in listed), options.language)
        return next((code for name in names if name and (code := language_code(name))), own.default_language)


def _wav(audio: AudioChunk) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(audio.sample_rate_hz)
        file.writeframes((np.clip(audio.samples, -1, 1) * 32767).round().astype("<i2").tobytes())
    return buffer.getvalue()


def _segments(answer: Any, duration_s: float) -> list[Segment]:
    logprobs = tuple(_logprob(token) for token in getattr(answer, "logprobs", None) or ())
    given = getattr(answer, "segments", None)
    if given is None:
        text = answer.text.strip()
        return [Segment(0, 0.0, duration_s, f" {text}", logprobs=logprobs)] if text else []
    words = [Word(word.word.strip(), word.start, word.end, 1.0) for word in getattr(answer, "words", None) or ()]
    segments = []
    for number, segment in enumerate(given):
        is_last = number == len(given) - 1
        # A word belongs to the segment that its middle lies in; the last takes what is left.
        own = [word for word in words if is_last or (word.start_s + word.end_s) / 2 < segment.end]
        words = words[len(own) :]
        segments.append(
            Segment(
                id=number,
                start_s=min(max(segment.start, 0.0), duration_s),
                end_s=min(max(segment.end, 0.0), duration_s),
                text=segment.text,
                tokens=tuple(segment.tokens or ()),
                seek=segment.seek or 0,
                temperature=segment.temperature or 0.0,
                avg_logprob=segment.avg_logprob or 0.0,
                compression_ratio=segment.compression_ratio or 0.0,
                no_speech_prob=segment.no_speech_prob or 0.0,
                words=tuple(own),
            )
        )
    return segments


def _logprob(token: Any) -> TokenLogprob:
    text = token.token or ""
    data = bytes(int(byte) for byte in token.bytes) if token.bytes is not None else text.encode()
    return TokenLogprob(text, token.logprob or 0.0, data)
