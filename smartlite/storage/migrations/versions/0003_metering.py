"""What was used and what happened: history, usage, and how far journals were read."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from smartlite.storage.columns import BLOB, JSON_OR_NULL, Identifier, UTCDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ON_MYSQL: Any = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
SUMS = (
    "requests",
    "failed_requests",
    "prompt_tokens",
    "completion_tokens",
    "audio_input_ms",
    "audio_output_ms",
    "characters",
    "cost_micros",
)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "requests",
        sa.Column("id", Identifier(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("request_id", sa.String(128), nullable=False),
        sa.Column("user_id", Identifier(), nullable=True),
        sa.Column("key_id", Identifier(), nullable=True),
        sa.Column("organization_id", Identifier(), nullable=True),
        sa.Column("method", sa.String(16), nullable=False),
        sa.Column("route", sa.String(200), nullable=True),
        sa.Column("model", sa.String(200), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error_code", sa.String(64), nullable=True),
        sa.Column("duration_ms", sa.BigInteger(), nullable=False),
        sa.Column("stages_ms", JSON_OR_NULL, nullable=True),
        sa.Column("request_bytes", sa.BigInteger(), nullable=False),
        sa.Column("response_bytes", sa.BigInteger(), nullable=False),
        sa.Column("client_gone", sa.Boolean(), nullable=False),
        sa.Column("usage", JSON_OR_NULL, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        **ON_MYSQL,
    )
    op.create_index("ix_requests_user_id_id", "requests", ["user_id", "id"])
    op.create_index("ix_requests_organization_id_id", "requests", ["organization_id", "id"])
    op.create_index("ix_requests_key_id_id", "requests", ["key_id", "id"])
    op.create_table(
        "request_contents",
        sa.Column("id", Identifier(), nullable=False),
        sa.Column("content", BLOB, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        **ON_MYSQL,
    )
    op.create_table(
        "usage",
        sa.Column("user_id", Identifier(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("key_id", Identifier(), nullable=False),
        sa.Column("organization_id", Identifier(), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in SUMS),
        sa.PrimaryKeyConstraint("user_id", "day", "key_id", "organization_id", "model"),
        **ON_MYSQL,
    )
    op.create_index("ix_usage_organization_id_day", "usage", ["organization_id", "day"])
    op.create_index("ix_usage_key_id_day", "usage", ["key_id", "day"])
    op.create_index("ix_usage_day", "usage", ["day"])
    op.create_table(
        "journal_segments",
        sa.Column("id", Identifier(), nullable=False),
        sa.Column("offset_bytes", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        **ON_MYSQL,
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("journal_segments")
    op.drop_table("usage")
    op.drop_table("request_contents")
    op.drop_table("requests")
