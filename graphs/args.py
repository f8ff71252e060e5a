"""The typed arguments of the graph: what ``serve_config.yaml`` may hold under ``args``.

Must not know how they are used.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from smartlite.domain.models import ModelTask
from smartlite.engines.registry import parse_options
from smartlite.errors import ConfigurationError, ModelNotFound
from smartlite.models.catalog import Catalog


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelArgs(_Strict):
    """A model that a stage serves."""

    model: str
    """Id in the catalog (``smartlite models list``)."""
    engine: str | None = None
    """Engine that runs it; none takes the catalog's."""
    options: dict[str, object] = {}
    """The engine's own options."""


class StageArgs(_Strict):
    """A stage and its models; the first is the default."""

    models: Annotated[list[ModelArgs], Field(min_length=1)]

    @field_validator("models")
    @classmethod
    def _are_different(cls, models: list[ModelArgs]) -> list[ModelArgs]:
        names = [model.model for model in models]
        if len(names) != len(set(names)):
            msg = "a model is listed twice"
            raise ValueError(msg)
        return models


class LLMArgs(StageArgs):
    """The LLM stage."""

    frame_s: Annotated[float, Field(ge=0, le=1)] = 0.03
    """Tokens that come faster than one in so many seconds are sent together; 0 sends each alone."""


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

    asr: StageArgs
    llm: LLMArgs
    tts: StageArgs
    pipeline: PipelineArgs = PipelineArgs()

    def stages(self) -> dict[ModelTask, StageArgs]:
        """Every model stage by its task."""
        return {"asr": self.asr, "llm": self.llm, "tts": self.tts}

    def check(self, catalog: Catalog) -> None:
        """Check every model, engine and option against the catalog and the registry, before any replica starts.

        Raises:
            ConfigurationError: With the key, what was wrong, and the nearest right one.
        """
        for task, stage in self.stages().items():
            for served in stage.models:
                try:
                    entry = catalog.find(served.model)
                except ModelNotFound as error:
                    raise ConfigurationError(error.message, f"args.{task}") from error
                if entry.task != task:
                    raise ConfigurationError(
                        f"The model '{served.model}' does {entry.task}, not {task}.", f"args.{task}"
                    )
                parse_options(task, served.engine or entry.engine, served.options)
