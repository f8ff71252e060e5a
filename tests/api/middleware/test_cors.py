"""Browsers: only the origins of the settings, on answers and on errors."""

from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from smartlite.api.app import create_app
from smartlite.api.services import Services
from smartlite.config import Settings

ORIGIN = "https://app.example"
PREFLIGHT = {"origin": ORIGIN, "access-control-request-method": "POST"}


@pytest.fixture
async def browser(build_services: Callable[..., Services], settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(build_services(settings.model_copy(update={"cors_origins": (ORIGIN,)})))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/v1/models", 200), ("GET", "/nothing", 404), ("PUT", "/v1/models", 405)]
)
async def test_a_known_origin_may_read_answers_and_errors(
    browser: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await browser.request(method, path, headers={"origin": ORIGIN})
    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    exposed = answer.headers["access-control-expose-headers"].lower()
    assert {"x-request-id", "server-timing", "retry-after", "x-should-retry"} <= set(exposed.split(", "))
    assert "access-control-allow-credentials" not in answer.headers


async def test_a_413_can_be_read_too(browser: httpx.AsyncClient) -> None:
    answer = await browser.post("/v1/chat/completions", content=b"x" * (1024 * 1024 + 1), headers={"origin": ORIGIN})
    assert answer.status_code == 413
    assert answer.headers["access-control-allow-origin"] == ORIGIN


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "https://app.example.evil.example", ORIGIN + ":444"]
)
async def test_another_origin_gets_no_permission(browser: httpx.AsyncClient, origin: str) -> None:
    answer = await browser.get("/v1/models", headers={"origin": origin})
    assert "access-control-allow-origin" not in answer.headers


async def test_a_preflight_allows_what_official_clients_send(browser: httpx.AsyncClient) -> None:
    asked = (
        "authorization,content-type,idempotency-key,openai-organization,openai-project,x-request-id,x-stainless-arch,"
        "x-stainless-lang,x-stainless-os,x-stainless-package-version,x-stainless-retry-count,x-stainless-runtime,"
        "x-stainless-runtime-version,x-stainless-timeout,x-stainless-read-timeout,x-stainless-helper-method"
    )
    answer = await browser.options("/v1/models", headers=PREFLIGHT | {"access-control-request-headers": asked})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == ORIGIN


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"access-control-request-headers": "x-evil"},
        {"access-control-request-method": "PATCH"},
    ],
)
async def test_a_refused_preflight_is_an_error_object(browser: httpx.AsyncClient, headers: dict[str, str]) -> None:
    answer = await browser.options("/v1/models", headers=PREFLIGHT | headers)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


async def test_without_origins_there_is_no_cors(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/models", headers={"origin": ORIGIN})
    assert "access-control-allow-origin" not in answer.headers
    assert (await client.options("/v1/models", headers=PREFLIGHT)).status_code == 405
