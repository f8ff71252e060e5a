"""The typed arguments of the graph: what ``serve_config.yaml`` may hold under ``args``.

Must not know how they are used, nor which models and engines there are.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from smartlite.domain.models import ModelLoad, ModelTask
from smartlite.models.catalog import VoiceEntry


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelArgs(_Strict):
    """A model that a stage serves."""

    model: str
    """Id in the catalog (``smartlite models list``), or a new one where the engine needs no files of the catalog."""
    engine: str | None = None
    """Engine that runs it; none takes the catalog's."""
    options: dict[str, object] = {}
    """The engine's own options."""
    load: ModelLoad = "startup"
    """``startup``: with the replica; ``on_demand``: when it is first asked for, and closed again to make room."""
    deployment: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")] | None = None
    """Deployment whose replicas run it; none takes the stage's own, which has its name. A name of the operator's own
    needs an entry under ``deployments``."""
    aliases: tuple[Annotated[str, Field(min_length=1, max_length=128)], ...] = ()
    """Further names, before the catalog's."""
    languages: tuple[str, ...] = ()
    """Of a model that is not in the catalog."""
    voices: tuple[VoiceEntry, ...] = ()
    """Of a TTS model that is not in the catalog."""


class StageArgs(_Strict):
    """A stage and its models; the first is the default."""

    models: Annotated[list[ModelArgs], Field(min_length=1)]
    max_loaded: Annotated[int, Field(ge=1)] = 2
    """Models with ``load: on_demand`` that one replica keeps at once; the one used least recently is closed for the
    next, unless a request works with it."""

    @field_validator("models")
    @classmethod
    def _are_different(cls, models: list[ModelArgs]) -> list[ModelArgs]:
        names = [model.model for model in models]
        if len(names) != len(set(names)):
            msg = "a model is listed twice"
            raise ValueError(msg)
        return models


class ASRArgs(StageArgs):
    """The ASR stage."""

    piece_s: Annotated[float, Field(ge=0, le=1800)] = 30.0
    """A recording that is longer is cut at pauses into pieces with at most so much sound, in seconds, which replicas
    (and an engine with several workers) recognise side by side. 30 is one window of Whisper, which costs the same
    whatever is in it. A piece does not see the text of the one before it. 0 never cuts."""


class LLMArgs(StageArgs):
    """The LLM stage."""

    frame_s: Annotated[float, Field(ge=0, le=1)] = 0.03
    """Tokens that come faster than one in so many seconds are sent together; 0 sends each alone. Of an answer that is
    not streamed, those of 0.25 s are, whatever stands here."""


class TTSArgs(StageArgs):
    """The TTS stage."""

    sentences_ahead: Annotated[int, Field(ge=0, le=8)] = 2
    """Sentences of a text that each other replica may be given at once, where it has no text of its own to speak; 2
    keeps it busy, with 0 a text is spoken by one replica alone."""


class PipelineArgs(_Strict):
    """The voice assistant."""

    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    """Of the LLM."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    max_reply_tokens: Annotated[int, Field(ge=1)] = 256
    """Longest answer, in tokens."""
    first_clause_characters: Annotated[int, Field(ge=0)] = 40
    """The first piece of the answer may end at a comma once it is so long, so that speech starts earlier; 0 never."""


class PlatformArgs(_Strict):
    """The whole platform."""

    asr: ASRArgs
    llm: LLMArgs
    tts: TTSArgs
    embedding: StageArgs | None = None
    """None: vectors are not served."""
    pipeline: PipelineArgs = PipelineArgs()

    def stages(self) -> dict[ModelTask, StageArgs]:
        """Every model stage by its task."""
        stages: dict[ModelTask, StageArgs] = {"asr": self.asr, "llm": self.llm, "tts": self.tts}
        return stages if self.embedding is None else stages | {"embedding": self.embedding}
