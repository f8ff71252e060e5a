"""Webhook endpoints and deliveries, as the code reads and writes them; ``migrations`` makes them.

Must not know how anything is sent. A delivery refers to no endpoint by a key: what a run writes at its end must not
fail because somebody has just removed the endpoint; whoever sends finds that there is none.
"""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from smartlite.storage.columns import BLOB, JSON_OR_NULL, Identifier, UTCDateTime
from smartlite.storage.tables import NAME_CHARACTERS, ON_MYSQL, Table

URL_CHARACTERS: Final = 2048
REASON_CHARACTERS: Final = 500
TYPE_CHARACTERS: Final = 64
RESPONSE_CHARACTERS: Final = 1024


class WebhookEndpointRow(Table):
    """An address that is told of events."""

    __tablename__ = "webhook_endpoints"
    __table_args__ = (Index(None, "owner_id", "id"), Index(None, "organization_id", "id"), ON_MYSQL)

    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    owner_id: Mapped[str] = mapped_column(Identifier)
    organization_id: Mapped[str | None] = mapped_column(Identifier)
    name: Mapped[str] = mapped_column(String(NAME_CHARACTERS))
    url: Mapped[str] = mapped_column(String(URL_CHARACTERS))
    event_types: Mapped[Any] = mapped_column(JSON_OR_NULL)
    secret: Mapped[bytes] = mapped_column(BLOB)
    secret_hint: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime)
    is_active: Mapped[bool]
    inactive_reason: Mapped[str | None] = mapped_column(String(REASON_CHARACTERS))
    failing_since: Mapped[datetime | None] = mapped_column(UTCDateTime)
    previous_secret: Mapped[bytes | None] = mapped_column(BLOB)
    previous_until: Mapped[datetime | None] = mapped_column(UTCDateTime)


class WebhookDeliveryRow(Table):
    """One event for one endpoint."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (Index(None, "state", "next_at"), Index(None, "endpoint_id", "state", "id"), ON_MYSQL)

    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    endpoint_id: Mapped[str] = mapped_column(Identifier)
    event_id: Mapped[str] = mapped_column(Identifier)
    type: Mapped[str] = mapped_column(String(TYPE_CHARACTERS))
    payload: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    attempts: Mapped[int]
    """Counts the senders that took it: the token that what a sender writes has to show."""
    next_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    status: Mapped[int | None]
    error: Mapped[str | None] = mapped_column(String(REASON_CHARACTERS))
    duration_ms: Mapped[int | None]
    response: Mapped[str | None] = mapped_column(String(RESPONSE_CHARACTERS))
