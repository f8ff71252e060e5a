"""Keys that data is encrypted with, themselves encrypted. As the code reads and writes them; ``migrations`` makes them.

Must not know what is encrypted.
"""

from datetime import datetime

from sqlalchemy import Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from smartlite.storage.columns import Identifier, UTCDateTime
from smartlite.storage.tables import ON_MYSQL, Table


class DataKeyRow(Table):
    """A key of a tenant's data, wrapped by a key of the environment."""

    __tablename__ = "data_keys"
    __table_args__ = (Index(None, "tenant", "created_at"), ON_MYSQL)

    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    tenant: Mapped[str] = mapped_column(Identifier)
    """Whose data; empty: the platform's own."""
    wrapped_by: Mapped[str] = mapped_column(Identifier)
    """Id of the key in ``SMARTLITE_ENCRYPTION_KEYS`` that opens it."""
    wrapped: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    retired_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    """From then on it encrypts nothing more, and still opens what it encrypted."""
