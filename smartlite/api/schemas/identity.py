"""Wire format of users, roles, API keys and the audit log. Must not know routes or how anything is kept."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from smartlite.api.schemas.times import Instant
from smartlite.auth.identity import UserWithRoles
from smartlite.auth.key_rotation import DEFAULT_OVERLAP_S, MAX_OVERLAP_S
from smartlite.domain.identity import ApiKey, AuditEntry, Role

_Name = Annotated[str, Field(min_length=1, max_length=255)]
_Scopes = Annotated[list[Annotated[str, Field(min_length=1, max_length=320)]], Field(max_length=100)]
_Roles = Annotated[list[Annotated[str, Field(min_length=1, max_length=64)]], Field(max_length=20)]


class UserObject(BaseModel):
    """A user."""

    id: str
    object: Literal["user"] = "user"
    email: str
    name: str
    is_active: bool
    roles: list[str]
    created_at: datetime

    @classmethod
    def of(cls, found: UserWithRoles) -> Self:
        """Describe a user."""
        user = found.user
        return cls(
            id=user.id,
            email=user.email,
            name=user.name,
            is_active=user.is_active,
            roles=sorted(found.roles),
            created_at=user.created_at,
        )


class NewUser(BaseModel):
    """Body of `POST /v1/users`."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"email": "ana@example.com", "roles": ["developer"]}}
    )

    email: Annotated[str, Field(min_length=3, max_length=254)]
    name: Annotated[str, Field(max_length=255)] = ""
    roles: _Roles = Field(["user"], description="Of `GET /v1/roles`.")


class ChangedUser(BaseModel):
    """Body of `PATCH /v1/users/{id}`; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    is_active: bool | None = Field(None, description="False keeps the user's keys out, within two seconds everywhere.")
    roles: _Roles | None = None


class RoleObject(BaseModel):
    """A role: a name for scopes."""

    id: str
    object: Literal["role"] = "role"
    name: str
    scopes: list[str]
    built_in: bool

    @classmethod
    def of(cls, role: Role) -> Self:
        """Describe a role that was made."""
        return cls(id=role.id, name=role.name, scopes=sorted(role.scopes), built_in=False)


class NewRole(BaseModel):
    """Body of `POST /v1/roles`."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"name": "captions", "scopes": ["asr:transcribe"]}}
    )

    name: Annotated[str, Field(min_length=1, max_length=64)]
    scopes: _Scopes


class KeyObject(BaseModel):
    """An API key; its text is shown once, when it is made."""

    id: str
    object: Literal["api_key"] = "api_key"
    user_id: str
    organization_id: str | None = Field(description="What it is for; null: for its user alone.")
    name: str
    hint: str = Field(description="The first characters of the key's text.")
    scopes: list[str] | None = Field(description="What it is limited to; null: everything that the user's roles grant.")
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        """Describe a key."""
        return cls(
            id=key.id,
            user_id=key.user_id,
            organization_id=key.organization_id,
            name=key.name,
            hint=f"sl_{key.public_id[:6]}",
            scopes=None if key.scopes is None else sorted(key.scopes),
            created_at=key.created_at,
            expires_at=key.expires_at,
            revoked_at=key.revoked_at,
            last_used_at=key.last_used_at,
        )


class MadeKey(KeyObject):
    """A key that was just made."""

    key: str = Field(description="The text to send as `Authorization: Bearer ...`. It is shown this once.")


class NewKeyForm(BaseModel):
    """Body of `POST /v1/api-keys`."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"name": "captions", "scopes": ["asr:transcribe"]}}
    )

    name: _Name
    scopes: _Scopes | None = Field(None, description="Limits the key; a scope may end with the id of one model.")
    expires_at: Instant | None = None
    user_id: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        None, description="Whose key; your own when absent. Another's needs the scope `users:write`."
    )
    organization_id: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        None,
        description="What is done with the key is done for this organization, which its user is a member of; when "
        "absent, the one that this request is made for.",
    )


class KeyRotation(BaseModel):
    """Body of `POST /v1/api-keys/{key_id}/rotate`."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"overlap_s": 3600}})

    overlap_s: Annotated[float, Field(ge=0, le=MAX_OVERLAP_S)] = Field(
        DEFAULT_OVERLAP_S, description="Seconds that the old key stays good; 24 hours when absent."
    )


class AuditObject(BaseModel):
    """Somebody did something to something."""

    id: str
    object: Literal["audit_entry"] = "audit_entry"
    at: datetime
    actor_id: str | None
    action: str
    target_kind: str
    target_id: str
    address: str | None
    details: dict[str, Any]

    @classmethod
    def of(cls, entry: AuditEntry) -> Self:
        """Describe an entry."""
        return cls(
            id=entry.id,
            at=entry.at,
            actor_id=entry.actor_id,
            action=entry.action,
            target_kind=entry.target_kind,
            target_id=entry.target_id,
            address=entry.address,
            details=dict(entry.details),
        )


class _Listed(BaseModel):
    object: Literal["list"] = "list"
    has_more: bool
    next: str | None = Field(description="What to send as `after` for what follows; null at the end.")


class UserList(_Listed):
    """A part of the users."""

    data: list[UserObject]


class RoleList(_Listed):
    """Roles that ship, then those that were made."""

    data: list[RoleObject]


class KeyList(_Listed):
    """A part of somebody's keys."""

    data: list[KeyObject]


class AuditList(_Listed):
    """A part of the audit log, newest first."""

    data: list[AuditObject]
