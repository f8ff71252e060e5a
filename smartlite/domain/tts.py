"""Speech synthesis: what is asked of an engine and what it gives. Must not know engines or wire formats."""

from dataclasses import dataclass

from smartlite.domain.audio import AudioChunk, AudioFormat


@dataclass(frozen=True, slots=True)
class SynthesizeOptions:
    """How to speak a text."""

    voice: str
    """A voice id of the model, not an alias."""
    speed: float = 1.0
    """In [0.25, 4]; 2 is twice as fast."""
    language: str | None = None
    """BCP 47 tag of the text, for voices that speak several languages; None is the voice's first."""
    instructions: str | None = None
    """How to speak, for engines that can be told; the others ignore it."""


@dataclass(frozen=True, slots=True)
class SpeakRequest:
    """What the TTS stage takes."""

    text: str
    model: str
    """A served model's own id, not an alias."""
    options: SynthesizeOptions
    format: AudioFormat


@dataclass(frozen=True, slots=True)
class SpokenSentence:
    """What an engine gives for each sentence, in the order of the text."""

    text: str
    audio: AudioChunk
    """At the engine's own sample rate."""
    input_tokens: int
    """Symbols that the engine read for it: phoneme ids, or characters where it takes text as it is."""


@dataclass(frozen=True, slots=True)
class SpeechChunk:
    """The next bytes of the encoded speech; joined chunks are one file of the format asked for."""

    data: bytes


@dataclass(frozen=True, slots=True)
class SpeechFinished:
    """The last event of the TTS stage."""

    duration_s: float
    characters: int
    input_tokens: int
    """Symbols that the engine read, see SpokenSentence."""
    first_audio_s: float
    """From the stage's start on the request to its first chunk."""
    synthesize_s: float
    """In the engine and the encoder."""


SpeechEvent = SpeechChunk | SpeechFinished
