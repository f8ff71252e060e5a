"""Wire format of signing in: tokens, sessions, who asks. Must not know routes or how anything is kept."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from smartlite.auth.sessions import SignedIn
from smartlite.auth.tokens import TokenKey
from smartlite.domain.identity import Session
from smartlite.domain.principal import Principal

_Email = Annotated[str, Field(min_length=1, max_length=254)]
_Password = Annotated[str, Field(min_length=1, max_length=4096)]
"""What is too long for a password is told by whoever knows passwords; this bounds the work."""


class LoginForm(BaseModel):
    """Body of `POST /v1/auth/login`."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"email": "ana@example.com", "password": "..."}}
    )

    email: _Email
    password: _Password = Field(repr=False)


class RefreshForm(BaseModel):
    """Body of `POST /v1/auth/refresh`."""

    model_config = ConfigDict(extra="forbid")

    refresh_token: Annotated[str, Field(min_length=1, max_length=4096)] = Field(repr=False)


class PasswordForm(BaseModel):
    """Body of `POST /v1/auth/password`."""

    model_config = ConfigDict(extra="forbid")

    current_password: _Password = Field(repr=False)
    new_password: _Password = Field(repr=False, description="At least 8 characters; at most 1024 bytes.")


class Tokens(BaseModel):
    """What whoever signed in works with."""

    object: Literal["tokens"] = "tokens"
    access_token: str = Field(description="The text to send as `Authorization: Bearer ...`.")
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the word of RFC 6750
    expires_in: int = Field(description="Of the access token, in seconds.")
    refresh_token: str = Field(description="Good once: it is exchanged for the next at `POST /v1/auth/refresh`.")
    session_id: str
    session_expires_at: datetime = Field(description="Then sign in again.")

    @classmethod
    def of(cls, signed_in: SignedIn) -> Self:
        """Hand over what somebody works with."""
        return cls(
            access_token=signed_in.access_token,
            expires_in=signed_in.expires_in_s,
            refresh_token=signed_in.refresh_token,
            session_id=signed_in.session.id,
            session_expires_at=signed_in.session.expires_at,
        )


class SessionObject(BaseModel):
    """Somebody signed in somewhere."""

    id: str
    object: Literal["session"] = "session"
    user_id: str
    user_agent: str
    address: str | None
    created_at: datetime
    last_used_at: datetime = Field(description="When its tokens were last refreshed.")
    expires_at: datetime
    current: bool = Field(description="Whether it is the one that asks.")

    @classmethod
    def of(cls, session: Session, current_id: str | None) -> Self:
        """Describe a session."""
        return cls(
            id=session.id,
            user_id=session.user_id,
            user_agent=session.user_agent,
            address=session.address,
            created_at=session.created_at,
            last_used_at=session.last_used_at,
            expires_at=session.expires_at,
            current=session.id == current_id,
        )


class SessionList(BaseModel):
    """A part of somebody's sessions, the oldest first."""

    object: Literal["list"] = "list"
    data: list[SessionObject]
    has_more: bool
    next: str | None = Field(description="What to send as `after` for what follows; null at the end.")


class Me(BaseModel):
    """Who asks, and what they may do."""

    object: Literal["principal"] = "principal"
    user_id: str | None
    name: str
    roles: list[str]
    scopes: list[str] = Field(description="What is granted after everything was taken into account.")
    session_id: str | None
    key_id: str | None
    client_id: str | None = Field(description="The OAuth client that asks; null where it is none.")
    organization_id: str | None = Field(description="What this request is made for; null: for the user alone.")
    organizations: dict[str, str] = Field(description="What the user is in which organization, by its id.")

    @classmethod
    def of(cls, principal: Principal) -> Self:
        """Describe who asks."""
        return cls(
            user_id=principal.user_id,
            name=principal.name,
            roles=sorted(principal.roles),
            scopes=sorted(principal.scopes),
            session_id=principal.session_id,
            key_id=principal.key_id,
            client_id=principal.client_id,
            organization_id=principal.organization_id,
            organizations={name: role.value for name, role in sorted(principal.memberships.items())},
        )


class PublicKey(BaseModel):
    """The public half of a key that access tokens are signed with (RFC 7517)."""

    kty: str
    crv: str
    x: str
    y: str
    kid: str
    use: str
    alg: str


class PublicKeys(BaseModel):
    """The keys that access tokens are signed with; those that sign no more are there while their tokens last."""

    keys: list[PublicKey]

    @classmethod
    def of(cls, keys: list[TokenKey]) -> Self:
        """Describe keys."""
        return cls(keys=[PublicKey.model_validate(key.public_jwk) for key in keys])
