"""Pipelines and their versions."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from smartlite.storage.columns import SHA256, Identifier, UTCDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ON_MYSQL: Any = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "pipelines",
        sa.Column("id", Identifier(), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("owner_id", Identifier(), nullable=False),
        sa.Column("organization_id", Identifier(), nullable=True),
        sa.Column("latest", sa.Integer(), nullable=False),
        sa.Column("newest", sa.Integer(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("updated_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("owner_id", "name", name="uq_pipelines_owner_id_name"),
        **ON_MYSQL,
    )
    op.create_index("ix_pipelines_organization_id", "pipelines", ["organization_id"])
    op.create_table(
        "pipeline_versions",
        sa.Column("pipeline_id", Identifier(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("source", sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb"), nullable=False),
        sa.Column("sha256", SHA256, nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("created_by", Identifier(), nullable=False),
        sa.ForeignKeyConstraint(
            ["pipeline_id"], ["pipelines.id"], name="fk_pipeline_versions_pipeline_id_pipelines", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("pipeline_id", "version"),
        sa.UniqueConstraint("pipeline_id", "sha256", name="uq_pipeline_versions_pipeline_id_sha256"),
        **ON_MYSQL,
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("pipeline_versions")
    op.drop_table("pipelines")
