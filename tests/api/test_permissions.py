"""Every route of the API says which right it needs, and lets nobody pass who lacks it."""

import dataclasses
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from smartlite.api.app import ROUTERS, create_app
from smartlite.api.middleware import PUBLIC_PATHS
from smartlite.api.permissions import Needs, NeedsPrincipal, Public
from smartlite.api.services import Services
from smartlite.auth.authenticator import Authenticator
from smartlite.auth.scopes import BUILT_IN_ROLES, INFERENCE, Scope
from smartlite.domain.models import ModelDirectory, ServedModel, Voice
from tests.api.declared import EVERY_ROUTE, NEEDED, NEEDED_WITH_USERS, ROUTES
from tests.auth.keyring import Clock, Keyring, bearer

RECORDING = {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}
HEARD = [{"role": "user", "content": [RECORDING]}]
MESSAGES = [{"role": "user", "content": "hello"}]
CHAT = {"model": "fake-llm", "messages": MESSAGES}
SPOKEN = {**CHAT, "modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "mp3"}}
WORK: dict[str, dict[str, Any]] = {
    "/v1/audio/speech": {"model": "tts-1", "voice": "alloy", "input": "Hello."},
    "/v1/audio/transcriptions": {"model": "whisper-1"},
    "/v1/audio/translations": {"model": "whisper-1"},
    "/v1/chat/completions": CHAT,
    "/v1/embeddings": {"model": "fake-embedding", "input": "Hello."},
    "/v1/responses": {"model": "fake-llm", "input": "hello"},
    "/v1/voice/turns": {},
}
"""A good body for each route that has a model work."""
FORMS = ("/v1/audio/transcriptions", "/v1/audio/translations", "/v1/voice/turns")
MODELS_OF = {
    Scope.ASR_TRANSCRIBE: ("fake-asr",),
    Scope.ASR_TRANSLATE: ("fake-asr",),
    Scope.TTS_SYNTHESIZE: ("fake-tts",),
    Scope.LLM_CHAT: ("fake-llm",),
    Scope.LLM_EMBED: ("fake-embedding",),
    Scope.VOICE_TURN: ("fake-asr", "fake-llm", "fake-tts"),
}


def scopes_of(route: APIRoute) -> list[Scope]:
    """Of its router and its own, in the order in which they are checked."""
    return [each.dependency.scope for each in route.dependencies if isinstance(each.dependency, Needs)]


def needed_by(route: APIRoute) -> list[Scope | type[NeedsPrincipal] | type[Public]]:
    """Likewise, with what is no scope."""
    declared = [each.dependency for each in route.dependencies]
    kinds = (Needs, NeedsPrincipal, Public)
    return [each.scope if isinstance(each, Needs) else type(each) for each in declared if isinstance(each, kinds)]


@pytest.fixture
def keyring() -> Keyring:
    return Keyring()


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        yield client


@pytest.fixture
def services(services: Services, keyring: Keyring) -> Services:
    """With authentication."""
    return dataclasses.replace(services, authenticator=Authenticator(keyring.find, Clock()))


def holder(keyring: Keyring, *grants: str) -> dict[str, str]:
    """The headers of somebody whose key grants this."""
    key = keyring.add(role_scopes=frozenset(map(str, Scope)), scopes=frozenset(grants))
    return {"Authorization": bearer(key)}


async def work(
    client: httpx.AsyncClient, path: str, headers: dict[str, str], wav: bytes, body: dict[str, Any] | None = None
) -> httpx.Response:
    body = WORK[path] if body is None else body
    if path in FORMS:
        return await client.post(path, data=body, files={"file": ("a.wav", wav)}, headers=headers)
    return await client.post(path, json=body, headers=headers)


def test_every_route_of_the_api_declares_exactly_the_scope_that_it_needs() -> None:
    declared = {f"{method} {path}": needed_by(route) for method, path, route in EVERY_ROUTE}
    assert declared == {name: [needed] for name, needed in {**NEEDED, **NEEDED_WITH_USERS}.items()}


def test_the_public_routes_are_exactly_those_that_the_middleware_lets_through() -> None:
    assert {path for _, path, route in EVERY_ROUTE if needed_by(route) == [Public]} == PUBLIC_PATHS


def test_no_route_of_the_api_is_added_past_the_routers(app: FastAPI) -> None:
    alone = [path for route in app.routes if (path := getattr(route, "path", None)) is not None]
    assert alone
    assert not [path for path in alone if path.startswith(tuple(prefix for prefix in ROUTERS if prefix))]


@pytest.mark.parametrize(("method", "path"), [(method, path) for method, path, _ in ROUTES])
@pytest.mark.parametrize("role", BUILT_IN_ROLES)
async def test_every_role_reaches_the_routes_that_it_may_and_no_other(
    client: httpx.AsyncClient, keyring: Keyring, role: str, method: str, path: str
) -> None:
    key = keyring.add(roles=(role,), role_scopes=BUILT_IN_ROLES[role])
    address = path.replace(":path", "").replace("{", "").replace("}", "")
    answer = await client.request(method, address, headers={"Authorization": bearer(key)})
    needed = NEEDED[f"{method} {path}"]
    if needed in BUILT_IN_ROLES[role]:
        assert answer.status_code not in {401, 403}
    else:
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "insufficient_scope")
        assert f"'{needed}'" in answer.json()["error"]["message"]


