"""Wire format of runs of pipelines. Must not know routes or how anything is kept."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from smartlite.api.schemas.usage import ModelUsageObject
from smartlite.api.schemas.waterfall import WaterfallObject
from smartlite.domain.metering import summed
from smartlite.domain.pipelines import Run, RunError, RunState, StepAttempt, StepRun, StepState

MAX_PRIORITY = 10
_NEXT = "What to send as `after` for what follows; null at the end."
_WHOLE = -1


class NewRun(BaseModel):
    """Body of `POST /v1/pipelines/{pipeline}/runs`."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"inputs": {"name": "Ana"}}})

    inputs: dict[str, Any] = Field(default_factory=dict, description="Values by the names of the pipeline's inputs.")
    version: Annotated[int | None, Field(ge=1, le=999_999_999, description="By default the latest.")] = None
    stream: Annotated[bool, Field(description="Answer with the run's events as they happen.")] = False
    stream_audio: Annotated[
        bool, Field(description="With `stream`: speech is told while it is made, as `step.audio`.")
    ] = True
    priority: Annotated[
        int,
        Field(
            ge=-MAX_PRIORITY,
            le=MAX_PRIORITY,
            description="Of those that wait, the higher goes first; above 0 needs the scope `resources:admin`.",
        ),
    ] = 0


class RunErrorObject(BaseModel):
    """Why a run, a step or an attempt failed."""

    code: str
    message: str
    step: str | None
    is_final: bool = Field(description="Whether trying again is of no use.")

    @classmethod
    def of(cls, error: RunError | None) -> Self | None:
        """From what was recorded."""
        if error is None:
            return None
        return cls(code=error.code, message=error.message, step=error.step, is_final=error.is_final)


class RunSummary(BaseModel):
    """A run without its values."""

    id: str
    object: Literal["run"] = "run"
    pipeline_id: str
    pipeline: str
    version: int
    user_id: str | None
    organization_id: str | None
    state: RunState
    priority: int
    cancel_requested: bool
    replay_of: str | None = Field(description="The run whose outputs it began with.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    waited_s: float | None = Field(description="Until it was begun; null while it waits.")
    ran_s: float | None = Field(description="From its begin to its end; null before.")
    error: RunErrorObject | None

    @classmethod
    def summary(cls, run: Run) -> dict[str, Any]:
        """Its fields, from the row."""
        return {
            "id": run.id,
            "pipeline_id": run.pipeline_id,
            "pipeline": run.pipeline_name,
            "version": run.version,
            "user_id": run.user_id or None,
            "organization_id": run.organization_id,
            "state": run.state,
            "priority": run.priority,
            "cancel_requested": run.cancel_requested,
            "replay_of": run.replay_of,
            "created_at": run.created_at,
            "started_at": run.started_at,
            "finished_at": run.finished_at,
            "waited_s": seconds_between(run.created_at, run.started_at),
            "ran_s": seconds_between(run.started_at, run.finished_at),
            "error": RunErrorObject.of(run.error),
        }


class RunList(BaseModel):
    """A part of the runs, the newest first."""

    object: Literal["list"] = "list"
    data: list[RunSummary]
    has_more: bool
    next: str | None = Field(description=_NEXT)


class RunObject(RunSummary):
    """A run. A value that is media has the key `$media`, whose `url` gives the bytes."""

    inputs: dict[str, Any]
    outputs: dict[str, Any] | None


class StepObject(BaseModel):
    """What became of a step, or of one item of it."""

    step: str = Field(description="Its id; of a step in a nested pipeline with the ids of those that it is in.")
    item: int | None = Field(description="Of `for_each`; null for the step as a whole.")
    state: StepState
    attempts: int
    started_at: datetime | None
    finished_at: datetime | None
    took_s: float | None
    error: RunErrorObject | None
    output: Any = Field(None, description="Where it was asked for.")
    output_media: dict[str, Any] | None = Field(None, description="Where it is, if it is large: JSON.")
    cached: bool = Field(description="Whether the output is what the same work gave before.")
    usage: list[ModelUsageObject] = Field(description="Of models, by all its attempts.")
    cost_micros: int

    @classmethod
    def of(cls, step: StepRun, output: Any, output_media: dict[str, Any] | None) -> Self:
        """From the row."""
        return cls(
            step=step.step_id,
            item=None if step.item == _WHOLE else step.item,
            state=step.state,
            attempts=step.attempts,
            started_at=step.started_at,
            finished_at=step.finished_at,
            took_s=seconds_between(step.started_at, step.finished_at),
            error=RunErrorObject.of(step.error),
            output=output,
            output_media=output_media,
            cached=step.is_cached,
            usage=[ModelUsageObject.of(used) for used in summed(step.usage)],
            cost_micros=sum(used.cost_micros for used in step.usage),
        )


class AttemptObject(BaseModel):
    """One attempt of a step, or of one item of it."""

    step: str
    item: int | None
    number: int
    started_at: datetime
    finished_at: datetime | None = Field(description="Null while it goes on, and where its worker was lost.")
    took_s: float | None
    error: RunErrorObject | None

    @classmethod
    def of(cls, attempt: StepAttempt) -> Self:
        """From the row."""
        return cls(
            step=attempt.step_id,
            item=None if attempt.item == _WHOLE else attempt.item,
            number=attempt.number,
            started_at=attempt.started_at,
            finished_at=attempt.finished_at,
            took_s=seconds_between(attempt.started_at, attempt.finished_at),
            error=RunErrorObject.of(attempt.error),
        )


class RunDetail(RunObject):
    """A run with its steps."""

    steps: list[StepObject]
    attempts: list[AttemptObject]
    waterfall: WaterfallObject
    usage: list[ModelUsageObject] = Field(description="Of each model, by all steps.")
    cost_micros: int = Field(description="In micro-units of the operator's currency, at the prices of that moment.")


class StepList(BaseModel):
    """A part of a run's steps and their items, by their ids."""

    object: Literal["list"] = "list"
    data: list[StepObject]
    has_more: bool
    next: str | None = Field(description=_NEXT)


def seconds_between(begin: datetime | None, end: datetime | None) -> float | None:
    """How long it took; null where either is not known."""
    return None if begin is None or end is None else round((end - begin).total_seconds(), 6)
