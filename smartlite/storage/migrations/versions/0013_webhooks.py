"""Webhook endpoints and deliveries."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from smartlite.storage.columns import BLOB, JSON_OR_NULL, Identifier, UTCDateTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

ON_MYSQL: Any = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", Identifier(), nullable=False),
        sa.Column("owner_id", Identifier(), nullable=False),
        sa.Column("organization_id", Identifier(), nullable=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("url", sa.String(2048), nullable=False),
        sa.Column("event_types", JSON_OR_NULL, nullable=False),
        sa.Column("secret", BLOB, nullable=False),
        sa.Column("secret_hint", sa.String(16), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("updated_at", UTCDateTime(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("inactive_reason", sa.String(500), nullable=True),
        sa.Column("failing_since", UTCDateTime(), nullable=True),
        sa.Column("previous_secret", BLOB, nullable=True),
        sa.Column("previous_until", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        **ON_MYSQL,
    )
    for column in ("owner_id", "organization_id"):
        op.create_index(f"ix_webhook_endpoints_{column}_id", "webhook_endpoints", [column, "id"])
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", Identifier(), nullable=False),
        sa.Column("endpoint_id", Identifier(), nullable=False),
        sa.Column("event_id", Identifier(), nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", UTCDateTime(), nullable=True),
        sa.Column("finished_at", UTCDateTime(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.String(500), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.Column("response", sa.String(1024), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        **ON_MYSQL,
    )
    op.create_index("ix_webhook_deliveries_state_next_at", "webhook_deliveries", ["state", "next_at"])
    columns = ["endpoint_id", "state", "id"]
    op.create_index("ix_webhook_deliveries_endpoint_id_state_id", "webhook_deliveries", columns)


def downgrade() -> None:
    """Drop them."""
    op.drop_table("webhook_deliveries")
    op.drop_table("webhook_endpoints")
