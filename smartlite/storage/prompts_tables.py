"""Prompts and their versions, as the code reads and writes them; ``migrations`` makes them.

Must not know what a template says. A prompt refers to no user: where authentication is off it belongs to nobody.
"""

from datetime import datetime
from typing import Final

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import TypeEngine

from smartlite.storage.columns import SHA256, Identifier, UTCDateTime
from smartlite.storage.tables import ON_MYSQL, Table

PROMPT_CHARACTERS: Final = 64
_SOURCE: Final[TypeEngine[str]] = Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")


class PromptRow(Table):
    """A name for versions."""

    __tablename__ = "prompts"
    __table_args__ = (UniqueConstraint("owner_id", "name"), Index(None, "organization_id"), ON_MYSQL)

    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    name: Mapped[str] = mapped_column(String(PROMPT_CHARACTERS))
    owner_id: Mapped[str] = mapped_column(Identifier)
    organization_id: Mapped[str | None] = mapped_column(Identifier)
    latest: Mapped[int]
    newest: Mapped[int]
    """The highest version that there ever was."""
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime)


class PromptVersionRow(Table):
    """A template that never changes; there is one of each text."""

    __tablename__ = "prompt_versions"
    __table_args__ = (UniqueConstraint("prompt_id", "sha256"), ON_MYSQL)

    prompt_id: Mapped[str] = mapped_column(Identifier, ForeignKey(PromptRow.id, ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    source: Mapped[str] = mapped_column(_SOURCE)
    sha256: Mapped[bytes] = mapped_column(SHA256)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    created_by: Mapped[str] = mapped_column(Identifier)
