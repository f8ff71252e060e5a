"""Wire format of OAuth's own routes, in OAuth's own words. Must not know routes or how anything is kept."""

from typing import Annotated, Self

from pydantic import BaseModel, Field

from smartlite.auth.oauth.grants import Issued
from smartlite.auth.oauth.inspection import TokenFacts
from smartlite.auth.scopes import Scope

_Text = Annotated[str, Field(min_length=1, max_length=4096)]


class ClientForm(BaseModel):
    """How a client says who it is, where it does not in the header `Authorization: Basic ...`."""

    client_id: _Text | None = None
    client_secret: _Text | None = Field(None, repr=False)


class TokenForm(ClientForm):
    """Body of `POST /v1/oauth/token`."""

    grant_type: _Text = Field(description="`authorization_code`, `refresh_token` or `client_credentials`.")
    code: _Text | None = Field(None, repr=False)
    redirect_uri: _Text | None = None
    code_verifier: _Text | None = Field(None, repr=False)
    refresh_token: _Text | None = Field(None, repr=False)
    scope: _Text | None = Field(None, description="At most what was given; all of it when absent.")


class TokenToLookAt(ClientForm):
    """Body of `POST /v1/oauth/introspect` and `POST /v1/oauth/revoke`."""

    token: Annotated[str, Field(min_length=1, max_length=16_384)] = Field(repr=False)
    token_type_hint: _Text | None = Field(None, description="Not needed: a token says of itself what it is.")


class AuthorizationQuery(BaseModel):
    """What a client asks for by `GET /v1/oauth/authorize` (RFC 6749, section 4.1.1; RFC 7636, section 4.3)."""

    client_id: _Text
    redirect_uri: _Text = Field(description="One that the client registered.")
    response_type: _Text = Field(description="`code`; like whatever follows, if it is not, the client is told.")
    code_challenge: _Text
    code_challenge_method: _Text = Field(description="`S256`.")
    scope: str = Field("", description="All that the client may have when absent.")
    state: str = Field("", max_length=2048, description="Given back to the client.")
    response_mode: str = Field("query", description="`query`.")


class ConsentForm(BaseModel):
    """What the page of `GET /v1/oauth/authorize` sends back."""

    request: Annotated[str, Field(min_length=1, max_length=16_384)]
    decision: Annotated[str, Field(min_length=1, max_length=16)]
    email: Annotated[str, Field(max_length=254)] = ""
    password: Annotated[str, Field(max_length=4096)] = Field("", repr=False)


class IssuedTokens(BaseModel):
    """What a client works with (RFC 6749, section 5.1)."""

    access_token: str
    token_type: str = "Bearer"  # noqa: S105 - the word of RFC 6750
    expires_in: int = Field(description="Of the access token, in seconds.")
    scope: str = Field(description="What was given, which may be less than what was asked for.")
    refresh_token: str | None = None

    @classmethod
    def of(cls, issued: Issued) -> Self:
        """Hand over what a client works with."""
        return cls(
            access_token=issued.access_token,
            expires_in=issued.expires_in_s,
            scope=issued.scope,
            refresh_token=issued.refresh_token,
        )


class TokenState(BaseModel):
    """What is told of a token (RFC 7662, section 2.2)."""

    active: bool
    scope: str | None = None
    client_id: str | None = None
    username: str | None = None
    token_type: str | None = None
    exp: int | None = None
    iat: int | None = None
    sub: str | None = None
    aud: str | None = None
    iss: str | None = None
    jti: str | None = None

    @classmethod
    def of(cls, facts: TokenFacts | None, issuer: str) -> Self:
        """Describe a token; of one that is not good nothing is told."""
        if facts is None:
            return cls(active=False)
        return cls(
            active=True,
            scope=facts.scope,
            client_id=facts.client_id,
            username=facts.username,
            token_type=facts.token_type,
            exp=facts.expires_at,
            iat=facts.issued_at,
            sub=facts.subject,
            aud=facts.audience,
            iss=issuer,
            jti=facts.token_id,
        )


class ServerMetadata(BaseModel):
    """What clients need to know of this server (RFC 8414)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    revocation_endpoint: str
    introspection_endpoint: str
    jwks_uri: str
    service_documentation: str
    scopes_supported: list[str]
    response_types_supported: list[str] = ["code"]
    response_modes_supported: list[str] = ["query"]
    grant_types_supported: list[str] = ["authorization_code", "refresh_token", "client_credentials"]
    code_challenge_methods_supported: list[str] = ["S256"]
    token_endpoint_auth_methods_supported: list[str] = ["client_secret_basic", "client_secret_post", "none"]
    revocation_endpoint_auth_methods_supported: list[str] = ["client_secret_basic", "client_secret_post", "none"]
    introspection_endpoint_auth_methods_supported: list[str] = ["client_secret_basic", "client_secret_post"]
    authorization_response_iss_parameter_supported: bool = True

    @classmethod
    def of(cls, issuer: str) -> Self:
        """Describe this server."""
        return cls(
            issuer=issuer,
            authorization_endpoint=f"{issuer}/v1/oauth/authorize",
            token_endpoint=f"{issuer}/v1/oauth/token",
            revocation_endpoint=f"{issuer}/v1/oauth/revoke",
            introspection_endpoint=f"{issuer}/v1/oauth/introspect",
            jwks_uri=f"{issuer}/.well-known/jwks.json",
            service_documentation=f"{issuer}/docs",
            scopes_supported=sorted(Scope),
        )
