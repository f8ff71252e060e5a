"""Speech synthesis: what is asked of an engine and what it gives. Must not know engines or wire formats."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from smartlite.domain.audio import AudioChunk, AudioFormat

_MESSAGE_SAMPLES: Final = 256 * 1024
"""1 MiB of float32, well below the 4 MiB that a call between replicas carries: 11 s at 24 kHz."""


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

    def cut(self) -> Iterator["SpokenSentence"]:
        """The same in messages that any call between replicas carries; the first has the text and its symbols."""
        samples, rate_hz = self.audio.samples, self.audio.sample_rate_hz
        yield SpokenSentence(self.text, AudioChunk(samples[:_MESSAGE_SAMPLES], rate_hz), self.input_tokens)
        for start in range(_MESSAGE_SAMPLES, len(samples), _MESSAGE_SAMPLES):
            yield SpokenSentence("", AudioChunk(samples[start : start + _MESSAGE_SAMPLES], rate_hz), 0)


@dataclass(frozen=True, slots=True)
class SentenceAnswer:
    """Whether a replica will speak a sentence of another one's text; what it gives before any sound.

    No error: a refusal is as good an answer, and Serve logs every error with its traceback.
    """

    is_taken: bool


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
