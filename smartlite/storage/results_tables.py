"""Results that are given again, as the code reads and writes them. Must not know what a result is of."""

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from smartlite.storage.columns import SHA256, Identifier, UTCDateTime
from smartlite.storage.tables import ON_MYSQL, Table


class ResultRow(Table):
    """A result that is in the object store under ``results/<id>``."""

    __tablename__ = "results"
    __table_args__ = (Index(None, "expires_at"), Index(None, "tenant", "created_at"), Index(None, "id"), ON_MYSQL)

    key: Mapped[bytes] = mapped_column(SHA256, primary_key=True)
    """SHA-256 over whose it is and everything that makes the result."""
    tenant: Mapped[str] = mapped_column(Identifier)
    """The user's id; empty where authentication is off."""
    id: Mapped[str] = mapped_column(Identifier)
    size_bytes: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
