"""What steps of runs used, when attempts told their first text and audio, and outputs that are taken again."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from smartlite.storage.columns import JSON_OR_NULL, SHA256, Identifier, UTCDateTime

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

ON_MYSQL: Any = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    """Add the columns and the table."""
    op.add_column("run_steps", sa.Column("usage", JSON_OR_NULL, nullable=True))
    op.add_column("run_steps", sa.Column("is_cached", sa.Boolean(), nullable=True))
    op.add_column("run_attempts", sa.Column("first_text_at", UTCDateTime(), nullable=True))
    op.add_column("run_attempts", sa.Column("first_audio_at", UTCDateTime(), nullable=True))
    op.create_table(
        "step_outputs",
        sa.Column("key", SHA256, nullable=False),
        sa.Column("user_id", Identifier(), nullable=False),
        sa.Column("output", JSON_OR_NULL, nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("expires_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
        **ON_MYSQL,
    )
    op.create_index("ix_step_outputs_expires_at", "step_outputs", ["expires_at"])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("step_outputs")
    for table, names in (("run_attempts", ("first_audio_at", "first_text_at")), ("run_steps", ("is_cached", "usage"))):
        with op.batch_alter_table(table) as batch:
            for name in names:
                batch.drop_column(name)
