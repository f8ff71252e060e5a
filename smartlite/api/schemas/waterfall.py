"""Wire format of a run over time. Must not know what ran."""

from typing import Self

from pydantic import BaseModel, Field

from smartlite.domain.pipelines import StepState
from smartlite.pipeline.waterfall import AttemptBar, StepBar, Waterfall


class AttemptBarObject(BaseModel):
    """One attempt."""

    number: int
    begin_ms: float
    end_ms: float | None = Field(description="Null while it goes on, and where its worker was lost.")
    first_text_ms: float | None
    first_audio_ms: float | None
    error: str | None = Field(description="Code of the error that ended it.")

    @classmethod
    def of(cls, bar: AttemptBar) -> Self:
        """From what was worked out."""
        return cls(
            number=bar.number,
            begin_ms=bar.begin_ms,
            end_ms=bar.end_ms,
            first_text_ms=bar.first_text_ms,
            first_audio_ms=bar.first_audio_ms,
            error=bar.error,
        )


class StepBarObject(BaseModel):
    """One step, or one item of it."""

    step: str
    item: int | None
    state: StepState
    begin_ms: float
    end_ms: float | None
    attempts: list[AttemptBarObject]

    @classmethod
    def of(cls, bar: StepBar) -> Self:
        """From what was worked out."""
        return cls(
            step=bar.step,
            item=bar.item,
            state=bar.state,
            begin_ms=bar.begin_ms,
            end_ms=bar.end_ms,
            attempts=list(map(AttemptBarObject.of, bar.attempts)),
        )


class WaterfallObject(BaseModel):
    """Every time is in milliseconds since the run was asked for."""

    queued_ms: float | None = Field(description="Until a worker began it.")
    total_ms: float | None = Field(description="Until its end.")
    first_text_ms: float | None = Field(description="Until a step told its first text.")
    first_audio_ms: float | None = Field(description="Until a step had made its first audio.")
    steps: list[StepBarObject] = Field(description="In the order in which they began.")

    @classmethod
    def of(cls, found: Waterfall) -> Self:
        """From what was worked out."""
        return cls(
            queued_ms=found.queued_ms,
            total_ms=found.total_ms,
            first_text_ms=found.first_text_ms,
            first_audio_ms=found.first_audio_ms,
            steps=list(map(StepBarObject.of, found.steps)),
        )
