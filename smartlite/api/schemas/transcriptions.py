"""Wire format of transcriptions and translations, as OpenAI has it. Must not know how they are made."""

import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from smartlite.domain.asr import Segment, Task, Transcript, Word
from smartlite.domain.languages import language_name

ModelName = Annotated[str, Field(min_length=1, max_length=256)]
Temperature = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Granularity = Literal["word", "segment"]


class TranslationForm(BaseModel):
    """Fields of ``POST /v1/audio/translations`` beside ``file``; others are ignored, as OpenAI ignores them."""

    model: ModelName = Field(description="Model id or alias, as `GET /v1/models` lists them.", examples=["whisper-1"])
    prompt: str | None = Field(
        None, description="Text that precedes the recording: names, spelling, style. Taken as English by Whisper."
    )
    response_format: Literal["json", "text", "srt", "verbose_json", "vtt"] = Field(
        "json", description="Form of the answer."
    )
    temperature: Temperature = Field(0.0, description="Sampling temperature from 0 to 1; 0 is the most likely text.")


class TranscriptionForm(BaseModel):
    """Fields of ``POST /v1/audio/transcriptions`` beside ``file``; others are ignored, as OpenAI ignores them."""

    model: ModelName = Field(description="Model id or alias, as `GET /v1/models` lists them.", examples=["whisper-1"])
    language: Annotated[str, Field(max_length=64)] | None = Field(
        None, description="ISO-639-1 code of what is spoken, such as `en`; detected when absent.", examples=["en"]
    )
    prompt: str | None = Field(None, description="Text that precedes the recording: names, spelling, style.")
    response_format: Literal["json", "text", "srt", "verbose_json", "vtt", "diarized_json"] = Field(
        "json", description="Form of the answer. `diarized_json` is refused: no served model tells speakers apart."
    )
    temperature: Temperature = Field(0.0, description="Sampling temperature from 0 to 1; 0 is the most likely text.")
    timestamp_granularities: tuple[Granularity, ...] = Field(
        ("segment",), description="What `verbose_json` lists with its times. `timestamp_granularities[]` is taken too."
    )
    include: tuple[Literal["logprobs"], ...] = Field(
        (), description="`logprobs` is refused: no served model gives them. `include[]` is taken too."
    )
    stream: bool = Field(
        False, description="Send `transcript.text.delta` and `.done` events as segments are recognised (json, text)."
    )


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class DurationUsage(_Answer):
    """Usage counted in seconds of audio."""

    type: Literal["duration"] = "duration"
    seconds: float


class DetectedLanguage(_Answer):
    """A language found in the recording."""

    code: str


class TranscriptionAnswer(_Answer):
    """``response_format=json``."""

    text: str
    languages: tuple[DetectedLanguage, ...]
    """Empty where nothing was said."""
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


class TextDoneEvent(_Answer):
    """The last event of a stream."""

    type: Literal["transcript.text.done"] = "transcript.text.done"
    text: str
    languages: tuple[DetectedLanguage, ...]


def json_answer(transcript: Transcript) -> TranscriptionAnswer:
    """Answer in ``json``."""
    return TranscriptionAnswer(
        text=transcript.text, languages=detected(transcript), usage=DurationUsage(seconds=_seconds(transcript))
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


def detected(transcript: Transcript) -> tuple[DetectedLanguage, ...]:
    """The language of what was said; nothing said has none."""
    return (DetectedLanguage(code=transcript.info.language),) if transcript.text else ()


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


def _finite(value: float) -> float:
    """JSON has no NaN or infinity, and an engine's statistics of an odd segment may be one."""
    return value if math.isfinite(value) else 0.0
