"""Prompts and their versions; conversations and their items."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from smartlite.storage.columns import BLOB, JSON_OR_NULL, SHA256, Identifier, UTCDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

ON_MYSQL: Any = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "prompts",
        sa.Column("id", Identifier(), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("owner_id", Identifier(), nullable=False),
        sa.Column("organization_id", Identifier(), nullable=True),
        sa.Column("latest", sa.Integer(), nullable=False),
        sa.Column("newest", sa.Integer(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("updated_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("owner_id", "name", name="uq_prompts_owner_id_name"),
        **ON_MYSQL,
    )
    op.create_index("ix_prompts_organization_id", "prompts", ["organization_id"])
    op.create_table(
        "prompt_versions",
        sa.Column("prompt_id", Identifier(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("source", sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb"), nullable=False),
        sa.Column("sha256", SHA256, nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("created_by", Identifier(), nullable=False),
        sa.ForeignKeyConstraint(
            ["prompt_id"], ["prompts.id"], name="fk_prompt_versions_prompt_id_prompts", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("prompt_id", "version"),
        sa.UniqueConstraint("prompt_id", "sha256", name="uq_prompt_versions_prompt_id_sha256"),
        **ON_MYSQL,
    )
    op.create_table(
        "conversations",
        sa.Column("id", Identifier(), nullable=False),
        sa.Column("owner_id", Identifier(), nullable=False),
        sa.Column("organization_id", Identifier(), nullable=True),
        sa.Column("meta", JSON_OR_NULL, nullable=False),
        sa.Column("strategy", sa.String(16), nullable=False),
        sa.Column("max_tokens", sa.Integer(), nullable=True),
        sa.Column("newest", sa.Integer(), nullable=False),
        sa.Column("summary", BLOB, nullable=True),
        sa.Column("summarised", sa.Integer(), nullable=False),
        sa.Column("turn_id", Identifier(), nullable=True),
        sa.Column("turn_until", UTCDateTime(), nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("updated_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        **ON_MYSQL,
    )
    op.create_index("ix_conversations_owner_id_id", "conversations", ["owner_id", "id"])
    op.create_table(
        "conversation_items",
        sa.Column("conversation_id", Identifier(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("id", Identifier(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("role", sa.String(16), nullable=True),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.Column("body", BLOB, nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
            name="fk_conversation_items_conversation_id_conversations",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("conversation_id", "position"),
        sa.UniqueConstraint("id", name="uq_conversation_items_id"),
        **ON_MYSQL,
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("conversation_items")
    op.drop_table("conversations")
    op.drop_table("prompt_versions")
    op.drop_table("prompts")
