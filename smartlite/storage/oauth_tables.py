"""Clients and grants of OAuth 2.0, and accounts of other providers, as the code reads and writes them.

Must not know what the rows are for.
"""

from datetime import datetime
from typing import Final

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from smartlite.storage.columns import JSON_OR_NULL, SHA256, Identifier, ScopeSet, UTCDateTime
from smartlite.storage.tables import EMAIL_CHARACTERS, NAME_CHARACTERS, ON_MYSQL, SessionRow, Table, UserRow

REDIRECT_URI_CHARACTERS: Final = 512
SUBJECT_CHARACTERS: Final = 255
"""OpenID Connect Core 1.0, section 2: ``sub`` has 255 at most."""


class OAuthClientRow(Table):
    """A program that somebody registered."""

    __tablename__ = "oauth_clients"
    __table_args__ = (Index(None, "user_id", "id"), ON_MYSQL)

    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    user_id: Mapped[str] = mapped_column(Identifier, ForeignKey(UserRow.id, ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(NAME_CHARACTERS))
    kind: Mapped[str] = mapped_column(String(16))
    secret_hash: Mapped[bytes | None] = mapped_column(SHA256)
    redirect_uris: Mapped[list[str]] = mapped_column(JSON_OR_NULL)
    grant_types: Mapped[list[str]] = mapped_column(JSON_OR_NULL)
    scopes: Mapped[frozenset[str]] = mapped_column(ScopeSet)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class OAuthGrantRow(Table):
    """A session that a client holds, and what of its user's rights the client was given."""

    __tablename__ = "oauth_grants"
    __table_args__ = (UniqueConstraint("session_id"), Index(None, "client_id"), ON_MYSQL)

    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    session_id: Mapped[str] = mapped_column(Identifier, ForeignKey(SessionRow.id, ondelete="CASCADE"))
    client_id: Mapped[str] = mapped_column(Identifier, ForeignKey(OAuthClientRow.id, ondelete="CASCADE"))
    scopes: Mapped[frozenset[str]] = mapped_column(ScopeSet)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)


class OAuthCodeRow(Table):
    """An authorization code; kept for a while after it was used, so that a second use is known for one."""

    __tablename__ = "oauth_codes"
    __table_args__ = (Index(None, "client_id", "expires_at"), Index(None, "user_id"), ON_MYSQL)

    code_hash: Mapped[bytes] = mapped_column(SHA256, primary_key=True)
    client_id: Mapped[str] = mapped_column(Identifier, ForeignKey(OAuthClientRow.id, ondelete="CASCADE"))
    user_id: Mapped[str] = mapped_column(Identifier, ForeignKey(UserRow.id, ondelete="CASCADE"))
    redirect_uri: Mapped[str] = mapped_column(String(REDIRECT_URI_CHARACTERS))
    code_challenge: Mapped[str] = mapped_column(Identifier)
    scopes: Mapped[frozenset[str]] = mapped_column(ScopeSet)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
    grant_id: Mapped[str | None] = mapped_column(Identifier)
    """What it was exchanged for; refers to nothing, since a grant may be forgotten first."""


class OAuthRevokedTokenRow(Table):
    """An access token of a client's own that was revoked before it expired."""

    __tablename__ = "oauth_revoked_tokens"
    __table_args__ = (ON_MYSQL,)

    client_id: Mapped[str] = mapped_column(
        Identifier, ForeignKey(OAuthClientRow.id, ondelete="CASCADE"), primary_key=True
    )
    token_id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)


class ExternalAccountRow(Table):
    """An account at another provider by which a user signs in."""

    __tablename__ = "external_accounts"
    __table_args__ = (Index(None, "user_id"), ON_MYSQL)

    account_hash: Mapped[bytes] = mapped_column(SHA256, primary_key=True)
    """Of issuer and subject: MySQL takes a subject with a space at its end for the one without."""
    provider: Mapped[str] = mapped_column(Identifier)
    subject: Mapped[str] = mapped_column(String(SUBJECT_CHARACTERS))
    user_id: Mapped[str] = mapped_column(Identifier, ForeignKey(UserRow.id, ondelete="CASCADE"))
    email: Mapped[str | None] = mapped_column(String(EMAIL_CHARACTERS))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)


class ExternalSignInRow(Table):
    """Somebody was sent to another provider and has not come back."""

    __tablename__ = "external_sign_ins"
    __table_args__ = (Index(None, "expires_at"), Index(None, "address", "expires_at"), ON_MYSQL)

    state_hash: Mapped[bytes] = mapped_column(SHA256, primary_key=True)
    provider: Mapped[str] = mapped_column(Identifier)
    browser_hash: Mapped[bytes] = mapped_column(SHA256)
    address: Mapped[str | None] = mapped_column(String(64))
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
