"""The table of limits that administrators set, as the code reads and writes it; ``migrations`` makes it.

Must not know who counts.
"""

from datetime import datetime

from sqlalchemy import BigInteger, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from smartlite.storage.columns import Identifier, UTCDateTime
from smartlite.storage.metering_tables import MODEL_CHARACTERS
from smartlite.storage.tables import ON_MYSQL, Table


class QuotaRow(Table):
    """A limit of one subject. The model is empty where all are counted together, since a key has no NULL."""

    __tablename__ = "quotas"
    __table_args__ = (UniqueConstraint("subject_kind", "subject_id", "kind", "period", "model"), ON_MYSQL)

    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    subject_kind: Mapped[str] = mapped_column(String(16))
    subject_id: Mapped[str] = mapped_column(Identifier)
    kind: Mapped[str] = mapped_column(String(32))
    period: Mapped[str] = mapped_column(String(16))
    model: Mapped[str] = mapped_column(String(MODEL_CHARACTERS))
    limit_amount: Mapped[int] = mapped_column(BigInteger)
    without_redis: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
