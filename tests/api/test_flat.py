"""Routes that FastAPI does not resolve."""

import httpx
import pytest
from fastapi import APIRouter, Depends, Request, Response

from smartlite.api.app import ROUTERS
from smartlite.api.flat import flat, flat_routes
from smartlite.api.permissions import needs
from smartlite.api.services import ServicesDep
from smartlite.auth.scopes import Scope


def test_what_is_asked_most_is_flat() -> None:
    assert set(flat_routes(ROUTERS)) == {
        ("GET", "/v1/models"),
        ("POST", "/v1/embeddings"),
        ("POST", "/v1/chat/completions"),
        ("POST", "/v1/audio/speech"),
    }


async def test_a_flat_route_answers_other_methods_as_every_route_does(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/models")
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")


async def test_a_flat_route_is_in_the_document(client: httpx.AsyncClient) -> None:
    assert "get" in (await client.get("/openapi.json")).json()["paths"]["/v1/models"]


def test_a_flat_route_may_not_depend_on_what_nobody_would_ask() -> None:
    router = APIRouter(dependencies=[needs(Scope.MODELS_READ), Depends(lambda: None)])

    @router.get("/thing")
    @flat
    async def thing(request: Request, services: ServicesDep) -> Response:
        return Response()

    with pytest.raises(TypeError, match="/thing"):
        flat_routes({"": (router,)})


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/v1/embeddings", {"model": "none", "input": "a"}, 404, "model_not_found"),
        ("/v1/chat/completions", {"model": "fake-llm", "messages": []}, 400, "invalid_value"),
        ("/v1/audio/speech", {"model": "fake-tts", "input": " "}, 400, "missing_required_parameter"),
    ],
)
async def test_an_error_of_a_flat_route_is_answered_as_every_error(
    client: httpx.AsyncClient, path: str, body: dict[str, object], status: int, code: str
) -> None:
    answer = await client.post(path, json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.headers["x-request-id"]
