"""Batches and their blocks of answers, as the code reads and writes them; ``migrations`` makes them.

Must not know what a line asks. A batch refers to no user and no file, so that it outlives them.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from smartlite.storage.columns import JSON_OR_NULL, Identifier, ScopeSet, UTCDateTime
from smartlite.storage.tables import ON_MYSQL, Table


class BatchRow(Table):
    """A batch."""

    __tablename__ = "batches"
    __table_args__ = (
        Index(None, "state", "worked_at"),
        Index(None, "user_id", "id"),
        Index(None, "organization_id", "id"),
        Index(None, "input_file_id", "state"),
        ON_MYSQL,
    )

    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    user_id: Mapped[str] = mapped_column(Identifier)
    organization_id: Mapped[str | None] = mapped_column(Identifier)
    key_id: Mapped[str | None] = mapped_column(Identifier)
    scopes: Mapped[frozenset[str]] = mapped_column(ScopeSet)
    endpoint: Mapped[str] = mapped_column(String(64))
    input_file_id: Mapped[str] = mapped_column(Identifier)
    labels: Mapped[Any | None] = mapped_column(JSON_OR_NULL)
    output_expires_after_s: Mapped[int | None]
    state: Mapped[str] = mapped_column(String(24))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
    in_progress_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    cancelling_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    finalizing_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    total: Mapped[int]
    completed: Mapped[int]
    failed: Mapped[int]
    input_tokens: Mapped[int] = mapped_column(BigInteger)
    cached_tokens: Mapped[int] = mapped_column(BigInteger)
    output_tokens: Mapped[int] = mapped_column(BigInteger)
    reasoning_tokens: Mapped[int] = mapped_column(BigInteger)
    model: Mapped[str | None] = mapped_column(String(256))
    faults: Mapped[Any] = mapped_column(JSON_OR_NULL)
    output_file_id: Mapped[str | None] = mapped_column(Identifier)
    error_file_id: Mapped[str | None] = mapped_column(Identifier)
    worker_id: Mapped[str | None] = mapped_column(Identifier)
    lease_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    attempt: Mapped[int]
    """Counts the workers that took it: the token that every write of a worker has to show."""
    worked_at: Mapped[datetime] = mapped_column(UTCDateTime)
    """When a worker last had it; from then on others come first."""
    next_block: Mapped[int]
    next_line: Mapped[int]
    """So many lines at the begin of the input are answered."""
    next_offset: Mapped[int] = mapped_column(BigInteger)
    """And so many bytes they have."""


class BatchBlockRow(Table):
    """Answers that are stored in one object; there until the output files are made of them."""

    __tablename__ = "batch_blocks"
    __table_args__ = (ON_MYSQL,)

    batch_id: Mapped[str] = mapped_column(Identifier, ForeignKey(BatchRow.id, ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    object_key: Mapped[str] = mapped_column(String(255))
    last_line: Mapped[int]
    lines: Mapped[Any] = mapped_column(JSON_OR_NULL)
