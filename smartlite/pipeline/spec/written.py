"""The form of a document as people write it. Must not know what its steps do."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from smartlite.domain.pipelines import MAX_STEPS, ValueType

MAX_PARALLEL: Final = 64
MAX_TIMEOUT_S: Final = 24 * 3600.0
MAX_CACHE_S: Final = 30 * 24 * 3600.0
_MAX_INPUTS: Final = 64
_DESCRIPTION: Final = 4096

PipelineName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
"""An id of a step, a name of an input or output: one that expressions may write without quotes."""
KindName = Annotated[str, Field(max_length=64)]


class _Written(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class WrittenInput(_Written):
    """An input of the pipeline."""

    type: ValueType
    description: str = Field("", max_length=_DESCRIPTION)
    required: bool | None = Field(None, description="Absent: true where there is no default.")
    default: JsonValue = Field(None, description="Taken where the input is absent; audio and files have none.")


class WrittenRetry(_Written):
    """How often a step is tried."""

    attempts: int = Field(1, ge=1, le=10, description="In all.")
    backoff_s: float = Field(
        1.0, ge=0, le=60, description="Before the second attempt, in seconds; doubled before each further one."
    )
    errors: list[Annotated[str, Field(max_length=64)]] = Field(
        default_factory=list, max_length=50, description="Codes of errors; empty: all that may pass."
    )


class WrittenFallback(_Written):
    """What is tried in a step's place where all its attempts failed."""

    uses: KindName | None = Field(None, description="Another kind of step; absent: the same.")
    with_: dict[str, JsonValue] = Field(default_factory=dict, alias="with", description="Replaces fields of the step.")


class WrittenCache(_Written):
    """How long a step's output is taken again for the same work."""

    ttl_s: float = Field(gt=0, le=MAX_CACHE_S, description="In seconds.")


class WrittenStep(_Written):
    """One step."""

    id: Word
    uses: KindName = Field(description="The kind of step.")
    with_: dict[str, JsonValue] = Field(
        default_factory=dict, alias="with", description="Its fields; strings may hold ${{ expressions }}."
    )
    when: str | None = Field(None, description="An expression; where it is false or null, the step is skipped.")
    for_each: str | None = Field(
        None, description="An expression that gives a list; the step runs for each of its items."
    )
    parallel: int = Field(4, ge=1, le=MAX_PARALLEL, description="So many items at the same time.")
    retry: WrittenRetry = Field(default_factory=lambda: WrittenRetry.model_validate({}))
    timeout_s: float | None = Field(None, gt=0, le=MAX_TIMEOUT_S, description="Of one attempt, in seconds.")
    fallback: list[WrittenFallback] = Field(default_factory=list, max_length=5, description="Tried in order.")
    on_error: Literal["fail", "continue"] = "fail"
    needs: list[Word] = Field(
        default_factory=list, max_length=MAX_STEPS, description="Steps that have to end before this one."
    )
    cache: bool | WrittenCache = Field(
        False, description="Whether its output is taken again for the same fields and model; true: for a week."
    )


class WrittenDocument(_Written):
    """A pipeline: typed inputs, steps, and what it gives."""

    name: PipelineName
    description: str = Field("", max_length=_DESCRIPTION)
    inputs: dict[Word, WrittenInput] = Field(default_factory=dict, max_length=_MAX_INPUTS)
    steps: list[WrittenStep] = Field(min_length=1, max_length=MAX_STEPS)
    outputs: dict[Word, JsonValue] = Field(
        default_factory=dict,
        max_length=_MAX_INPUTS,
        description="Values with ${{ expressions }}; absent: what the last steps give.",
    )
