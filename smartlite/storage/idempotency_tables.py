"""Answers that are kept to be given again. As the code reads and writes them; ``migrations`` makes them.

Must not know what is in an answer, nor how it is encrypted.
"""

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from smartlite.storage.columns import BLOB, JSON_OR_NULL, SHA256, Identifier, ScopeSet, UTCDateTime
from smartlite.storage.tables import ON_MYSQL, Table


class IdempotencyRow(Table):
    """A request with a key that runs, or its answer; one for each key of a tenant."""

    __tablename__ = "idempotency"
    __table_args__ = (Index(None, "expires_at"), ON_MYSQL)

    tenant: Mapped[str] = mapped_column(Identifier, primary_key=True)
    """The user's id; empty where authentication is off."""
    key_hash: Mapped[bytes] = mapped_column(SHA256, primary_key=True)
    """SHA-256 of the key's text, which itself is kept nowhere."""
    id: Mapped[str] = mapped_column(Identifier)
    """Of this run: whoever takes over gives it another one, and the first can then finish nothing."""
    request_hash: Mapped[bytes] = mapped_column(SHA256)
    scopes: Mapped[frozenset[str] | None] = mapped_column(ScopeSet)
    """What the credential of the request granted; None where nobody is asked for one."""
    state: Mapped[str] = mapped_column(String(16))
    """``running`` or ``done``."""
    locked_until: Mapped[datetime] = mapped_column(UTCDateTime)
    """From then on a row that is still ``running`` belongs to nobody: its process has ended."""
    status: Mapped[int | None]
    headers: Mapped[list[list[str]] | None] = mapped_column(JSON_OR_NULL)
    """Pairs of name and value."""
    salt: Mapped[bytes | None] = mapped_column(SHA256)
    body: Mapped[bytes | None] = mapped_column(BLOB)
    """Encrypted; None where it is in the object store under ``idempotency/<id>``."""
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
