"""The tables of what was used and what happened, as the code reads and writes them; ``migrations`` makes them.

Must not know what a request is.
"""

from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Date, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from smartlite.storage.columns import BLOB, JSON_OR_NULL, Identifier, UTCDateTime
from smartlite.storage.tables import ON_MYSQL, Table

MODEL_CHARACTERS: Final = 200
ROUTE_CHARACTERS: Final = 200


class RequestRow(Table):
    """A request that was answered. Refers to nothing, so that it outlives who sent it."""

    __tablename__ = "requests"
    __table_args__ = (
        Index(None, "user_id", "id"),
        Index(None, "organization_id", "id"),
        Index(None, "key_id", "id"),
        ON_MYSQL,
    )

    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    """Sorts by time."""
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    request_id: Mapped[str] = mapped_column(String(128))
    user_id: Mapped[str | None] = mapped_column(Identifier)
    key_id: Mapped[str | None] = mapped_column(Identifier)
    organization_id: Mapped[str | None] = mapped_column(Identifier)
    method: Mapped[str] = mapped_column(String(16))
    route: Mapped[str | None] = mapped_column(String(ROUTE_CHARACTERS))
    model: Mapped[str | None] = mapped_column(String(MODEL_CHARACTERS))
    """The first that it used; all of them are in ``usage``."""
    status: Mapped[int | None]
    error_code: Mapped[str | None] = mapped_column(String(64))
    duration_ms: Mapped[int] = mapped_column(BigInteger)
    stages_ms: Mapped[dict[str, int] | None] = mapped_column(JSON_OR_NULL)
    request_bytes: Mapped[int] = mapped_column(BigInteger)
    response_bytes: Mapped[int] = mapped_column(BigInteger)
    client_gone: Mapped[bool]
    usage: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON_OR_NULL)


class ContentRow(Table):
    """What was asked and answered in a request, where that is kept: for a shorter time than the rest."""

    __tablename__ = "request_contents"
    __table_args__ = (ON_MYSQL,)

    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    """Of the request."""
    content: Mapped[bytes] = mapped_column(BLOB)


class UsageRow(Table):
    """What was used by somebody of one model on one day (UTC); what is none is empty, since a key has no NULL."""

    __tablename__ = "usage"
    __table_args__ = (
        Index(None, "organization_id", "day"),
        Index(None, "key_id", "day"),
        Index(None, "day"),
        ON_MYSQL,
    )

    user_id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    key_id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    organization_id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    model: Mapped[str] = mapped_column(String(MODEL_CHARACTERS), primary_key=True)
    requests: Mapped[int] = mapped_column(BigInteger)
    failed_requests: Mapped[int] = mapped_column(BigInteger)
    prompt_tokens: Mapped[int] = mapped_column(BigInteger)
    completion_tokens: Mapped[int] = mapped_column(BigInteger)
    audio_input_ms: Mapped[int] = mapped_column(BigInteger)
    audio_output_ms: Mapped[int] = mapped_column(BigInteger)
    characters: Mapped[int] = mapped_column(BigInteger)
    cost_micros: Mapped[int] = mapped_column(BigInteger)


class JournalRow(Table):
    """How far a journal's segment is in the database: changed together with what it holds."""

    __tablename__ = "journal_segments"
    __table_args__ = (ON_MYSQL,)

    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    offset_bytes: Mapped[int] = mapped_column(BigInteger)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime)
