"""Wire format of OAuth's clients and of what users gave them. Must not know routes or how anything is kept."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from smartlite.domain.oauth import Grant, OAuthClient

_Kind = Literal["public", "confidential"]
_GrantType = Literal["authorization_code", "refresh_token", "client_credentials"]


class NewClient(BaseModel):
    """Body of `POST /v1/oauth/clients`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "name": "Captions",
                "kind": "public",
                "redirect_uris": ["http://127.0.0.1:8765/callback"],
                "scopes": ["asr:transcribe"],
            }
        },
    )

    name: Annotated[str, Field(min_length=1, max_length=200)] = Field(description="Users see it when they are asked.")
    kind: _Kind = Field(description="`public`: it runs where others can read its secrets, so it has none.")
    redirect_uris: Annotated[list[Annotated[str, Field(min_length=1, max_length=512)]], Field(max_length=10)] = Field(
        [],
        description="Where users are sent back to, compared character by character: https, http on 127.0.0.1, or for "
        "a public client a scheme of its own with a dot.",
    )
    grant_types: Annotated[list[_GrantType], Field(min_length=1, max_length=3)] = Field(
        ["authorization_code", "refresh_token"]
    )
    scopes: Annotated[list[Annotated[str, Field(min_length=1, max_length=320)]], Field(min_length=1, max_length=100)]


class ClientObject(BaseModel):
    """A program that somebody registered."""

    id: str
    object: Literal["oauth_client"] = "oauth_client"
    user_id: str
    name: str
    kind: _Kind
    redirect_uris: list[str]
    grant_types: list[_GrantType]
    scopes: list[str]
    created_at: datetime
    revoked_at: datetime | None

    @classmethod
    def of(cls, client: OAuthClient) -> Self:
        """Describe a client."""
        return cls(
            id=client.id,
            user_id=client.user_id,
            name=client.name,
            kind=client.kind.value,
            redirect_uris=list(client.redirect_uris),
            grant_types=sorted(each.value for each in client.grant_types),
            scopes=sorted(client.scopes),
            created_at=client.created_at,
            revoked_at=client.revoked_at,
        )


class MadeClient(ClientObject):
    """A client whose secret was just made."""

    client_secret: str | None = Field(description="It is shown this once; null for a public client.")


class ClientList(BaseModel):
    """A part of somebody's clients."""

    object: Literal["list"] = "list"
    data: list[ClientObject]
    has_more: bool
    next: str | None = Field(description="What to send as `after` for what follows; null at the end.")


class GrantObject(BaseModel):
    """What a user gave to a client."""

    id: str
    object: Literal["oauth_grant"] = "oauth_grant"
    client_id: str
    client_name: str
    scopes: list[str]
    created_at: datetime

    @classmethod
    def of(cls, grant: Grant, client: OAuthClient) -> Self:
        """Describe a grant."""
        return cls(
            id=grant.id,
            client_id=client.id,
            client_name=client.name,
            scopes=sorted(grant.scopes),
            created_at=grant.created_at,
        )


class GrantList(BaseModel):
    """A part of what a user gave, the oldest first."""

    object: Literal["list"] = "list"
    data: list[GrantObject]
    has_more: bool
    next: str | None = Field(description="What to send as `after` for what follows; null at the end.")
