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


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A key with whoever holds it: what a request is let in by."""

    key: ApiKey
    user: User
    roles: frozenset[str]
    """Names of the user's roles, those that ship and those that were made."""


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
