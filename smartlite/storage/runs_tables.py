"""Runs of pipelines: steps, attempts, events. As the code reads and writes them; ``migrations`` makes them.

Must not know what a run does. A run refers to no pipeline and no user, so that it outlives them.
"""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import TypeEngine

from smartlite.storage.columns import JSON_OR_NULL, Identifier, ScopeSet, UTCDateTime
from smartlite.storage.tables import ON_MYSQL, Table

STEP_CHARACTERS: Final = 255
ERROR_CHARACTERS: Final = 2000
STEP_PATH: Final[TypeEngine[str]] = String(STEP_CHARACTERS).with_variant(
    mysql.VARCHAR(STEP_CHARACTERS, charset="ascii", collation="ascii_bin"), "mysql", "mariadb"
)
"""A step's id; of a step in a nested run, with the ids of those that it is in."""
SOURCE: Final[TypeEngine[str]] = Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")


class RunRow(Table):
    """A run."""

    __tablename__ = "runs"
    __table_args__ = (
        Index(None, "state", "priority", "id"),
        Index(None, "state", "lease_until"),
        Index(None, "state", "user_id"),
        Index(None, "user_id", "id"),
        Index(None, "organization_id", "id"),
        Index(None, "pipeline_id", "id"),
        Index(None, "replay_of"),
        ON_MYSQL,
    )

    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    pipeline_id: Mapped[str] = mapped_column(Identifier)
    pipeline_name: Mapped[str] = mapped_column(String(64))
    version: Mapped[int]
    user_id: Mapped[str] = mapped_column(Identifier)
    organization_id: Mapped[str | None] = mapped_column(Identifier)
    inputs: Mapped[Any] = mapped_column(JSON_OR_NULL)
    state: Mapped[str] = mapped_column(String(24))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    outputs: Mapped[Any | None] = mapped_column(JSON_OR_NULL)
    error: Mapped[Any | None] = mapped_column(JSON_OR_NULL)
    cancel_requested: Mapped[bool]
    replay_of: Mapped[str | None] = mapped_column(Identifier)
    priority: Mapped[int]
    worker_id: Mapped[str | None] = mapped_column(Identifier)
    lease_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    attempt: Mapped[int]
    """Counts the workers that took it: the token that every write of a worker has to show."""
    source: Mapped[str] = mapped_column(SOURCE)
    """The document, so that a run outlives its version."""
    next_sequence: Mapped[int]
    key_id: Mapped[str | None] = mapped_column(Identifier)
    scopes: Mapped[frozenset[str] | None] = mapped_column(ScopeSet)


class RunStepRow(Table):
    """What became of a step, or of one item of it."""

    __tablename__ = "run_steps"
    __table_args__ = (ON_MYSQL,)

    run_id: Mapped[str] = mapped_column(Identifier, ForeignKey(RunRow.id, ondelete="CASCADE"), primary_key=True)
    step_id: Mapped[str] = mapped_column(STEP_PATH, primary_key=True)
    item: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    state: Mapped[str] = mapped_column(String(24))
    attempts: Mapped[int]
    started_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    output: Mapped[Any | None] = mapped_column(JSON_OR_NULL)
    error: Mapped[Any | None] = mapped_column(JSON_OR_NULL)
    output_ref: Mapped[Any | None] = mapped_column(JSON_OR_NULL)
    usage: Mapped[Any | None] = mapped_column(JSON_OR_NULL)
    is_cached: Mapped[bool | None]


class RunAttemptRow(Table):
    """An attempt of a step, or of one item of it."""

    __tablename__ = "run_attempts"
    __table_args__ = (ON_MYSQL,)

    run_id: Mapped[str] = mapped_column(Identifier, ForeignKey(RunRow.id, ondelete="CASCADE"), primary_key=True)
    step_id: Mapped[str] = mapped_column(STEP_PATH, primary_key=True)
    item: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    attempt: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    started_at: Mapped[datetime] = mapped_column(UTCDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    error_code: Mapped[str | None] = mapped_column(String(64))
    error_message: Mapped[str | None] = mapped_column(String(ERROR_CHARACTERS))
    error_is_final: Mapped[bool | None]
    first_text_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    first_audio_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class RunEventRow(Table):
    """Something that happened in a run."""

    __tablename__ = "run_events"
    __table_args__ = (ON_MYSQL,)

    run_id: Mapped[str] = mapped_column(Identifier, ForeignKey(RunRow.id, ondelete="CASCADE"), primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    type: Mapped[str] = mapped_column(String(64))
    data: Mapped[Any] = mapped_column(JSON_OR_NULL)
