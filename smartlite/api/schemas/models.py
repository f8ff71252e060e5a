"""The wire format of ``/v1/models``. Must not know which models are served."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from smartlite.domain.models import ModelLoad, ModelState, ModelTask, ServedModel


class VoiceObject(BaseModel):
    """A speaker of a TTS model."""

    id: str
    name: str
    language: str = Field(description="BCP 47 tag.")
    languages: list[str] = Field(description="BCP 47 tags of every language that it speaks, `language` first.")
    aliases: list[str] = Field(description="Other names that `voice` takes.")


class ModelObject(BaseModel):
    """A model as OpenAI describes it, and what is known of it here."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "whisper-1",
                "object": "model",
                "created": 1663718400,
                "owned_by": "openai",
                "root": "whisper-base",
                "task": "asr",
                "engine": "faster_whisper",
                "state": "loaded",
                "load": "startup",
                "default": True,
                "aliases": ["whisper-1"],
                "languages": ["en", "de"],
                "voices": [],
            }
        }
    )

    id: str = Field(description="The name to use in requests: a model's own id or an alias.")
    object: Literal["model"] = "model"
    created: int = Field(description="Unix time in seconds.")
    owned_by: str
    root: str = Field(description="The model's own id, where `id` is an alias.")
    task: ModelTask
    engine: str
    state: ModelState = Field(
        description="`loaded`; `loading`; `available`: loaded by the first request for it; `failed`: it could not be "
        "loaded, and the next request tries again."
    )
    load: ModelLoad = Field(description="Whether it is loaded when the platform starts or when it is first asked for.")
    default: bool = Field(description="Whether it does its task where a request or a pipeline names no model.")
    aliases: list[str] = Field(description="Further names of the model.")
    languages: list[str] = Field(description="ISO 639-1 codes; empty where the model does not say.")
    voices: list[VoiceObject]

    @classmethod
    def of(cls, name: str, model: ServedModel, state: ModelState, is_default: bool) -> Self:
        """Describe a served model under one of its names."""
        return cls(
            id=name,
            created=model.created,
            owned_by=model.owned_by,
            root=model.id,
            task=model.task,
            engine=model.engine,
            state=state,
            load=model.load,
            default=is_default,
            aliases=list(model.aliases),
            languages=list(model.languages),
            voices=[
                VoiceObject(
                    id=voice.id,
                    name=voice.name,
                    language=voice.language,
                    languages=list(voice.languages or (voice.language,)),
                    aliases=list(voice.aliases),
                )
                for voice in model.voices
            ],
        )


class ModelList(BaseModel):
    """Every name that requests may use."""

    object: Literal["list"] = "list"
    data: list[ModelObject]
