"""Wire format of webhooks and of what was sent to them. Must not know routes or how anything is kept.

An endpoint is described as OpenAI describes its own, with whose it is and how it fares beside that.
"""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from smartlite.domain.webhooks import Delivery, DeliveryState, EventType, WebhookEndpoint
from smartlite.jobs.webhooks import MAX_OVERLAP_S

_DAY_S = 24 * 3600
_NEXT = "What to send as `after` for what follows; null at the end."
_Url = Annotated[
    str, Field(min_length=1, max_length=2048, description="https://, at a public address unless the operator says so.")
]
_Name = Annotated[str, Field(max_length=200, description="For people.")]
_Types = Annotated[list[EventType], Field(min_length=1, max_length=8, description="What it is told of.")]


class NewWebhook(BaseModel):
    """Body of `POST /v1/webhooks`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"url": "https://example.com/hook", "name": "Captions", "event_types": ["run.succeeded"]}
        },
    )

    url: _Url
    name: _Name = ""
    event_types: _Types


class ChangedWebhook(BaseModel):
    """Body of `PATCH /v1/webhooks/{id}`; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"is_active": True}})

    url: _Url | None = None
    name: _Name | None = None
    event_types: _Types | None = None
    is_active: bool | None = Field(
        None, description="False: it is told of nothing, and what waits for it is given up. True: it begins anew."
    )


class SecretRotation(BaseModel):
    """Body of `POST /v1/webhooks/{id}/rotate-secret`."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"overlap_s": 3600}})

    overlap_s: Annotated[float, Field(ge=0, le=MAX_OVERLAP_S)] = Field(
        _DAY_S, description="Seconds that events are signed with the old secret too; 24 hours when absent."
    )


class WebhookObject(BaseModel):
    """An address that is told of events."""

    id: str
    object: Literal["webhook_endpoint"] = "webhook_endpoint"
    user_id: str | None
    organization_id: str | None = Field(description="Null: of its user alone.")
    name: str
    url: str
    event_types: list[str]
    signing_secret_hint: str
    previous_secret_until: int | None = Field(description="Until when events are signed with the secret before too.")
    is_active: bool
    inactive_reason: str | None = Field(description="Why the platform switched it off.")
    failing_since: int | None = Field(description="When a delivery failed, if none succeeded since.")
    created_at: int
    updated_at: int

    @classmethod
    def of(cls, endpoint: WebhookEndpoint) -> Self:
        """Describe an endpoint."""
        return cls(
            id=endpoint.id,
            user_id=endpoint.owner_id or None,
            organization_id=endpoint.organization_id,
            name=endpoint.name,
            url=endpoint.url,
            event_types=list(endpoint.event_types),
            signing_secret_hint=endpoint.secret_hint,
            previous_secret_until=_seconds(endpoint.previous_until),
            is_active=endpoint.is_active,
            inactive_reason=endpoint.inactive_reason,
            failing_since=_seconds(endpoint.failing_since),
            created_at=int(endpoint.created_at.timestamp()),
            updated_at=int(endpoint.updated_at.timestamp()),
        )


class MadeWebhook(WebhookObject):
    """An endpoint whose secret was just made."""

    signing_secret: str = Field(description="It is shown this once.")


class WebhookList(BaseModel):
    """A part of the endpoints, the newest first."""

    object: Literal["list"] = "list"
    data: list[WebhookObject]
    has_more: bool
    next: str | None = Field(description=_NEXT)


class DeliveryObject(BaseModel):
    """One event for one endpoint."""

    id: str
    object: Literal["webhook_delivery"] = "webhook_delivery"
    webhook_id: str
    event_id: str = Field(description="Sent as `webhook-id`; the same in every attempt and delivery of the event.")
    type: str
    state: DeliveryState
    attempts: int
    created_at: datetime
    next_at: datetime | None = Field(description="When it is sent next; null once it is not.")
    finished_at: datetime | None
    status: int | None = Field(description="What the last attempt was answered.")
    error: str | None = Field(description="Why the last attempt failed.")
    duration_ms: int | None = Field(description="Of the last attempt.")
    response: str | None = Field(description="How the last answer began: 1024 characters at most.")
    payload: str = Field(description="As it is sent: JSON.")

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        """Describe a delivery."""
        return cls(
            id=delivery.id,
            webhook_id=delivery.endpoint_id,
            event_id=delivery.event_id,
            type=delivery.type,
            state=delivery.state,
            attempts=delivery.attempts,
            created_at=delivery.created_at,
            next_at=delivery.next_at,
            finished_at=delivery.finished_at,
            status=delivery.status,
            error=delivery.error,
            duration_ms=delivery.duration_ms,
            response=delivery.response,
            payload=delivery.payload,
        )


class DeliveryList(BaseModel):
    """A part of an endpoint's deliveries, the newest first."""

    object: Literal["list"] = "list"
    data: list[DeliveryObject]
    has_more: bool
    next: str | None = Field(description=_NEXT)


def _seconds(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp())
