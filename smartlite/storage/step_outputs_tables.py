"""Outputs of steps that may be taken again, as the code reads and writes them. Must not know what a step does."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from smartlite.storage.columns import JSON_OR_NULL, SHA256, Identifier, UTCDateTime
from smartlite.storage.tables import ON_MYSQL, Table


class StepOutputRow(Table):
    """An output of a step that gave it for what the key stands for."""

    __tablename__ = "step_outputs"
    __table_args__ = (Index(None, "expires_at"), ON_MYSQL)

    key: Mapped[bytes] = mapped_column(SHA256, primary_key=True)
    user_id: Mapped[str] = mapped_column(Identifier)
    output: Mapped[Any | None] = mapped_column(JSON_OR_NULL)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
