"""Organisations with members, and what is shared with whom."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from smartlite.storage.columns import Identifier, UTCDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ON_MYSQL: Any = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
OF_KEY = "fk_api_keys_organization_id_organizations"


def upgrade() -> None:
    """Make the tables, and a column that the version before does not know: it takes such a key for its user's own."""
    op.create_table(
        "organizations",
        sa.Column("id", Identifier(), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        **ON_MYSQL,
    )
    op.create_table(
        "organization_members",
        sa.Column("organization_id", Identifier(), nullable=False),
        sa.Column("user_id", Identifier(), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "user_id"),
        _refers("organization_members", "organization_id", "organizations"),
        _refers("organization_members", "user_id", "users"),
        **ON_MYSQL,
    )
    op.create_index("ix_organization_members_user_id", "organization_members", ["user_id"])
    op.create_table(
        "shares",
        sa.Column("resource_kind", Identifier(), nullable=False),
        sa.Column("resource_id", Identifier(), nullable=False),
        sa.Column("subject_kind", sa.String(16), nullable=False),
        sa.Column("subject_id", sa.String(64), nullable=False),
        sa.Column("access", sa.String(16), nullable=False),
        sa.Column("created_by", Identifier(), nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("resource_kind", "resource_id", "subject_kind", "subject_id"),
        **ON_MYSQL,
    )
    op.create_index("ix_shares_subject_kind_subject_id", "shares", ["subject_kind", "subject_id"])
    with op.batch_alter_table("api_keys") as batch:
        batch.add_column(sa.Column("organization_id", Identifier(), nullable=True))
        batch.create_index("ix_api_keys_organization_id_id", ["organization_id", "id"])
        batch.create_foreign_key(OF_KEY, "organizations", ["organization_id"], ["id"], ondelete="CASCADE")


def downgrade() -> None:
    """Drop them; keys of organisations go too, or they would become their users' own."""
    op.execute("DELETE FROM api_keys WHERE organization_id IS NOT NULL")
    with op.batch_alter_table("api_keys") as batch:
        batch.drop_constraint(OF_KEY, type_="foreignkey")
        batch.drop_index("ix_api_keys_organization_id_id")
        batch.drop_column("organization_id")
    for table in ("shares", "organization_members", "organizations"):
        op.drop_table(table)


def _refers(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=f"fk_{table}_{column}_{to}", ondelete="CASCADE")
