"""Who may speak to the API at all: found out from one header, before anything else of the request is looked at."""

import dataclasses
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI, Request
from starlette.types import Message, Receive, Scope, Send

from smartlite.api.app import create_app
from smartlite.api.middleware.identity import IdentityMiddleware
from smartlite.api.principal import PrincipalDep
from smartlite.api.services import Services
from smartlite.auth.api_keys import NewKey
from smartlite.auth.authenticator import Authenticator
from smartlite.auth.scopes import BUILT_IN_ROLES
from smartlite.domain.principal import Principal
from smartlite.errors import Unauthorized
from tests.auth.keyring import Clock, Keyring, bearer, forged

CHAT = {"model": "fake-llm", "messages": [{"role": "user", "content": "hello"}]}
CHALLENGE = 'Bearer error="invalid_token"'


@pytest.fixture
def keyring() -> Keyring:
    return Keyring()


@pytest.fixture
def key(keyring: Keyring) -> NewKey:
    return keyring.add(role_scopes=BUILT_IN_ROLES["user"])


@pytest.fixture
def services(services: Services, keyring: Keyring) -> Services:
    """With authentication."""
    return dataclasses.replace(services, authenticator=Authenticator(keyring.find, Clock()))


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        yield client


async def test_a_key_lets_in(client: httpx.AsyncClient, key: NewKey) -> None:
    answer = await client.post("/v1/chat/completions", json=CHAT, headers={"Authorization": bearer(key)})
    assert answer.status_code == 200


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "HEAD"])
@pytest.mark.parametrize("path", ["/v1/models", "/v1/chat/completions", "/v1/nothing", "/v1", "/v1/"])
async def test_without_a_key_every_address_of_the_api_is_the_same_401(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    answer = await client.request(method, path)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == CHALLENGE
    assert answer.headers["x-request-id"]


async def test_the_refusal_is_an_error_object_that_the_official_client_knows(client: httpx.AsyncClient) -> None:
    error = (await client.get("/v1/models")).json()["error"]
    assert (error["type"], error["code"], error["param"]) == ("invalid_request_error", "invalid_api_key", None)


async def test_every_wrong_credential_is_refused_in_the_same_words(
    client: httpx.AsyncClient, keyring: Keyring, key: NewKey
) -> None:
    inactive = keyring.add(is_active=False)
    wrong: list[list[tuple[str, str]]] = [
        [],
        [("Authorization", "")],
        [("Authorization", "Bearer")],
        [("Authorization", f"Basic {key.text}")],
        [("Authorization", key.text)],
        [("Authorization", f"Bearer {forged(key)}")],
        [("Authorization", bearer(inactive))],
        [("Authorization", bearer(key)), ("Authorization", bearer(key))],
        [("Authorization", bearer(key)), ("authorization", "Bearer x")],
        [("Authorization", f"{bearer(key)}, {bearer(key)}")],
        [("Authorization", "Bearer " + "x" * 100_000)],
        [("Proxy-Authorization", bearer(key))],
        [("X-API-Key", key.text)],
        [("Cookie", f"Authorization={key.text}")],
        [("X-User-ID", "user_1")],
    ]
    answers = [await client.get("/v1/models", headers=headers) for headers in wrong]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1


@pytest.mark.parametrize("name", ["api_key", "key", "token", "access_token", "authorization"])
async def test_a_key_in_the_address_is_not_taken(client: httpx.AsyncClient, key: NewKey, name: str) -> None:
    assert (await client.get("/v1/models", params={name: key.text})).status_code == 401


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/docs", "/openapi.json", "/swagger/swagger-ui.css"])
async def test_health_and_documentation_need_no_key(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 200


@pytest.mark.parametrize("path", ["//v1/models", "/V1/models", "/v1%2Fmodels", "/./v1/models", "/healthz/../v1/models"])
async def test_an_address_written_otherwise_does_not_lead_past_it(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code in {401, 404}


async def test_a_preflight_needs_no_key(services: Services) -> None:
    settings = services.settings.model_copy(update={"cors_origins": ("https://app.example",)})
    transport = httpx.ASGITransport(create_app(dataclasses.replace(services, settings=settings)))
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        preflight = await client.options("/v1/models", headers=asked)
        refused = await client.get("/v1/models", headers={"Origin": "https://app.example"})
    assert preflight.status_code == 200
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, "https://app.example")


async def test_options_that_is_no_preflight_reaches_no_route(client: httpx.AsyncClient) -> None:
    assert (await client.options("/v1/models")).status_code == 405


async def test_a_store_that_is_away_is_a_503_that_may_be_repeated(
    client: httpx.AsyncClient, keyring: Keyring, key: NewKey
) -> None:
    keyring.is_away = True
    answer = await client.get("/v1/models", headers={"Authorization": bearer(key)})
    assert (answer.status_code, answer.headers["x-should-retry"]) == (503, "true")
    assert "www-authenticate" not in answer.headers


@pytest.mark.parametrize("content_length", ["10", "1000000000"])
async def test_nothing_of_the_body_is_read_for_a_refusal(app: FastAPI, content_length: str) -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        raise AssertionError("the body was read")

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"content-length", content_length.encode()), (b"content-type", b"multipart/form-data; boundary=x")]
    scope = {"type": "http", "method": "POST", "path": "/v1/audio/transcriptions", "headers": headers}
    await app({**scope, "query_string": b"", "http_version": "1.1", "root_path": "", "scheme": "http"}, receive, send)
    assert sent[0]["status"] == 401


async def test_a_route_sees_who_asks(app: FastAPI, client: httpx.AsyncClient, key: NewKey) -> None:
    seen: list[Principal] = []

    @app.get("/v1/me")
    async def me(principal: PrincipalDep) -> None:
        seen.append(principal)

    assert (await client.get("/v1/me", headers={"Authorization": bearer(key)})).status_code == 200
    assert [(principal.user_id, principal.key_id) for principal in seen] == [("user_1", "key_0")]


async def test_a_route_that_the_middleware_does_not_cover_is_closed(app: FastAPI, client: httpx.AsyncClient) -> None:
    @app.get("/elsewhere")
    async def elsewhere(principal: PrincipalDep) -> None:
        raise AssertionError(principal)

    assert (await client.get("/elsewhere")).status_code == 401


async def test_exempt_paths_are_passed_on_and_only_they() -> None:
    reached: list[str] = []

    async def inside(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append(Request(scope).url.path)

    async def refuse(header: str | None, organization_id: str | None) -> Principal:
        raise Unauthorized("No.")

    async def nothing(*_: object) -> Message:
        raise AssertionError("not used")

    guarded = IdentityMiddleware(inside, refuse, ("", "/v1"), frozenset({"/v1/login"}))
    scope = {"type": "http", "method": "POST", "headers": [(b"host", b"gateway")], "query_string": b""}
    await guarded({**scope, "path": "/v1/login"}, nothing, nothing)  # type: ignore[arg-type]
    with pytest.raises(Unauthorized):
        await guarded({**scope, "path": "/v1/login/x"}, nothing, nothing)  # type: ignore[arg-type]
    assert reached == ["/v1/login"]
