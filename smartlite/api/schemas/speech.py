"""Wire format of speech synthesis, as OpenAI has it. Must not know how speech is made."""

from typing import Annotated, Literal

from pydantic import BaseModel, Discriminator, Field, Tag

from smartlite.domain.audio import AudioFormat

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
    stream_format: Literal["audio", "sse"] = Field(
        "audio", description="`audio` sends the file as it is made, `sse` sends it in `speech.audio.delta` events."
    )

    @property
    def voice_name(self) -> str:
        """The voice's id or alias, however it was written."""
        return self.voice if isinstance(self.voice, str) else self.voice.id


class SpeechDeltaEvent(BaseModel):
    """The next bytes of the file."""

    type: Literal["speech.audio.delta"] = "speech.audio.delta"
    audio: str
    """Base64."""


class SpeechUsage(BaseModel):
    """What was spoken. OpenAI counts tokens here; the models served speak characters and give seconds."""

    type: Literal["characters"] = "characters"
    characters: int
    seconds: float


class SpeechDoneEvent(BaseModel):
    """The last event of a stream."""

    type: Literal["speech.audio.done"] = "speech.audio.done"
    usage: SpeechUsage
