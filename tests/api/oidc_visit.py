"""A gateway whose users may come from a provider that runs beside, and a browser on its way. Must not know any test."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from pydantic import SecretStr

from smartlite.auth.oidc.providers import KnownProvider, Provider
from tests.api.oauth_gateway import Gateway
from tests.auth.oidc_provider import CLIENT_ID, SECRET, FakeProvider

LOGIN, CALLBACK = "/v1/auth/oidc/there/login", "/v1/auth/oidc/there/callback"


@dataclass
class Visit:
    """A gateway whose users may come from a provider."""

    gateway: Gateway
    provider: FakeProvider
    cookies: dict[str, str] = field(default_factory=dict)

    async def begin(self) -> httpx.Response:
        answer = await self.gateway.client.get(LOGIN)
        self.cookies = dict(answer.cookies)
        self.gateway.client.cookies.clear()
        return answer

    async def there(self, begun: httpx.Response) -> dict[str, str]:
        """At the provider; what the browser brings back."""
        async with httpx.AsyncClient() as browser:
            answer = await browser.get(begun.headers["location"])
        assert answer.status_code == 302, answer.text
        back = urlsplit(answer.headers["location"])
        assert back.path == CALLBACK
        return {name: values[0] for name, values in parse_qs(back.query).items()}

    async def back(self, brought: dict[str, str]) -> httpx.Response:
        header = {"cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        answer = await self.gateway.client.get(CALLBACK, params=brought, headers=header if self.cookies else {})
        self.gateway.client.cookies.clear()
        return answer

    async def sign_in(self) -> httpx.Response:
        begun = await self.begin()
        if begun.status_code != 302:
            return begun
        return await self.back(await self.there(begun))

    async def refused(self) -> tuple[int, str]:
        answer = await self.sign_in()
        return answer.status_code, answer.json()["error"]["code"]


def known(provider: FakeProvider, **changes: Any) -> KnownProvider:
    fields = {"id": "there", "name": "There", "issuer": provider.issuer, "client_id": CLIENT_ID, **changes}
    return KnownProvider(provider=Provider(client_secret_env="X", **fields), secret=SecretStr(SECRET))
