"""Programs that act for somebody, what they were given, and accounts at other providers. Must not know how it is kept.

Ids are those of ``smartlite.domain.ids``; every time is an aware ``datetime`` in UTC.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from smartlite.domain.identity import Session, User


class ClientKind(StrEnum):
    """Whether a program can keep a secret (RFC 6749, section 2.1)."""

    PUBLIC = "public"
    CONFIDENTIAL = "confidential"


class GrantType(StrEnum):
    """By what a client gets its tokens."""

    AUTHORIZATION_CODE = "authorization_code"
    REFRESH_TOKEN = "refresh_token"  # noqa: S105 - the word of RFC 6749
    CLIENT_CREDENTIALS = "client_credentials"


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """A program that somebody registered."""

    id: str
    user_id: str
    """Whoever registered it; by itself it never does more than they may."""
    name: str
    kind: ClientKind
    secret_hash: bytes | None = field(repr=False)
    """32 bytes; None for a public one."""
    redirect_uris: tuple[str, ...]
    """Compared character by character."""
    grant_types: frozenset[GrantType]
    scopes: frozenset[str]
    """The most that it is ever given."""
    created_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class HeldClient:
    """A client with whoever registered it: what its own access token is let in by."""

    client: OAuthClient
    user: User
    roles: frozenset[str]
    """Names of the user's roles, those that ship and those that were made."""
    revoked_tokens: frozenset[str]
    """Ids of its access tokens that were revoked and have not expired."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What of their rights a user gave to a client, for as long as a session lasts."""

    id: str
    session_id: str
    client_id: str
    scopes: frozenset[str]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class HeldGrant:
    """A grant with everything that it hangs on: what a client's access token is let in by."""

    grant: Grant
    client: OAuthClient
    session: Session
    user: User
    roles: frozenset[str]
    """Names of the user's roles, those that ship and those that were made."""


@dataclass(frozen=True, slots=True)
class Code:
    """An authorization code that was given, and what for."""

    code_hash: bytes = field(repr=False)
    """SHA-256 of its text, 32 bytes."""
    client_id: str
    user_id: str
    redirect_uri: str
    code_challenge: str
    """Of RFC 7636, by S256."""
    scopes: frozenset[str]
    expires_at: datetime
    grant_id: str | None = None
    """What it was exchanged for; None while it is unused."""


@dataclass(frozen=True, slots=True)
class ExternalAccount:
    """An account at another provider by which a user signs in."""

    account_hash: bytes = field(repr=False)
    """SHA-256 of issuer and subject, 32 bytes."""
    provider: str
    """Its id in our configuration."""
    subject: str
    user_id: str
    email: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ExternalSignIn:
    """Somebody was sent to another provider and has not come back."""

    state_hash: bytes = field(repr=False)
    """SHA-256, 32 bytes; likewise below."""
    provider: str
    browser_hash: bytes = field(repr=False)
    """Of what the browser keeps in a cookie."""
    address: str | None
    """IP address that it was begun from."""
    expires_at: datetime
