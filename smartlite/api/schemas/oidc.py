"""Wire format of the providers that people may sign in through. Must not know routes or how they are asked."""

from typing import Literal, Self

from pydantic import BaseModel, Field

from smartlite.auth.oidc.providers import Provider


class ProviderObject(BaseModel):
    """A provider."""

    id: str
    object: Literal["identity_provider"] = "identity_provider"
    name: str
    login_url: str = Field(description="Where a browser begins.")

    @classmethod
    def of(cls, provider: Provider, public_url: str) -> Self:
        """Describe a provider."""
        return cls(id=provider.id, name=provider.name, login_url=f"{public_url}/v1/auth/oidc/{provider.id}/login")


class ProviderList(BaseModel):
    """Every provider."""

    object: Literal["list"] = "list"
    data: list[ProviderObject]
