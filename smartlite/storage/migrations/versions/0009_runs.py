"""Runs of pipelines: steps, attempts, events."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from smartlite.storage.columns import JSON_OR_NULL, Identifier, UTCDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

ON_MYSQL: Any = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
INDEXES = (
    ("state", "priority", "id"),
    ("state", "lease_until"),
    ("state", "user_id"),
    ("user_id", "id"),
    ("organization_id", "id"),
    ("pipeline_id", "id"),
)


def upgrade() -> None:
    """Make the tables."""
    source = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
    op.create_table(
        "runs",
        sa.Column("id", Identifier(), nullable=False),
        sa.Column("pipeline_id", Identifier(), nullable=False),
        sa.Column("pipeline_name", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("user_id", Identifier(), nullable=False),
        sa.Column("organization_id", Identifier(), nullable=True),
        sa.Column("inputs", JSON_OR_NULL, nullable=False),
        sa.Column("state", sa.String(24), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("started_at", UTCDateTime(), nullable=True),
        sa.Column("finished_at", UTCDateTime(), nullable=True),
        sa.Column("outputs", JSON_OR_NULL, nullable=True),
        sa.Column("error", JSON_OR_NULL, nullable=True),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("replay_of", Identifier(), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("worker_id", Identifier(), nullable=True),
        sa.Column("lease_until", UTCDateTime(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("source", source, nullable=False),
        sa.Column("next_sequence", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        **ON_MYSQL,
    )
    for columns in INDEXES:
        op.create_index(f"ix_runs_{'_'.join(columns)}", "runs", list(columns))
    op.create_table(
        "run_steps",
        *_step_key("run_steps"),
        sa.Column("state", sa.String(24), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("started_at", UTCDateTime(), nullable=True),
        sa.Column("finished_at", UTCDateTime(), nullable=True),
        sa.Column("output", JSON_OR_NULL, nullable=True),
        sa.Column("error", JSON_OR_NULL, nullable=True),
        sa.Column("output_ref", JSON_OR_NULL, nullable=True),
        sa.PrimaryKeyConstraint("run_id", "step_id", "item"),
        **ON_MYSQL,
    )
    op.create_table(
        "run_attempts",
        *_step_key("run_attempts"),
        sa.Column("attempt", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("started_at", UTCDateTime(), nullable=False),
        sa.Column("finished_at", UTCDateTime(), nullable=True),
        sa.Column("error_code", sa.String(64), nullable=True),
        sa.Column("error_message", sa.String(2000), nullable=True),
        sa.Column("error_is_final", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("run_id", "step_id", "item", "attempt"),
        **ON_MYSQL,
    )
    op.create_table(
        "run_events",
        _run_id(),
        sa.Column("sequence", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("data", JSON_OR_NULL, nullable=False),
        _of_a_run("run_events"),
        sa.PrimaryKeyConstraint("run_id", "sequence"),
        **ON_MYSQL,
    )


def downgrade() -> None:
    """Drop them."""
    for table in ("run_events", "run_attempts", "run_steps", "runs"):
        op.drop_table(table)


def _step_key(table: str) -> tuple[Any, ...]:
    path = sa.String(255).with_variant(mysql.VARCHAR(255, charset="ascii", collation="ascii_bin"), "mysql", "mariadb")
    return (
        _run_id(),
        sa.Column("step_id", path, nullable=False),
        sa.Column("item", sa.Integer(), nullable=False, autoincrement=False),
        _of_a_run(table),
    )


def _run_id() -> Any:
    return sa.Column("run_id", Identifier(), nullable=False)


def _of_a_run(table: str) -> Any:
    return sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=f"fk_{table}_run_id_runs", ondelete="CASCADE")
