"""Clients and grants of OAuth 2.0, and accounts of other providers."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from smartlite.storage.columns import JSON_OR_NULL, SHA256, Identifier, ScopeSet, UTCDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ON_MYSQL: Any = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "oauth_clients",
        sa.Column("id", Identifier(), nullable=False),
        sa.Column("user_id", Identifier(), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("secret_hash", SHA256, nullable=True),
        sa.Column("redirect_uris", JSON_OR_NULL, nullable=False),
        sa.Column("grant_types", JSON_OR_NULL, nullable=False),
        sa.Column("scopes", ScopeSet(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("revoked_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        _refers("oauth_clients", "user_id", "users"),
        **ON_MYSQL,
    )
    op.create_index("ix_oauth_clients_user_id_id", "oauth_clients", ["user_id", "id"])
    op.create_table(
        "oauth_grants",
        sa.Column("id", Identifier(), nullable=False),
        sa.Column("session_id", Identifier(), nullable=False),
        sa.Column("client_id", Identifier(), nullable=False),
        sa.Column("scopes", ScopeSet(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("session_id", name="uq_oauth_grants_session_id"),
        _refers("oauth_grants", "session_id", "sessions"),
        _refers("oauth_grants", "client_id", "oauth_clients"),
        **ON_MYSQL,
    )
    op.create_index("ix_oauth_grants_client_id", "oauth_grants", ["client_id"])
    op.create_table(
        "oauth_codes",
        sa.Column("code_hash", SHA256, nullable=False),
        sa.Column("client_id", Identifier(), nullable=False),
        sa.Column("user_id", Identifier(), nullable=False),
        sa.Column("redirect_uri", sa.String(512), nullable=False),
        sa.Column("code_challenge", Identifier(), nullable=False),
        sa.Column("scopes", ScopeSet(), nullable=False),
        sa.Column("expires_at", UTCDateTime(), nullable=False),
        sa.Column("grant_id", Identifier(), nullable=True),
        sa.PrimaryKeyConstraint("code_hash"),
        _refers("oauth_codes", "client_id", "oauth_clients"),
        _refers("oauth_codes", "user_id", "users"),
        **ON_MYSQL,
    )
    op.create_index("ix_oauth_codes_client_id_expires_at", "oauth_codes", ["client_id", "expires_at"])
    op.create_index("ix_oauth_codes_user_id", "oauth_codes", ["user_id"])
    op.create_table(
        "oauth_revoked_tokens",
        sa.Column("client_id", Identifier(), nullable=False),
        sa.Column("token_id", Identifier(), nullable=False),
        sa.Column("expires_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("client_id", "token_id"),
        _refers("oauth_revoked_tokens", "client_id", "oauth_clients"),
        **ON_MYSQL,
    )
    op.create_table(
        "external_accounts",
        sa.Column("account_hash", SHA256, nullable=False),
        sa.Column("provider", Identifier(), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("user_id", Identifier(), nullable=False),
        sa.Column("email", sa.String(254), nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("account_hash"),
        _refers("external_accounts", "user_id", "users"),
        **ON_MYSQL,
    )
    op.create_index("ix_external_accounts_user_id", "external_accounts", ["user_id"])
    op.create_table(
        "external_sign_ins",
        sa.Column("state_hash", SHA256, nullable=False),
        sa.Column("provider", Identifier(), nullable=False),
        sa.Column("browser_hash", SHA256, nullable=False),
        sa.Column("address", sa.String(64), nullable=True),
        sa.Column("expires_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("state_hash"),
        **ON_MYSQL,
    )
    op.create_index("ix_external_sign_ins_expires_at", "external_sign_ins", ["expires_at"])
    op.create_index("ix_external_sign_ins_address_expires_at", "external_sign_ins", ["address", "expires_at"])


def downgrade() -> None:
    """Drop them."""
    for table in (
        "external_sign_ins",
        "external_accounts",
        "oauth_revoked_tokens",
        "oauth_codes",
        "oauth_grants",
        "oauth_clients",
    ):
        op.drop_table(table)


def _refers(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=f"fk_{table}_{column}_{to}", ondelete="CASCADE")
