"""Wire format of organisations, their members and shares. Must not know routes or how anything is kept."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from smartlite.auth.organizations import Seen
from smartlite.domain.organizations import Access, Member, Share, SubjectKind

_Name = Annotated[str, Field(min_length=1, max_length=200)]
_Id = Annotated[str, Field(min_length=1, max_length=64)]
_Role = Literal["owner", "admin", "member"]
_Access = Literal["read", "write"]
_Subject = Literal["user", "role", "organization"]


class OrganizationObject(BaseModel):
    """An organisation."""

    id: str
    object: Literal["organization"] = "organization"
    name: str
    is_active: bool
    role: _Role | None = Field(description="What you are in it; null: nothing, you have a scope for all of them.")
    created_at: datetime

    @classmethod
    def of(cls, seen: Seen) -> Self:
        """Describe an organisation to whoever sees it."""
        found = seen.organization
        return cls(
            id=found.id,
            name=found.name,
            is_active=found.is_active,
            role=None if seen.role is None else seen.role.value,
            created_at=found.created_at,
        )


class OrganizationList(BaseModel):
    """A part of the organisations."""

    object: Literal["list"] = "list"
    data: list[OrganizationObject]
    has_more: bool
    next: str | None = Field(description="What to send as `after` for what follows; null at the end.")


class NewOrganization(BaseModel):
    """Body of `POST /v1/organizations`."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"name": "Newsroom"}})

    name: _Name


class ChangedOrganization(BaseModel):
    """Body of `PATCH /v1/organizations/{id}`; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    name: _Name | None = None
    is_active: bool | None = Field(
        None, description="False: nobody acts for it, and its keys do not work. Needs the scope `orgs:write`."
    )


class MemberObject(BaseModel):
    """A user in an organisation."""

    object: Literal["organization_member"] = "organization_member"
    organization_id: str
    user_id: str
    email: str
    name: str
    role: _Role
    created_at: datetime

    @classmethod
    def of(cls, member: Member) -> Self:
        """Describe a member."""
        return cls(
            organization_id=member.organization_id,
            user_id=member.user_id,
            email=member.email,
            name=member.name,
            role=member.role.value,
            created_at=member.created_at,
        )


class MemberList(BaseModel):
    """A part of the members."""

    object: Literal["list"] = "list"
    data: list[MemberObject]
    has_more: bool
    next: str | None = Field(description="What to send as `after` for what follows; null at the end.")


class NewMember(BaseModel):
    """Body of `POST /v1/organizations/{id}/members`."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"user": "ana@example.com"}})

    user: Annotated[str, Field(min_length=1, max_length=254, description="Id or e-mail address.")]
    role: _Role = "member"


class ChangedMember(BaseModel):
    """Body of `PATCH /v1/organizations/{id}/members/{user_id}`."""

    model_config = ConfigDict(extra="forbid")

    role: _Role


class ShareObject(BaseModel):
    """One thing, shared with somebody."""

    object: Literal["share"] = "share"
    resource_kind: str
    resource_id: str
    subject_kind: _Subject
    subject_id: str = Field(description="Id of a user or an organisation, or name of a role.")
    access: _Access
    created_by: str | None
    created_at: datetime

    @classmethod
    def of(cls, share: Share) -> Self:
        """Describe a share."""
        return cls(
            resource_kind=share.resource_kind,
            resource_id=share.resource_id,
            subject_kind=share.subject_kind.value,
            subject_id=share.subject_id,
            access=share.access.value,
            created_by=share.created_by,
            created_at=share.created_at,
        )


class ShareList(BaseModel):
    """Everybody whom one thing is shared with."""

    object: Literal["list"] = "list"
    data: list[ShareObject]


class NewShare(BaseModel):
    """Body of `PUT /v1/shares`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "resource_kind": "request",
                "resource_id": "rec_0199f7c0",
                "subject_kind": "user",
                "subject_id": "user_0199f7c0",
                "access": "read",
            }
        },
    )

    resource_kind: _Id
    resource_id: _Id
    subject_kind: _Subject
    subject_id: _Id
    access: _Access

    @property
    def subject(self) -> tuple[SubjectKind, str, Access]:
        """With whom, and what they may."""
        return SubjectKind(self.subject_kind), self.subject_id, Access(self.access)
