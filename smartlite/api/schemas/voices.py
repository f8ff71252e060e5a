"""Wire format of ``/v1/audio/voices``: OpenAI's voice object and what is known of it here. Must not know the routes."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from smartlite.domain.models import ServedModel, Voice
from smartlite.domain.speaking import spoken_by


class SpeechVoice(BaseModel):
    """A voice that `POST /v1/audio/speech` takes."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "jm_kumo",
                "object": "audio.voice",
                "name": "Kumo",
                "type": "built_in",
                "created_at": 1790580574,
                "language": "ja-JP",
                "languages": ["ja-JP", "en-US"],
                "model": "kokoro-82m",
                "engine": "kokoro",
                "aliases": ["alloy"],
            }
        }
    )

    id: str
    object: Literal["audio.voice"] = "audio.voice"
    name: str
    type: Literal["built_in"] = "built_in"
    created_at: int = Field(description="Of its model; Unix time in seconds.")
    language: str = Field(description="BCP 47 tag.")
    languages: list[str] = Field(description="BCP 47 tags of every language that it speaks.")
    model: str = Field(description="The model that has this voice.")
    engine: str
    aliases: list[str] = Field(description="Other names that `voice` takes with this model.")

    @classmethod
    def of(cls, model: ServedModel, voice: Voice) -> Self:
        """Describe a voice of a served model."""
        return cls(
            id=voice.id,
            name=voice.name,
            created_at=model.created,
            language=voice.language,
            languages=list(spoken_by(voice)),
            model=model.id,
            engine=model.engine,
            aliases=list(voice.aliases),
        )


class VoiceList(BaseModel):
    """Every voice, model by model."""

    object: Literal["list"] = "list"
    data: list[SpeechVoice]
