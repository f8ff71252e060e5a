"""Passwords, sessions and the keys that access tokens are signed with."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from smartlite.storage.columns import SHA256, Identifier, UTCDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ON_MYSQL: Any = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    """Make the tables, and a column that the version before does not know and does not need."""
    op.add_column("users", sa.Column("password_hash", sa.String(255), nullable=True))
    op.create_table(
        "sessions",
        sa.Column("id", Identifier(), nullable=False),
        sa.Column("user_id", Identifier(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("last_used_at", UTCDateTime(), nullable=False),
        sa.Column("expires_at", UTCDateTime(), nullable=False),
        sa.Column("revoked_at", UTCDateTime(), nullable=True),
        sa.Column("user_agent", sa.String(200), nullable=False),
        sa.Column("address", sa.String(64), nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("family_hash", SHA256, nullable=False),
        sa.Column("refresh_hash", SHA256, nullable=False),
        sa.Column("previous_refresh_hash", SHA256, nullable=True),
        sa.Column("rotated_at", UTCDateTime(), nullable=True),
        sa.Column("rotation_salt", SHA256, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_sessions_user_id_users", ondelete="CASCADE"),
        **ON_MYSQL,
    )
    op.create_index("ix_sessions_user_id_id", "sessions", ["user_id", "id"])
    op.create_table(
        "signing_keys",
        sa.Column("id", Identifier(), nullable=False),
        sa.Column("algorithm", sa.String(16), nullable=False),
        sa.Column("private_key", sa.Text(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("retired_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        **ON_MYSQL,
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("signing_keys")
    op.drop_table("sessions")
    op.drop_column("users", "password_hash")
