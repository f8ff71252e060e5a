"""Wire format of speech synthesis, as OpenAI has it. Must not know how speech is made."""

from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, Discriminator, Field, Tag

from smartlite.api.schemas.caching import Cache
from smartlite.domain.audio import AudioFormat
from smartlite.domain.tts import SpeechFinished

_Name = Annotated[str, Field(min_length=1, max_length=256)]


class VoiceReference(BaseModel):
    """A voice by its id."""

    id: _Name


def _kind_of_voice(value: object) -> str:
    return "reference" if isinstance(value, dict | VoiceReference) else "name"


_Voice = Annotated[
    Annotated[_Name, Tag("name")] | Annotated[VoiceReference, Tag("reference")], Discriminator(_kind_of_voice)
]
"""Told apart by the JSON type, so that an error speaks of the one that was meant."""


class SpeechRequest(BaseModel):
    """Body of ``POST /v1/audio/speech``; unknown fields are ignored, as OpenAI ignores them."""

    input: str = Field(description="The text to speak; at most 4,096 characters unless the operator set another limit.")
    model: _Name = Field(description="Model id or alias, as `GET /v1/models` lists them.", examples=["tts-1"])
    voice: _Voice = Field(
        description="Voice id or alias of the model; OpenAI's 13 voice names are aliases.", examples=["alloy"]
    )
    response_format: AudioFormat = Field(
        "mp3", description="`pcm` is 24 kHz, 16-bit, little-endian, mono, without a header."
    )
    speed: float = Field(1.0, ge=0.25, le=4.0, allow_inf_nan=False, description="2 is twice as fast.")
    instructions: str | None = Field(
        None, max_length=4096, description="How to speak; ignored by models that cannot follow it."
    )
    language: str | None = Field(
        None,
        min_length=2,
        max_length=35,
        description="Extension: the text's language, a BCP 47 tag such as `pt-BR`. Without it the language is detected."
        " Where the voice does not speak it, another one does and the answer's headers say so.",
        examples=["de"],
    )
    stream_format: Literal["audio", "sse"] = Field(
        "audio", description="`audio` sends the file as it is made, `sse` sends it in `speech.audio.delta` events."
    )

    cache: Cache = None

    @property
    def voice_name(self) -> str:
        """The voice's id or alias, however it was written."""
        return self.voice if isinstance(self.voice, str) else self.voice.id


class SpeechDeltaEvent(BaseModel):
    """The next bytes of the file."""

    type: Literal["speech.audio.delta"] = "speech.audio.delta"
    audio: str
    """Base64."""


AUDIO_TOKENS_PER_S: Final = 50
"""Our unit of audio in ``output_tokens``: 20 ms of speech, whatever the format."""


class SpeechUsage(BaseModel):
    """What was spoken. A model that reads phonemes or characters counts each as a token."""

    input_tokens: int = Field(description="Symbols that the model read: phonemes, characters or tokens.")
    output_tokens: int = Field(description="Speech made, in units of 20 ms.")
    total_tokens: int
    characters: int = Field(description="Extension: of the text.")
    seconds: float = Field(description="Extension: of the speech.")

    @classmethod
    def of(cls, finished: SpeechFinished) -> Self:
        """Count what a stage has done."""
        output_tokens = round(finished.duration_s * AUDIO_TOKENS_PER_S)
        return cls(
            input_tokens=finished.input_tokens,
            output_tokens=output_tokens,
            total_tokens=finished.input_tokens + output_tokens,
            characters=finished.characters,
            seconds=round(finished.duration_s, 3),
        )


class SpeechDoneEvent(BaseModel):
    """The last event of a stream."""

    type: Literal["speech.audio.done"] = "speech.audio.done"
    usage: SpeechUsage
