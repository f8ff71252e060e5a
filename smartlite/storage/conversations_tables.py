"""Conversations and their items, as the code reads and writes them; ``migrations`` makes them.

Must not know what was said: contents are bytes, encrypted where the platform encrypts. A conversation refers to no
user: where authentication is off it belongs to nobody.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from smartlite.storage.columns import BLOB, JSON_OR_NULL, Identifier, UTCDateTime
from smartlite.storage.tables import ON_MYSQL, Table


class ConversationRow(Table):
    """A conversation; who answers in it has its turn."""

    __tablename__ = "conversations"
    __table_args__ = (Index(None, "owner_id", "id"), ON_MYSQL)

    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    owner_id: Mapped[str] = mapped_column(Identifier)
    organization_id: Mapped[str | None] = mapped_column(Identifier)
    meta: Mapped[dict[str, Any]] = mapped_column(JSON_OR_NULL)
    """What its owner wrote about it."""
    strategy: Mapped[str] = mapped_column(String(16))
    max_tokens: Mapped[int | None]
    newest: Mapped[int]
    """The highest position that there ever was; 0 before the first item."""
    summary: Mapped[bytes | None] = mapped_column(BLOB)
    summarised: Mapped[int]
    """The position up to which items are in the summary."""
    turn_id: Mapped[str | None] = mapped_column(Identifier)
    turn_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime)


class ConversationItemRow(Table):
    """A message, a call of a function, or what it returned."""

    __tablename__ = "conversation_items"
    __table_args__ = (UniqueConstraint("id"), ON_MYSQL)

    conversation_id: Mapped[str] = mapped_column(
        Identifier, ForeignKey(ConversationRow.id, ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    id: Mapped[str] = mapped_column(Identifier)
    kind: Mapped[str] = mapped_column(String(32))
    role: Mapped[str | None] = mapped_column(String(16))
    tokens: Mapped[int]
    """An estimate, told when it was written."""
    body: Mapped[bytes] = mapped_column(BLOB)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
