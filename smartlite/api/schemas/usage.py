"""Wire format of usage and of the history of requests. Must not know how they are kept."""

import json
from datetime import date, datetime
from typing import Literal, Self

from pydantic import BaseModel, Field

from smartlite.domain.metering import MeteredUsage, RequestRecord, UsageSum


class ModelUsageObject(BaseModel):
    """What one request used of one model."""

    model: str
    prompt_tokens: int
    completion_tokens: int
    audio_input_s: float = Field(description="Seconds of recordings.")
    audio_output_s: float = Field(description="Seconds of speech.")
    characters: int = Field(description="Spoken.")
    cost_micros: int = Field(description="In micro-units of the operator's currency, at the prices of that moment.")

    @classmethod
    def of(cls, used: MeteredUsage) -> Self:
        """From the record."""
        return cls(
            model=used.model,
            prompt_tokens=used.prompt_tokens,
            completion_tokens=used.completion_tokens,
            audio_input_s=used.audio_input_ms / 1000,
            audio_output_s=used.audio_output_ms / 1000,
            characters=used.characters,
            cost_micros=used.cost_micros,
        )


class RequestObject(BaseModel):
    """A request that was answered, or whose client left."""

    id: str
    object: Literal["request"] = "request"
    created_at: datetime = Field(description="When it arrived.")
    request_id: str = Field(description="What the answer's header `x-request-id` said.")
    user_id: str | None
    api_key_id: str | None
    organization_id: str | None
    method: str
    route: str | None = Field(description="The template, such as `/v1/models/{model}`; null where none was found.")
    status: int | None = Field(description="Of the answer; null where there was none.")
    error_code: str | None
    duration_ms: int
    stages_ms: dict[str, int] = Field(description="By stage, such as `asr`.")
    request_bytes: int
    response_bytes: int
    client_gone: bool = Field(description="Whether the client left before the answer had ended.")
    usage: list[ModelUsageObject]

    @classmethod
    def of(cls, record: RequestRecord) -> Self:
        """From the record."""
        return cls(
            id=record.id,
            created_at=record.at,
            request_id=record.request_id,
            user_id=record.user_id,
            api_key_id=record.key_id,
            organization_id=record.organization_id,
            method=record.method,
            route=record.route,
            status=record.status,
            error_code=record.error_code,
            duration_ms=record.duration_ms,
            stages_ms=dict(record.stages_ms),
            request_bytes=record.request_bytes,
            response_bytes=record.response_bytes,
            client_gone=record.client_gone,
            usage=[ModelUsageObject.of(used) for used in record.usage],
        )


class RequestList(BaseModel):
    """A part of the history."""

    object: Literal["list"] = "list"
    data: list[RequestObject]
    has_more: bool
    next: str | None


class ContentObject(BaseModel):
    """What was asked and answered in one request."""

    id: str
    object: Literal["request.content"] = "request.content"
    request: str | None = Field(description="The body that was sent, at most 64 KiB; null where it was no text.")
    response: str | None = Field(description="The body that was answered, likewise; of a stream its events.")

    @classmethod
    def read(cls, record_id: str, content: bytes) -> Self:
        """From what is stored."""
        return cls(id=record_id, **json.loads(content))


class UsageObject(BaseModel):
    """What was used in one group."""

    object: Literal["usage"] = "usage"
    group: dict[str, str] = Field(description='By what it was grouped, such as `{"day": "2026-11-26"}`.')
    requests: int = Field(description="Uses of a model: a request that used three counts three times.")
    failed_requests: int
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    audio_input_s: float
    audio_output_s: float
    characters: int
    cost_micros: int

    @classmethod
    def of(cls, found: UsageSum) -> Self:
        """From the sum."""
        return cls(
            group=dict(found.group),
            requests=found.requests,
            failed_requests=found.failed_requests,
            prompt_tokens=found.prompt_tokens,
            completion_tokens=found.completion_tokens,
            total_tokens=found.prompt_tokens + found.completion_tokens,
            audio_input_s=found.audio_input_ms / 1000,
            audio_output_s=found.audio_output_ms / 1000,
            characters=found.characters,
            cost_micros=found.cost_micros,
        )


class UsageReport(BaseModel):
    """What was used between two days, in UTC."""

    object: Literal["list"] = "list"
    start_date: date
    end_date: date = Field(description="This day included.")
    data: list[UsageObject]
    has_more: bool
    next: str | None


class MeteringObject(BaseModel):
    """How far the history is behind, on the machine of the replica that answers."""

    object: Literal["metering"] = "metering"
    backlog_segments: int
    backlog_bytes: int = Field(description="Acknowledged, on this machine's disk, and not in the database yet.")
    lag_s: float = Field(description="Age of the oldest such request.")
    set_aside_bytes: int = Field(description="Of records that the database will never take; should be 0.")