@pytest.mark.parametrize(("method", "path"), [(method, path) for method, path, _ in ROUTES])
async def test_without_a_credential_no_route_is_reached(client: httpx.AsyncClient, method: str, path: str) -> None:
    address = path.replace(":path", "").replace("{", "").replace("}", "")
    answer = await client.request(method, address)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")


async def test_a_right_is_missed_before_anything_of_the_body_is_read(app: FastAPI, keyring: Keyring) -> None:
    async def body() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    headers = holder(keyring, "models:read") | {"Content-Type": "application/json"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        answer = await client.post("/v1/chat/completions", content=body(), headers=headers)
    assert answer.status_code == 403


def test_every_route_that_has_a_model_work_is_tried_below() -> None:
    # Routes of responses that are not stored have no model.
    working = {path for method, path, route in ROUTES if set(scopes_of(route)) & INFERENCE and "{" not in path}
    assert working == set(WORK)


@pytest.mark.parametrize("path", WORK)
async def test_a_key_for_the_models_that_work_is_enough(
    client: httpx.AsyncClient, keyring: Keyring, speech_wav: bytes, path: str
) -> None:
    scope = NEEDED[f"POST {path}"]
    headers = holder(keyring, *(f"{scope}:{model}" for model in MODELS_OF[scope]))
    answer = await work(client, path, headers, speech_wav)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("path", "missing"), [(path, model) for path in WORK for model in MODELS_OF[NEEDED[f"POST {path}"]]]
)
async def test_a_key_for_other_models_is_refused_with_the_scope_that_it_lacks(
    client: httpx.AsyncClient, keyring: Keyring, speech_wav: bytes, path: str, missing: str
) -> None:
    scope = NEEDED[f"POST {path}"]
    others = [f"{scope}:{model}" for model in MODELS_OF[scope] if model != missing]
    answer = await work(client, path, holder(keyring, f"{scope}:other", *others), speech_wav)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "insufficient_scope")
    assert f"'{scope}:{missing}'" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("path", "body", "missing"),
    [
        ("/v1/chat/completions", SPOKEN, "tts:synthesize:fake-tts"),
        ("/v1/chat/completions", {**CHAT, "messages": HEARD}, "asr:transcribe:fake-asr"),
        ("/v1/responses", {"model": "fake-llm", "input": HEARD}, "asr:transcribe:fake-asr"),
    ],
    ids=["spoken", "heard", "heard in a response"],
)
async def test_a_chat_that_is_heard_or_spoken_needs_those_rights_too(
    client: httpx.AsyncClient, keyring: Keyring, path: str, body: dict[str, Any], missing: str
) -> None:
    refused = await client.post(path, json=body, headers=holder(keyring, "llm:chat"))
    allowed = await client.post(path, json=body, headers=holder(keyring, "llm:chat", missing))
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "insufficient_scope")
    assert f"'{missing}'" in refused.json()["error"]["message"]
    assert allowed.status_code != 403


async def test_another_model_does_not_speak_in_the_place_of_one_that_the_key_is_for(
    services: Services, keyring: Keyring
) -> None:
    german = ServedModel("fake-german", "tts", "fake", 0, "x", (), ("de",), (Voice("ute", "Ute", "de-DE"),))
    models = ModelDirectory((*services.models.models, german))
    app = create_app(dataclasses.replace(services, models=models))
    body = {"model": "tts-1", "voice": "alloy", "input": "Guten Morgen, wie geht es Ihnen?"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        only = await client.post("/v1/audio/speech", json=body, headers=holder(keyring, "tts:synthesize:fake-tts"))
        asked = await client.post(
            "/v1/audio/speech", json={**body, "language": "de"}, headers=holder(keyring, "tts:synthesize:fake-tts")
        )
    assert (only.status_code, only.headers["x-smartlite-model"]) == (200, "fake-tts")
    assert asked.status_code == 400


async def test_the_list_of_models_is_the_same_for_everybody_who_may_see_it(
    client: httpx.AsyncClient, keyring: Keyring
) -> None:
    narrow = await client.get("/v1/models", headers=holder(keyring, "models:read", "llm:chat:fake-llm"))
    wide = await client.get("/v1/models", headers=holder(keyring, *Scope))
    assert narrow.content == wide.content


async def test_without_authentication_everything_is_reached(services: Services) -> None:
    app = create_app(dataclasses.replace(services, authenticator=None))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        answers = [
            await client.post("/v1/chat/completions", json=CHAT, headers=headers)
            for headers in ({}, {"Authorization": "Bearer unused"}, {"Authorization": "Basic eDp5"})
        ]
    assert [answer.status_code for answer in answers] == [200, 200, 200]


def test_the_document_says_which_operations_need_a_key_only_where_they_do(services: Services) -> None:
    guarded = create_app(services).openapi()
    for path, operations in guarded["paths"].items():
        for operation in operations.values():
            is_guarded = path.startswith("/v1/") and path not in PUBLIC_PATHS
            assert ("security" in operation) == is_guarded
            assert ({"401", "403"} <= set(operation["responses"])) == is_guarded
    assert guarded["components"]["securitySchemes"] == {"api_key": {"type": "http", "scheme": "bearer"}}
    free = json.dumps(create_app(dataclasses.replace(services, authenticator=None)).openapi())
    assert "securitySchemes" not in free
    assert '"401"' not in free
