"""Who there is and what they hold: users, roles, API keys, and the log of who did what. Must not know how it is kept.

Ids are those of ``smartlite.domain.ids``; every time is an aware ``datetime`` in UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may sign in or own keys."""

    id: str
    email: str
    """As it was given; no two differ only in case."""
    name: str
    is_active: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Role:
    """A role that an administrator made; those that ship are in the code."""

    id: str
    name: str
    scopes: frozenset[str]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is kept of a key: enough to know it again, too little to make it."""

    id: str
    user_id: str
    name: str
    public_id: str
    """The part of the key that it is looked up by."""
    secret_hash: bytes = field(repr=False)
    """32 bytes; the secret part itself is not kept."""
    scopes: frozenset[str] | None
    """What it is limited to; None: everything that the roles of its user allow."""
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    organization_id: str | None = None
    """What is done with it is done for this organisation; None: for its user alone."""


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A key with whoever holds it: what a request is let in by."""

    key: ApiKey
    user: User
    roles: frozenset[str]
    """Names of the user's roles, those that ship and those that were made."""


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody signed in; from then on a chain of refresh tokens, of which one is good at a time."""

    id: str
    user_id: str
    created_at: datetime
    last_used_at: datetime
    """When its tokens were last refreshed."""
    expires_at: datetime
    """Whatever happens until then."""
    revoked_at: datetime | None
    user_agent: str
    address: str | None
    """IP address that it was begun from."""
    generation: int
    """How many refresh tokens there have been; only grows. A time would not do: two may fall into one tick."""
    family_hash: bytes = field(repr=False)
    """SHA-256 of what all its refresh tokens have in common, 32 bytes; likewise below."""
    refresh_hash: bytes = field(repr=False)
    """Of the refresh token that is good."""
    previous_refresh_hash: bytes | None = field(default=None, repr=False)
    """Of the one before; None where there is none."""
    rotated_at: datetime | None = None
    """When the one before was used."""
    rotation_salt: bytes | None = field(default=None, repr=False)
    """What the good one was derived from, together with the one before: 32 bytes."""


@dataclass(frozen=True, slots=True)
class HeldSession:
    """A session with whoever holds it: what a request is let in by."""

    session: Session
    user: User
    roles: frozenset[str]
    """Names of the user's roles, those that ship and those that were made."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that access tokens are signed with."""

    id: str
    """The ``kid`` of its tokens."""
    algorithm: str
    """Such as ``ES256`` (RFC 7518, section 3.1)."""
    private_key: str = field(repr=False)
    """PEM, PKCS #8."""
    created_at: datetime
    retired_at: datetime | None = None
    """From then on it signs nothing, and is kept for tokens that it has signed."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Somebody did something to something."""

    id: str
    at: datetime
    actor_id: str | None
    """Id of the user; None: the platform itself, or nobody known."""
    action: str
    """Such as ``api_key.revoke``."""
    target_kind: str
    target_id: str
    address: str | None = None
    """IP address that it was asked from."""
    details: Mapping[str, object] = field(default_factory=dict)
    """Whatever JSON can hold."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T_co]):
    """A part of a list, in the list's order."""

    items: tuple[T_co, ...]
    next: str | None = None
    """What to ask for the part that follows with; None: there is none."""
