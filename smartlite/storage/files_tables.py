"""Files of users, as the code reads and writes them; ``migrations`` makes them. Must not know what is in a file.

A file refers to no user: where authentication is off it belongs to nobody.
"""

from datetime import datetime
from typing import Final

from sqlalchemy import BigInteger, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from smartlite.storage.columns import Identifier, UTCDateTime
from smartlite.storage.tables import ON_MYSQL, Table

FILENAME_CHARACTERS: Final = 255
CONTENT_TYPE_CHARACTERS: Final = 128


class FileRow(Table):
    """A file; its bytes are objects of its owner's."""

    __tablename__ = "files"
    __table_args__ = (
        Index(None, "owner_id", "id"),
        Index(None, "organization_id", "id"),
        Index(None, "state", "expires_at"),
        ON_MYSQL,
    )

    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    owner_id: Mapped[str] = mapped_column(Identifier)
    organization_id: Mapped[str | None] = mapped_column(Identifier)
    filename: Mapped[str] = mapped_column(String(FILENAME_CHARACTERS))
    content_type: Mapped[str] = mapped_column(String(CONTENT_TYPE_CHARACTERS))
    purpose: Mapped[str] = mapped_column(String(32))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    part_bytes: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
