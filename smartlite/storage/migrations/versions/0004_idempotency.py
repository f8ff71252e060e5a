"""Answers that are kept to be given again, and the keys that data is encrypted with."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from smartlite.storage.columns import JSON_OR_NULL, SHA256, Identifier, ScopeSet, UTCDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ON_MYSQL: Any = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    """Make the tables."""
    inline = sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb")
    op.create_table(
        "idempotency",
        sa.Column("tenant", Identifier(), nullable=False),
        sa.Column("key_hash", SHA256, nullable=False),
        sa.Column("id", Identifier(), nullable=False),
        sa.Column("request_hash", SHA256, nullable=False),
        sa.Column("scopes", ScopeSet(), nullable=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("locked_until", UTCDateTime(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("headers", JSON_OR_NULL, nullable=True),
        sa.Column("salt", SHA256, nullable=True),
        sa.Column("body", inline, nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("expires_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "key_hash"),
        **ON_MYSQL,
    )
    op.create_index("ix_idempotency_expires_at", "idempotency", ["expires_at"])
    op.create_table(
        "data_keys",
        sa.Column("id", Identifier(), nullable=False),
        sa.Column("tenant", Identifier(), nullable=False),
        sa.Column("wrapped_by", Identifier(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("retired_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        **ON_MYSQL,
    )
    op.create_index("ix_data_keys_tenant_created_at", "data_keys", ["tenant", "created_at"])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("data_keys")
    op.drop_table("idempotency")
