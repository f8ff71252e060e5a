"""Limits and budgets of single subjects."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from smartlite.storage.columns import Identifier, UTCDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ON_MYSQL: Any = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
UNIQUE = ("subject_kind", "subject_id", "kind", "period", "model")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "quotas",
        sa.Column("id", Identifier(), nullable=False),
        sa.Column("subject_kind", sa.String(16), nullable=False),
        sa.Column("subject_id", Identifier(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("period", sa.String(16), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("limit_amount", sa.BigInteger(), nullable=False),
        sa.Column("without_redis", sa.String(16), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint(*UNIQUE, name="uq_quotas_subject_kind_subject_id_kind_period_model"),
        **ON_MYSQL,
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("quotas")
