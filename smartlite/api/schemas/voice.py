"""Wire format of voice turns, our own. Must not know how a turn runs."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from smartlite.domain.audio import AudioFormat
from smartlite.domain.pipeline import TurnTranscript
from smartlite.domain.usage import TurnUsage

_Name = Annotated[str, Field(min_length=1, max_length=256)]


class VoiceTurnForm(BaseModel):
    """Fields of ``POST /v1/voice/turns`` beside ``file``, all optional."""

    asr_model: _Name | None = Field(
        None, description="Speech recognition model; the first that is served when absent.", examples=["whisper-1"]
    )
    llm_model: _Name | None = Field(None, description="Language model; the first that is served when absent.")
    tts_model: _Name | None = Field(
        None, description="Speech synthesis model; the first that is served when absent.", examples=["tts-1"]
    )
    voice: _Name | None = Field(
        None, description="Voice of the speech synthesis model; its first when absent.", examples=["alloy"]
    )
    language: Annotated[str, Field(max_length=64)] | None = Field(
        None, description="ISO-639-1 code of the question, such as `en`; detected when absent.", examples=["en"]
    )
    instructions: str | None = Field(
        None,
        max_length=16_384,
        description="What the assistant is told before the question; the platform's own when absent.",
        examples=["Answer in one short sentence."],
    )
    conversation: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        None,
        description="Id of a conversation: what was said in it before is known, and this turn is kept in it.",
    )
    response_format: AudioFormat = Field("mp3", description="Format of the answer's speech.")
    stream: bool = Field(False, description="Send events as they happen, so that the first sentence plays at once.")


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class TranscriptPart(_Answer):
    """The question as text."""

    text: str
    language: str
    """ISO-639-1 code."""
    duration_s: float


class ReplyPart(_Answer):
    """The answer as text."""

    text: str


class AudioPart(_Answer):
    """The answer as one file."""

    format: AudioFormat
    data: str
    """Base64."""
    duration_s: float


class AudioSummary(_Answer):
    """What the ``turn.audio.delta`` events carried."""

    format: AudioFormat
    duration_s: float


class UsagePart(_Answer):
    """What the turn used."""

    audio_input_s: float
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    characters: int
    audio_output_s: float


class VoiceTurnAnswer(_Answer):
    """The answer without ``stream``."""

    id: str
    object: Literal["voice.turn"] = "voice.turn"
    transcript: TranscriptPart
    reply: ReplyPart
    audio: AudioPart
    timings: Mapping[str, float]
    """Seconds by stage; stages overlap, so their sum is more than ``total``."""
    usage: UsagePart


class TranscriptDoneEvent(_Answer):
    """The first event: what was understood."""

    type: Literal["turn.transcript.done"] = "turn.transcript.done"
    id: str
    text: str
    language: str
    duration_s: float


class ReplyDeltaEvent(_Answer):
    """The next piece of the answer's text."""

    type: Literal["turn.reply.delta"] = "turn.reply.delta"
    id: str
    delta: str


class AudioDeltaEvent(_Answer):
    """The next bytes of the answer's file."""

    type: Literal["turn.audio.delta"] = "turn.audio.delta"
    id: str
    format: AudioFormat
    audio: str
    """Base64."""


class TurnDoneEvent(_Answer):
    """The last event of a turn that went well."""

    type: Literal["turn.done"] = "turn.done"
    id: str
    reply: ReplyPart
    audio: AudioSummary
    timings: Mapping[str, float]
    usage: UsagePart


def transcript_part(transcript: TurnTranscript) -> TranscriptPart:
    """The question, times rounded to the millisecond."""
    return TranscriptPart(
        text=transcript.text, language=transcript.language, duration_s=round(transcript.duration_s, 3)
    )


def usage_part(usage: TurnUsage) -> UsagePart:
    """What was used, in one flat object."""
    return UsagePart(
        audio_input_s=round(usage.audio_input_s, 3),
        prompt_tokens=usage.tokens.prompt_tokens,
        completion_tokens=usage.tokens.completion_tokens,
        total_tokens=usage.tokens.total_tokens,
        characters=usage.characters,
        audio_output_s=round(usage.audio_output_s, 3),
    )


def rounded(timings: Mapping[str, float]) -> dict[str, float]:
    """Seconds to the tenth of a millisecond."""
    return {name: round(seconds, 4) for name, seconds in timings.items()}
