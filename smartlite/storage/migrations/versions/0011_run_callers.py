"""With which credential a run was asked for; which runs replay one."""

import sqlalchemy as sa
from alembic import op

from smartlite.storage.columns import Identifier, ScopeSet

revision = "0011"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the index."""
    op.add_column("runs", sa.Column("key_id", Identifier(), nullable=True))
    op.add_column("runs", sa.Column("scopes", ScopeSet(), nullable=True))
    op.create_index("ix_runs_replay_of", "runs", ["replay_of"])


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_runs_replay_of", "runs")
    op.drop_column("runs", "scopes")
    op.drop_column("runs", "key_id")
