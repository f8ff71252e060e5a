"""A page that somebody visits cannot use the gateway on that person's machine."""

import dataclasses

import httpx
import pytest
from fastapi import FastAPI

from smartlite.api.app import create_app
from smartlite.api.services import Services
from smartlite.config import Settings


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The names that this test's gateway answers to."""
    return settings.model_copy(update={"allowed_hosts": ("gateway", "127.0.0.1")})


CHAT = {"model": "fake-llm", "messages": [{"role": "user", "content": "hello"}]}


async def ask(app: FastAPI, method: str, path: str, headers: dict[str, str]) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        return await client.request(method, path, headers=headers, json=CHAT if method == "POST" else None)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "x.gateway", ""])
async def test_another_name_is_refused(app: FastAPI, host: str) -> None:
    answer = await ask(app, "GET", "/v1/models", {"Host": host})
    assert (answer.status_code, answer.json()["error"]["code"]) == (421, "host_not_allowed")


@pytest.mark.parametrize("host", ["gateway", "GATEWAY", "gateway:8000", "127.0.0.1:8000"])
async def test_an_allowed_name_is_answered_on_any_port(app: FastAPI, host: str) -> None:
    assert (await ask(app, "GET", "/v1/models", {"Host": host})).status_code == 200


async def test_the_edge_may_ask_for_health_by_any_name(app: FastAPI) -> None:
    assert (await ask(app, "GET", "/healthz", {"Host": "smartlite-edge"})).status_code == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://gateway:8000", "http://gateway.evil.example"]
)
async def test_a_page_of_another_origin_cannot_make_the_browser_post(app: FastAPI, origin: str) -> None:
    answer = await ask(app, "POST", "/v1/chat/completions", {"Origin": origin})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "origin_not_allowed")


async def test_the_gateways_own_page_may_post(app: FastAPI) -> None:
    assert (await ask(app, "POST", "/v1/chat/completions", {"Origin": "http://gateway"})).status_code == 200


@pytest.mark.parametrize("allowed", ["http://app.example", "*"])
async def test_an_allowed_origin_may_post(services: Services, allowed: str) -> None:
    settings = services.settings.model_copy(update={"cors_origins": (allowed,)})
    app = create_app(dataclasses.replace(services, settings=settings))
    answer = await ask(app, "POST", "/v1/chat/completions", {"Origin": "http://app.example"})
    assert answer.status_code == 200
