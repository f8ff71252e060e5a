"""Voice turns: somebody speaks, the platform answers aloud. Must not know how the stages are reached."""

from collections.abc import Mapping
from dataclasses import dataclass

from smartlite.domain.audio import AudioFile, AudioFormat
from smartlite.domain.llm import Message
from smartlite.domain.usage import TurnUsage


@dataclass(frozen=True, slots=True)
class VoiceTurnRequest:
    """What the pipeline stage takes. Models and voice are served ids, not aliases."""

    audio: AudioFile
    asr_model: str
    llm_model: str
    tts_model: str
    voice: str
    format: AudioFormat
    language: str | None = None
    """Of the question; None detects it."""
    instructions: str | None = None
    """System prompt; None takes the platform's own."""
    whole: bool = False
    """True: the speech comes at the end, one finished file whose header states its true sizes. False: as it is made."""
    earlier: tuple[Message, ...] = ()
    """What was said before in the conversation."""
    summary: str | None = None
    """Of what was said before that."""


@dataclass(frozen=True, slots=True)
class TurnTranscript:
    """The question as text; the first event of every turn."""

    text: str
    language: str
    duration_s: float


@dataclass(frozen=True, slots=True)
class TurnReplyDelta:
    """A piece of the answer's text."""

    text: str


@dataclass(frozen=True, slots=True)
class TurnAudio:
    """The next bytes of the answer's speech; joined they are one file of the format asked for."""

    data: bytes


@dataclass(frozen=True, slots=True)
class TurnDone:
    """The last event of every turn."""

    reply_text: str
    audio_duration_s: float
    timings: Mapping[str, float]
    """Seconds, see ``smartlite.pipeline.voice`` for the names."""
    usage: TurnUsage


TurnEvent = TurnTranscript | TurnReplyDelta | TurnAudio | TurnDone
