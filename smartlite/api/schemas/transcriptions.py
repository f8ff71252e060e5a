"""Answers and events of transcriptions and translations, as OpenAI has them. Must not know how they are made."""

import math
from collections.abc import Iterable
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from smartlite.api.schemas.transcription_form import Granularity
from smartlite.domain.asr import Segment, Task, Transcript, Word
from smartlite.domain.languages import language_name
from smartlite.domain.logprobs import TokenLogprob

AUDIO_TOKENS_PER_S: Final = 50
"""Positions that Whisper's encoder makes of a second (Radford et al., 2022, section 2.2: 10 ms frames, stride 2)."""


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class DurationUsage(_Answer):
    """Usage counted in seconds of audio."""

    type: Literal["duration"] = "duration"
    seconds: float


class InputTokenDetails(_Answer):
    """What the tokens that were read stand for."""

    audio_tokens: int


class TokenUsage(_Answer):
    """Usage counted in tokens: a prompt's are not counted, tokens of texts that were given up are not either."""

    type: Literal["tokens"] = "tokens"
    input_tokens: int
    input_token_details: InputTokenDetails
    output_tokens: int
    """As the model wrote them, those for times included."""
    total_tokens: int


class Logprob(_Answer):
    """One token of the text and its probability."""

    token: str
    bytes: tuple[int, ...]
    logprob: float


class DetectedLanguage(_Answer):
    """A language found in the recording."""

    code: str


class TranscriptionAnswer(_Answer):
    """``response_format=json``."""

    text: str
    languages: tuple[DetectedLanguage, ...]
    """Empty where nothing was said."""
    logprobs: tuple[Logprob, ...] | None = None
    """Where they were asked for."""
    usage: DurationUsage


class TranslationAnswer(_Answer):
    """``response_format=json`` of a translation."""

    text: str


class VerboseSegment(_Answer):
    """A stretch of speech; times in seconds."""

    id: int
    seek: int
    start: float
    end: float
    text: str
    tokens: tuple[int, ...]
    temperature: float
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float


class VerboseWord(_Answer):
    """One word; times in seconds."""

    word: str
    start: float
    end: float


class VerboseAnswer(_Answer):
    """``response_format=verbose_json``; lists that were not asked for are absent."""

    task: Task
    language: str
    """English name in lower case."""
    duration: float
    text: str
    segments: tuple[VerboseSegment, ...] | None = None
    words: tuple[VerboseWord, ...] | None = None
    usage: DurationUsage


class TextDeltaEvent(_Answer):
    """A piece of the text; joined deltas are the text of the last event."""

    type: Literal["transcript.text.delta"] = "transcript.text.delta"
    delta: str
    logprobs: tuple[Logprob, ...] | None = None


class TextDoneEvent(_Answer):
    """The last event of a stream."""

    type: Literal["transcript.text.done"] = "transcript.text.done"
    text: str
    languages: tuple[DetectedLanguage, ...]
    logprobs: tuple[Logprob, ...] | None = None
    usage: TokenUsage | None = None
    """OpenAI's clients take tokens only here; absent where the engine does not tell what it wrote."""


def json_answer(transcript: Transcript, with_logprobs: bool) -> TranscriptionAnswer:
    """Answer in ``json``."""
    return TranscriptionAnswer(
        text=transcript.text,
        languages=detected(transcript.info.language, transcript.text),
        logprobs=logprobs(transcript.segments) if with_logprobs else None,
        usage=DurationUsage(seconds=_seconds(transcript)),
    )


def verbose_answer(transcript: Transcript, task: Task, granularities: tuple[Granularity, ...]) -> VerboseAnswer:
    """Answer in ``verbose_json``; the text of a translation is English whatever was spoken."""
    language = "english" if task == "translate" else language_name(transcript.info.language)
    return VerboseAnswer(
        task=task,
        language=language,
        duration=_seconds(transcript),
        text=transcript.text,
        segments=tuple(map(_segment, transcript.segments)) if "segment" in granularities else None,
        words=tuple(map(_word, transcript.words)) if "word" in granularities else None,
        usage=DurationUsage(seconds=_seconds(transcript)),
    )


def detected(language: str, text: str) -> tuple[DetectedLanguage, ...]:
    """The language of what was said; nothing said has none."""
    return (DetectedLanguage(code=language),) if text else ()


def logprobs(segments: Iterable[Segment]) -> tuple[Logprob, ...]:
    """The tokens of some segments, in order."""
    return tuple(_logprob(token) for segment in segments for token in segment.logprobs)


def token_usage(duration_s: float, segments: Iterable[Segment]) -> TokenUsage | None:
    """Count what was read and written; None where the engine gave text and no tokens."""
    segments = tuple(segments)
    written = sum(len(segment.tokens) for segment in segments)
    if not written and segments:
        return None
    read = math.ceil(duration_s * AUDIO_TOKENS_PER_S)
    details = InputTokenDetails(audio_tokens=read)
    return TokenUsage(
        input_tokens=read, input_token_details=details, output_tokens=written, total_tokens=read + written
    )


def _seconds(transcript: Transcript) -> float:
    return round(transcript.info.duration_s, 3)


def _segment(segment: Segment) -> VerboseSegment:
    return VerboseSegment(
        id=segment.id,
        seek=segment.seek,
        start=round(segment.start_s, 3),
        end=round(segment.end_s, 3),
        text=segment.text,
        tokens=segment.tokens,
        temperature=_finite(segment.temperature),
        avg_logprob=_finite(segment.avg_logprob),
        compression_ratio=_finite(segment.compression_ratio),
        no_speech_prob=_finite(segment.no_speech_prob),
    )


def _word(word: Word) -> VerboseWord:
    return VerboseWord(word=word.text, start=round(word.start_s, 3), end=round(word.end_s, 3))


def _logprob(token: TokenLogprob) -> Logprob:
    return Logprob(token=token.token, bytes=tuple(token.data), logprob=_finite(token.logprob))


def _finite(value: float) -> float:
    """JSON has no NaN or infinity, and an engine's statistics of an odd segment may be one."""
    return value if math.isfinite(value) else 0.0
