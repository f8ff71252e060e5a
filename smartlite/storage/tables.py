"""The tables, as the code reads and writes them; ``migrations`` makes them. Must not know what the rows are for."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import ForeignKey, Index, MetaData, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from smartlite.storage.columns import JSON_OR_NULL, SHA256, Identifier, ScopeSet, UTCDateTime

EMAIL_CHARACTERS: Final = 254
"""RFC 5321, section 4.5.3.1.3: a path of 256 with its brackets."""
NAME_CHARACTERS: Final = 200
ROLE_CHARACTERS: Final = 64
USER_AGENT_CHARACTERS: Final = 200

ON_MYSQL: Final = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


class Table(DeclarativeBase):
    """What all tables have in common."""

    metadata = MetaData(
        naming_convention={
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        }
    )
    __table_args__: Any = ON_MYSQL


class UserRow(Table):
    """A user."""

    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("email_key"), ON_MYSQL)

    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    email: Mapped[str] = mapped_column(String(EMAIL_CHARACTERS))
    email_key: Mapped[str] = mapped_column(String(EMAIL_CHARACTERS))
    """The address without case, made in Python: each database has its own idea of case, and some of accents."""
    name: Mapped[str] = mapped_column(String(NAME_CHARACTERS))
    is_active: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    password_hash: Mapped[str | None] = mapped_column(String(255))


class RoleRow(Table):
    """A role that an administrator made."""

    __tablename__ = "roles"
    __table_args__ = (UniqueConstraint("name"), ON_MYSQL)

    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    name: Mapped[str] = mapped_column(String(ROLE_CHARACTERS))
    scopes: Mapped[frozenset[str]] = mapped_column(ScopeSet)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)


class UserRoleRow(Table):
    """A user has a role, named and not referred to: the roles that ship have no row."""

    __tablename__ = "user_roles"
    __table_args__ = (Index(None, "role"), ON_MYSQL)

    user_id: Mapped[str] = mapped_column(Identifier, ForeignKey(UserRow.id, ondelete="CASCADE"), primary_key=True)
    role: Mapped[str] = mapped_column(String(ROLE_CHARACTERS), primary_key=True)


class ApiKeyRow(Table):
    """An API key."""

    __tablename__ = "api_keys"
    __table_args__ = (
        UniqueConstraint("public_id"),
        Index(None, "user_id", "id"),
        Index(None, "organization_id", "id"),
        ON_MYSQL,
    )

    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    user_id: Mapped[str] = mapped_column(Identifier, ForeignKey(UserRow.id, ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(NAME_CHARACTERS))
    public_id: Mapped[str] = mapped_column(Identifier)
    secret_hash: Mapped[bytes] = mapped_column(SHA256)
    scopes: Mapped[frozenset[str] | None] = mapped_column(ScopeSet)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    organization_id: Mapped[str | None] = mapped_column(Identifier, ForeignKey("organizations.id", ondelete="CASCADE"))


class SessionRow(Table):
    """Somebody signed in, and every refresh token that followed from it."""

    __tablename__ = "sessions"
    __table_args__ = (Index(None, "user_id", "id"), ON_MYSQL)

    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    user_id: Mapped[str] = mapped_column(Identifier, ForeignKey(UserRow.id, ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    last_used_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    user_agent: Mapped[str] = mapped_column(String(USER_AGENT_CHARACTERS))
    address: Mapped[str | None] = mapped_column(String(64))
    generation: Mapped[int]
    family_hash: Mapped[bytes] = mapped_column(SHA256)
    refresh_hash: Mapped[bytes] = mapped_column(SHA256)
    previous_refresh_hash: Mapped[bytes | None] = mapped_column(SHA256)
    rotated_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    rotation_salt: Mapped[bytes | None] = mapped_column(SHA256)


class SigningKeyRow(Table):
    """A key that access tokens are signed with."""

    __tablename__ = "signing_keys"
    __table_args__ = (ON_MYSQL,)

    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    algorithm: Mapped[str] = mapped_column(String(16))
    private_key: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    retired_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class AuditRow(Table):
    """An entry of the audit log; refers to nothing, so that it outlives what it tells of."""

    __tablename__ = "audit_log"
    __table_args__ = (Index(None, "at", "id"), Index(None, "actor_id", "at", "id"), ON_MYSQL)

    id: Mapped[str] = mapped_column(Identifier, primary_key=True)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    actor_id: Mapped[str | None] = mapped_column(Identifier)
    action: Mapped[str] = mapped_column(String(64))
    target_kind: Mapped[str] = mapped_column(String(64))
    target_id: Mapped[str] = mapped_column(String(255))
    address: Mapped[str | None] = mapped_column(String(64))
    details: Mapped[dict[str, Any]] = mapped_column(JSON_OR_NULL)
