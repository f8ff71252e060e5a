"""Users, roles, API keys and the audit log."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from smartlite.storage.columns import JSON_OR_NULL, SHA256, Identifier, ScopeSet, UTCDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ON_MYSQL: Any = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "users",
        sa.Column("id", Identifier(), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("email_key", sa.String(254), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("email_key", name="uq_users_email_key"),
        **ON_MYSQL,
    )
    op.create_table(
        "roles",
        sa.Column("id", Identifier(), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("scopes", ScopeSet(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name", name="uq_roles_name"),
        **ON_MYSQL,
    )
    op.create_table(
        "user_roles",
        sa.Column("user_id", Identifier(), nullable=False),
        sa.Column("role", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "role"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_user_roles_user_id_users", ondelete="CASCADE"),
        **ON_MYSQL,
    )
    op.create_index("ix_user_roles_role", "user_roles", ["role"])
    op.create_table(
        "api_keys",
        sa.Column("id", Identifier(), nullable=False),
        sa.Column("user_id", Identifier(), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("public_id", Identifier(), nullable=False),
        sa.Column("secret_hash", SHA256, nullable=False),
        sa.Column("scopes", ScopeSet(), nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("expires_at", UTCDateTime(), nullable=True),
        sa.Column("revoked_at", UTCDateTime(), nullable=True),
        sa.Column("last_used_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_api_keys_user_id_users", ondelete="CASCADE"),
        sa.UniqueConstraint("public_id", name="uq_api_keys_public_id"),
        **ON_MYSQL,
    )
    op.create_index("ix_api_keys_user_id_id", "api_keys", ["user_id", "id"])
    op.create_table(
        "audit_log",
        sa.Column("id", Identifier(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("actor_id", Identifier(), nullable=True),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("target_kind", sa.String(64), nullable=False),
        sa.Column("target_id", sa.String(255), nullable=False),
        sa.Column("address", sa.String(64), nullable=True),
        sa.Column("details", JSON_OR_NULL, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        **ON_MYSQL,
    )
    op.create_index("ix_audit_log_at_id", "audit_log", ["at", "id"])
    op.create_index("ix_audit_log_actor_id_at_id", "audit_log", ["actor_id", "at", "id"])


def downgrade() -> None:
    """Drop the tables."""
    for table in ("audit_log", "api_keys", "user_roles", "roles", "users"):
        op.drop_table(table)
