"""Files that users keep, batches, and blocks of their answers."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from smartlite.storage.columns import JSON_OR_NULL, Identifier, ScopeSet, UTCDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

ON_MYSQL: Any = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
INDEXES = (
    ("files", ("owner_id", "id")),
    ("files", ("organization_id", "id")),
    ("files", ("state", "expires_at")),
    ("batches", ("state", "worked_at")),
    ("batches", ("user_id", "id")),
    ("batches", ("organization_id", "id")),
    ("batches", ("input_file_id", "state")),
)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "files",
        sa.Column("id", Identifier(), nullable=False),
        sa.Column("owner_id", Identifier(), nullable=False),
        sa.Column("organization_id", Identifier(), nullable=True),
        sa.Column("filename", sa.String(255), nullable=False),
        sa.Column("content_type", sa.String(128), nullable=False),
        sa.Column("purpose", sa.String(32), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("part_bytes", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("expires_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        **ON_MYSQL,
    )
    op.create_table(
        "batches",
        sa.Column("id", Identifier(), nullable=False),
        sa.Column("user_id", Identifier(), nullable=False),
        sa.Column("organization_id", Identifier(), nullable=True),
        sa.Column("key_id", Identifier(), nullable=True),
        sa.Column("scopes", ScopeSet(), nullable=False),
        sa.Column("endpoint", sa.String(64), nullable=False),
        sa.Column("input_file_id", Identifier(), nullable=False),
        sa.Column("labels", JSON_OR_NULL, nullable=True),
        sa.Column("output_expires_after_s", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(24), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("expires_at", UTCDateTime(), nullable=False),
        sa.Column("in_progress_at", UTCDateTime(), nullable=True),
        sa.Column("cancelling_at", UTCDateTime(), nullable=True),
        sa.Column("finalizing_at", UTCDateTime(), nullable=True),
        sa.Column("ended_at", UTCDateTime(), nullable=True),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("completed", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cached_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("reasoning_tokens", sa.BigInteger(), nullable=False),
        sa.Column("model", sa.String(256), nullable=True),
        sa.Column("faults", JSON_OR_NULL, nullable=False),
        sa.Column("output_file_id", Identifier(), nullable=True),
        sa.Column("error_file_id", Identifier(), nullable=True),
        sa.Column("worker_id", Identifier(), nullable=True),
        sa.Column("lease_until", UTCDateTime(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("worked_at", UTCDateTime(), nullable=False),
        sa.Column("next_block", sa.Integer(), nullable=False),
        sa.Column("next_line", sa.Integer(), nullable=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        **ON_MYSQL,
    )
    op.create_table(
        "batch_blocks",
        sa.Column("batch_id", Identifier(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("object_key", sa.String(255), nullable=False),
        sa.Column("last_line", sa.Integer(), nullable=False),
        sa.Column("lines", JSON_OR_NULL, nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["batches.id"], name="fk_batch_blocks_batch_id_batches", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("batch_id", "number"),
        **ON_MYSQL,
    )
    for table, columns in INDEXES:
        op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns))


def downgrade() -> None:
    """Drop them."""
    op.drop_table("batch_blocks")
    op.drop_table("batches")
    op.drop_table("files")
