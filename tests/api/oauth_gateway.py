"""A gateway with OAuth over a database of its own, and a program and a browser that use it. Must not know any test."""

import dataclasses
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from smartlite.api.app import create_app
from smartlite.api.services import Services
from smartlite.auth.oauth.pkce import challenge_of
from smartlite.auth.oidc.providers import KnownProvider
from tests.auth.accounts import EMAIL, PASSWORD, World, a_world

CALLBACK = "https://app.example/callback?from=here"
VERIFIER = "v" * 43
SCOPES = ["llm:chat", "models:read", "asr:transcribe"]


@dataclass
class Program:
    """A client that was registered."""

    id: str
    secret: str | None
    redirect_uri: str = CALLBACK

    @property
    def auth(self) -> httpx.BasicAuth | None:
        return None if self.secret is None else httpx.BasicAuth(self.id, self.secret)


@dataclass
class Gateway:
    """The gateway, and everything that happens to it."""

    world: World
    client: httpx.AsyncClient
    tokens: dict[str, str] = field(default_factory=dict)

    async def bearer(self, email: str = EMAIL) -> dict[str, str]:
        """The headers of somebody who signed in."""
        if email not in self.tokens:
            self.tokens[email] = (await self.world.sign_in(email)).access_token
        return {"authorization": f"Bearer {self.tokens[email]}"}

    async def ask(self, method: str, path: str, status: int, email: str = EMAIL, **arguments: Any) -> Any:
        """Ask as somebody who signed in."""
        answer = await self.client.request(method, path, headers=await self.bearer(email), **arguments)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def register(self, email: str = EMAIL, **fields: Any) -> Program:
        body = {"name": "Captions", "kind": "public", "redirect_uris": [CALLBACK], "scopes": SCOPES, **fields}
        made = await self.ask("POST", "/v1/oauth/clients", 201, email, json=body)
        return Program(made["id"], made["client_secret"], (body["redirect_uris"] or [""])[0])

    def question(self, program: Program, **changes: str | None) -> dict[str, str]:
        """The parameters of a good authorization request, changed."""
        good: dict[str, str | None] = {
            "response_type": "code",
            "client_id": program.id,
            "redirect_uri": program.redirect_uri,
            "state": "a state & more",
            "scope": "llm:chat models:read",
            "code_challenge": challenge_of(VERIFIER),
            "code_challenge_method": "S256",
        }
        return {name: value for name, value in {**good, **changes}.items() if value is not None}

    async def page(self, program: Program, **changes: str | None) -> httpx.Response:
        return await self.client.get("/v1/oauth/authorize", params=self.question(program, **changes))

    async def decide(self, page: httpx.Response, **fields: str) -> httpx.Response:
        """Fill in the page's form."""
        form = {"request": sealed_in(page), "decision": "allow", "email": EMAIL, "password": PASSWORD, **fields}
        return await self.client.post("/v1/oauth/authorize", data=form)

    async def code(self, program: Program, email: str = EMAIL, **changes: str | None) -> str:
        answer = await self.decide(await self.page(program, **changes), email=email)
        assert answer.status_code == 303, answer.text
        return parameters(answer)["code"]

    async def token(self, program: Program, **form: str) -> httpx.Response:
        if program.secret is None:
            return await self.client.post("/v1/oauth/token", data={"client_id": program.id, **form})
        assert program.auth is not None
        return await self.client.post("/v1/oauth/token", data=form, auth=program.auth)

    async def exchange(self, program: Program, code: str, /, **changes: str) -> httpx.Response:
        form = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER}
        return await self.token(program, **{**form, "redirect_uri": program.redirect_uri, **changes})

    async def granted(self, program: Program, email: str = EMAIL, **changes: str | None) -> dict[str, Any]:
        """Go all the way to tokens."""
        answer = await self.exchange(program, await self.code(program, email, **changes))
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def refresh(self, program: Program, token: str, **form: str) -> httpx.Response:
        return await self.token(program, grant_type="refresh_token", refresh_token=token, **form)

    async def me(self, token: str) -> httpx.Response:
        return await self.client.get("/v1/auth/me", headers={"authorization": f"Bearer {token}"})


def sealed_in(page: httpx.Response) -> str:
    found = re.search(r'name="request" value="([^"]+)"', page.text)
    assert found is not None, page.text
    return unescape(found[1])


def parameters(answer: httpx.Response) -> dict[str, str]:
    """What a redirect says."""
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


@asynccontextmanager
async def a_gateway(
    services: Services, folder: Path, providers: Sequence[KnownProvider] = ()
) -> AsyncIterator[Gateway]:
    """A gateway where a developer has signed in."""
    async with a_world(folder, providers) as world:
        await world.add_user(roles=("developer",))
        services = dataclasses.replace(
            services, authenticator=world.authenticator, identity=world.identity, accounts=world.accounts
        )
        transport = httpx.ASGITransport(create_app(services), client=("203.0.113.7", 1234))
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            yield Gateway(world, client)
