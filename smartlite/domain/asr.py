"""Speech recognition: what is asked of an engine and what it says. Must not know engines or wire formats."""

from dataclasses import dataclass, replace
from typing import Final, Literal

from smartlite.domain.audio import AudioChunk, AudioFile
from smartlite.domain.logprobs import TokenLogprob

_FRAMES_PER_S: Final = 100
"""Of ``Segment.seek``."""

Task = Literal["transcribe", "translate"]


@dataclass(frozen=True, slots=True)
class ServerVAD:
    """How a recording is cut where nobody speaks (OpenAI's ``chunking_strategy``)."""

    threshold: float = 0.5
    """Probability of speech, in (0, 1), from which a frame counts as speech."""
    prefix_padding_s: float = 0.3
    """Kept before each stretch of speech."""
    silence_s: float = 0.2
    """A pause that is longer ends a stretch."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What is done to samples before they are recognised; None leaves the choice to the stage, which looks at them.

    Mixing to mono and resampling are always done.
    """

    loudness: bool | None = None
    """Bring speech to one loudness."""
    trim_silence: bool | None = None
    """Cut silence off both ends; times in the transcript still count from the start of what was sent."""
    denoise: bool | None = None
    """Reduce steady noise."""


@dataclass(frozen=True, slots=True)
class TranscribeOptions:
    """How to recognise one utterance or recording. Where a field may be None, None takes the engine's own setting."""

    task: Task = "transcribe"
    """``translate`` gives English text whatever is spoken."""
    language: str | None = None
    """ISO-639-1 code; None detects it."""
    prompt: str | None = None
    """Text that precedes the audio: spelling, names, style."""
    temperature: float = 0.0
    """In [0, 1]; 0 is greedy or beam search."""
    word_timestamps: bool = False
    languages: tuple[str, ...] = ()
    """Codes among which it is detected; empty: all that the model knows. Unused where ``language`` is given."""
    keywords: tuple[str, ...] = ()
    """Words that may be spoken, such as names: recognised more readily."""
    logprobs: bool = False
    """Fill ``Segment.logprobs``."""
    vad: ServerVAD | None = None
    """Cut the recording in this way; None takes the engine's own."""
    beam_size: int | None = None
    """Hypotheses kept at temperature 0."""
    best_of: int | None = None
    """Samples drawn at temperatures above 0."""
    patience: float | None = None
    """Beam search goes on until ``patience * beam_size`` hypotheses have ended (Kasai et al., 2022)."""
    length_penalty: float | None = None
    """Exponent of the length that a hypothesis' score is divided by (Wu et al., 2016, equation 14)."""
    condition_on_previous_text: bool | None = None
    """Whether a window sees the text of those before it."""


@dataclass(frozen=True, slots=True)
class TranscribeRequest:
    """What the ASR stage takes."""

    audio: AudioFile
    model: str
    """A served model's own id, not an alias."""
    options: TranscribeOptions = TranscribeOptions()
    preprocessing: Preprocessing = Preprocessing()


@dataclass(frozen=True, slots=True)
class PieceRequest:
    """What one ASR replica asks of another: to recognise a piece of a recording."""

    audio: AudioChunk
    """At 16 kHz."""
    model: str
    options: TranscribeOptions


@dataclass(frozen=True, slots=True)
class PieceTaken:
    """The first event of a piece at another replica: it is there and its model is loaded."""


@dataclass(frozen=True, slots=True)
class Word:
    """One spoken word."""

    text: str
    """As the engine gives it, without surrounding white space."""
    start_s: float
    end_s: float
    probability: float


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech with its text; times count from the start of the recording."""

    id: int
    start_s: float
    end_s: float
    text: str
    """With the leading space that Whisper puts there: joined texts make the transcript."""
    tokens: tuple[int, ...] = ()
    seek: int = 0
    """First frame (10 ms each) of the window the segment was found in."""
    temperature: float = 0.0
    avg_logprob: float = 0.0
    compression_ratio: float = 0.0
    no_speech_prob: float = 0.0
    words: tuple[Word, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    """Of the text's tokens, where they were asked for."""

    def later(self, seconds: float) -> "Segment":
        """The same segment of a recording with so many seconds more before it."""
        if not seconds:
            return self
        return replace(
            self,
            start_s=self.start_s + seconds,
            end_s=self.end_s + seconds,
            seek=self.seek + round(seconds * _FRAMES_PER_S),
            words=tuple(
                replace(word, start_s=word.start_s + seconds, end_s=word.end_s + seconds) for word in self.words
            ),
        )


@dataclass(frozen=True, slots=True)
class TranscriptInfo:
    """The first event of every transcription."""

    language: str
    """ISO-639-1 code, given or detected."""
    language_probability: float
    duration_s: float
    """Length of the whole recording, silence included."""


@dataclass(frozen=True, slots=True)
class TranscriptFinished:
    """The last event of the ASR stage (engines do not send it)."""

    decode_s: float
    """From encoded bytes to samples."""
    transcribe_s: float
    """In the engine, waiting for it included."""


EngineTranscriptEvent = TranscriptInfo | Segment
TranscriptEvent = TranscriptInfo | Segment | TranscriptFinished
PieceEvent = PieceTaken | TranscriptInfo | Segment


@dataclass(frozen=True, slots=True)
class Transcript:
    """A whole transcription."""

    info: TranscriptInfo
    segments: tuple[Segment, ...]
    finished: TranscriptFinished

    @property
    def text(self) -> str:
        """The joined text of all segments, without white space at its ends."""
        return "".join(segment.text for segment in self.segments).strip()

    @property
    def words(self) -> tuple[Word, ...]:
        """The words of all segments, in order."""
        return tuple(word for segment in self.segments for word in segment.words)
