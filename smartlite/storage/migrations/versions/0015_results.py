"""Results of recognition and synthesis that are given again."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from smartlite.storage.columns import SHA256, Identifier, UTCDateTime

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

ON_MYSQL: Any = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "results",
        sa.Column("key", SHA256, nullable=False),
        sa.Column("tenant", Identifier(), nullable=False),
        sa.Column("id", Identifier(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("expires_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
        **ON_MYSQL,
    )
    op.create_index("ix_results_expires_at", "results", ["expires_at"])
    op.create_index("ix_results_tenant_created_at", "results", ["tenant", "created_at"])
    op.create_index("ix_results_id", "results", ["id"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("results")
