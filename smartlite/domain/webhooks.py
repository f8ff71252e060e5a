"""Webhooks: who wants to be told of what, and what became of telling them. Must not know how anything is sent or kept.

An event is told as OpenAI tells its own: ``{"id": "evt_...", "object": "event", "created_at": 0, "type": "run.failed",
"data": {"id": "run_..."}}``, signed as Standard Webhooks wants it.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal

EventType = Literal[
    "run.succeeded",
    "run.partially_succeeded",
    "run.failed",
    "run.cancelled",
    "batch.completed",
    "batch.failed",
    "batch.expired",
    "batch.cancelled",
]
"""What an endpoint may ask for."""
TEST_EVENT: Final = "webhook.test"
"""Sent to one endpoint, when somebody asks for it."""
MAX_ENDPOINTS: Final = 20
"""Of one user, and of one organisation: every event is written once for each."""


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """An address that is told of events.

    One of an organisation is told of what is done for it, by whomever; one of a user of what that user does for none.
    """

    id: str
    """``wh_...``"""
    owner_id: str
    """Whoever made it; empty where nobody has to say who they are."""
    organization_id: str | None
    name: str
    url: str
    event_types: tuple[str, ...]
    secret: bytes = field(repr=False)
    """What its events are signed with; sealed, where there is a key to seal with."""
    secret_hint: str
    """The secret's last characters."""
    created_at: datetime
    updated_at: datetime
    is_active: bool = True
    inactive_reason: str | None = None
    """Why the platform sends nothing more; None where somebody wanted so, or where it is active."""
    failing_since: datetime | None = None
    """When a delivery failed, if none succeeded since."""
    previous_secret: bytes | None = field(default=None, repr=False)
    """The one before, likewise."""
    previous_until: datetime | None = None
    """Until when events are signed with the one before too."""


class DeliveryState(StrEnum):
    """Of a delivery."""

    PENDING = "pending"
    """It is to be sent, for the first time or again."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """It is not sent again by itself."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one endpoint."""

    id: str
    """``whd_...``"""
    endpoint_id: str
    event_id: str
    """``evt_...``: the same in every attempt, in every delivery of the event, and to every endpoint."""
    type: str
    payload: str
    """JSON, as it is sent."""
    state: DeliveryState
    created_at: datetime
    attempts: int = 0
    next_at: datetime | None = None
    """When it is to be sent; while it is being sent, when others may take its sender for lost. None once it ended."""
    finished_at: datetime | None = None
    status: int | None = None
    """What the last attempt was answered; None where it was not."""
    error: str | None = None
    """Why the last attempt failed."""
    duration_ms: int | None = None
    """Of the last attempt."""
    response: str | None = None
    """How the last answer began."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of sending a delivery once."""

    status: int | None
    error: str | None
    """None where it succeeded."""
    duration_ms: int
    response: str | None
