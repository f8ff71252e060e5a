"""The wire format of ``/v1/batches``, as OpenAI has it. Must not know routes or how anything is kept."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from smartlite.api.schemas.files import ExpiresAfter
from smartlite.domain.batches import COMPLETION_WINDOW, Batch, BatchFault, BatchState, BatchUsage

MAX_PAIRS = 16
_Key = Annotated[str, Field(min_length=1, max_length=64)]
_Value = Annotated[str, Field(max_length=512)]
Endpoint = Literal[
    "/v1/chat/completions",
    "/v1/embeddings",
    "/v1/responses",
    "/v1/audio/transcriptions",
    "/v1/audio/translations",
    "/v1/audio/speech",
]


class NewBatch(BaseModel):
    """Body of `POST /v1/batches`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "input_file_id": "file_0199f7c0d1a27000a1b2c3d4e5f60718",
                "endpoint": "/v1/audio/transcriptions",
                "completion_window": "24h",
            }
        },
    )

    input_file_id: Annotated[str, Field(min_length=1, max_length=64)] = Field(
        description="A file of the purpose `batch`: a line of JSON for each request."
    )
    endpoint: Endpoint = Field(description="What every line asks.")
    completion_window: Literal["24h"] = Field(description="What is not answered by then is not answered any more.")
    metadata: Annotated[dict[_Key, _Value], Field(max_length=MAX_PAIRS)] | None = Field(
        None, description="Up to 16 pairs of your own, given back with the batch."
    )
    output_expires_after: ExpiresAfter | None = Field(None, description="By default outputs go after 30 days.")


class BatchErrorObject(BaseModel):
    """Something that is wrong with a batch, or with a line of its input."""

    code: str
    line: int | None = Field(description="Of the input file, from 1 on.")
    message: str
    param: str | None

    @classmethod
    def of(cls, fault: BatchFault) -> Self:
        """From what was found."""
        return cls(code=fault.code, line=fault.line, message=fault.message, param=fault.param)


class BatchErrors(BaseModel):
    """All of them, 1000 at most."""

    object: Literal["list"] = "list"
    data: list[BatchErrorObject]


class BatchRequestCounts(BaseModel):
    """How many lines."""

    total: int
    completed: int
    failed: int


class CachedTokens(BaseModel):
    """Details of the input."""

    cached_tokens: int


class ReasoningTokens(BaseModel):
    """Details of the output."""

    reasoning_tokens: int


class BatchUsageObject(BaseModel):
    """Tokens of all answers."""

    input_tokens: int
    input_tokens_details: CachedTokens
    output_tokens: int
    output_tokens_details: ReasoningTokens
    total_tokens: int

    @classmethod
    def of(cls, usage: BatchUsage) -> Self:
        """From what was summed."""
        return cls(
            input_tokens=usage.input_tokens,
            input_tokens_details=CachedTokens(cached_tokens=usage.cached_tokens),
            output_tokens=usage.output_tokens,
            output_tokens_details=ReasoningTokens(reasoning_tokens=usage.reasoning_tokens),
            total_tokens=usage.input_tokens + usage.output_tokens,
        )


class BatchObject(BaseModel):
    """A batch. Times are Unix times in seconds."""

    id: str
    object: Literal["batch"] = "batch"
    endpoint: str
    model: str | None = Field(description="Where all lines name the same.")
    errors: BatchErrors | None
    input_file_id: str
    completion_window: str
    status: BatchState
    output_file_id: str | None = Field(description="Once it has ended, where a line was answered well.")
    error_file_id: str | None = Field(description="Once it has ended, where a line was not.")
    created_at: int
    in_progress_at: int | None
    expires_at: int
    finalizing_at: int | None
    completed_at: int | None
    failed_at: int | None
    expired_at: int | None
    cancelling_at: int | None
    cancelled_at: int | None
    request_counts: BatchRequestCounts
    usage: BatchUsageObject
    metadata: dict[str, str] | None

    @classmethod
    def of(cls, batch: Batch) -> Self:
        """From the row."""
        errors = BatchErrors(data=list(map(BatchErrorObject.of, batch.faults))) if batch.faults else None
        ended = {state: _unix(batch.ended_at) if batch.state is state else None for state in BatchState}
        return cls(
            id=batch.id,
            endpoint=str(batch.endpoint),
            model=batch.model,
            errors=errors,
            input_file_id=batch.input_file_id,
            completion_window=COMPLETION_WINDOW,
            status=batch.state,
            output_file_id=batch.output_file_id,
            error_file_id=batch.error_file_id,
            created_at=int(batch.created_at.timestamp()),
            in_progress_at=_unix(batch.in_progress_at),
            expires_at=int(batch.expires_at.timestamp()),
            finalizing_at=_unix(batch.finalizing_at),
            completed_at=ended[BatchState.COMPLETED],
            failed_at=ended[BatchState.FAILED],
            expired_at=ended[BatchState.EXPIRED],
            cancelling_at=_unix(batch.cancelling_at),
            cancelled_at=ended[BatchState.CANCELLED],
            request_counts=BatchRequestCounts(total=batch.total, completed=batch.completed, failed=batch.failed),
            usage=BatchUsageObject.of(batch.usage),
            metadata=None if batch.labels is None else dict(batch.labels),
        )


class BatchList(BaseModel):
    """A part of the batches, the newest first."""

    object: Literal["list"] = "list"
    data: list[BatchObject]
    first_id: str | None
    last_id: str | None = Field(description="What to send as `after` for what follows.")
    has_more: bool


def _unix(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp())
