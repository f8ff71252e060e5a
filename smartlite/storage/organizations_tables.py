"""The tables of organisations and of what is shared, as the code reads and writes them; ``migrations`` makes them.

Must not know what the rows are for.
"""

from datetime import datetime
from typing import Final

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from smartlite.storage.columns import Identifier, UTCDateTime
from smartlite.storage.tables import NAME_CHARACTERS, ON_MYSQL, ROLE_CHARACTERS, Table, UserRow

WORD_CHARACTERS: Final = 16
"""Of what is one of a few words."""


class OrganizationRow(Table):
    """An organisation."""

    __tablename__ = "organizations"
    __table_args__ = (ON_MYSQL,)

    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME_CHARACTERS))
    is_active: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)


class MemberRow(Table):
    """A user in an organisation."""

    __tablename__ = "organization_members"
    __table_args__ = (Index(None, "user_id"), ON_MYSQL)

    organization_id: Mapped[str] = mapped_column(
        Identifier, ForeignKey(OrganizationRow.id, ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[str] = mapped_column(Identifier, ForeignKey(UserRow.id, ondelete="CASCADE"), primary_key=True)
    role: Mapped[str] = mapped_column(String(WORD_CHARACTERS))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)


class ShareRow(Table):
    """One thing, shared with somebody. Refers to nothing: a thing may be in any table, and a role of ours in none."""

    __tablename__ = "shares"
    __table_args__ = (Index(None, "subject_kind", "subject_id"), ON_MYSQL)

    resource_kind: Mapped[str] = mapped_column(Identifier, primary_key=True)
    resource_id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    subject_kind: Mapped[str] = mapped_column(String(WORD_CHARACTERS), primary_key=True)
    subject_id: Mapped[str] = mapped_column(String(ROLE_CHARACTERS), primary_key=True)
    access: Mapped[str] = mapped_column(String(WORD_CHARACTERS))
    created_by: Mapped[str | None] = mapped_column(Identifier)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
