"""The documentation page works without the internet, and what it documents is what the gateway does."""

import re
from typing import Any

import httpx
import pytest
from fastapi import FastAPI


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def shared(document: dict[str, Any], response: dict[str, Any]) -> dict[str, Any]:
    """The response itself, or what it refers to."""
    if "$ref" not in response:
        return response
    found: dict[str, Any] = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
    return found


async def test_the_page_loads_only_what_the_gateway_serves(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    assert page.status_code == 200
    sources = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(sources) == 3
    for source in sources:
        assert source.startswith("/swagger/")
        assert (await client.get(source)).status_code == 200
    assert "http" not in page.text


async def test_the_page_does_not_repeat_the_host_header(client: httpx.AsyncClient) -> None:
    for path in ("/docs", "/"):
        answer = await client.get(path, headers={"host": "evil.example"})
        assert "evil.example" not in answer.text + answer.headers.get("location", "")


async def test_the_root_leads_to_the_page(client: httpx.AsyncClient) -> None:
    answer = await client.get("/")
    assert (answer.status_code, answer.headers["location"]) == (307, "/docs")


async def test_an_asset_that_is_not_there_is_a_404_of_our_shape(client: httpx.AsyncClient) -> None:
    for path in ("/swagger/nothing.js", "/swagger/../__init__.py", "/swagger/%2e%2e/__init__.py"):
        answer = await client.get(path)
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "not_found"


def test_every_operation_has_a_summary_a_tag_and_documented_errors(app: FastAPI) -> None:
    found = operations(app.openapi())
    paths = {path for _, path, _ in found}
    assert {
        "/healthz",
        "/readyz",
        "/v1/models",
        "/v1/models/{model}",
        "/v1/chat/completions",
        "/v1/embeddings",
        "/v1/responses",
        "/v1/audio/transcriptions",
        "/v1/audio/speech",
        "/v1/voice/turns",
    } <= paths
    for method, path, operation in found:
        assert operation["summary"], path
        assert operation["tags"], path
        statuses = set(operation["responses"])
        assert "405" in statuses, path
        if method == "post":
            assert {"400", "404", "413", "415", "429", "503"} <= statuses, path
        for status, response in operation["responses"].items():
            if status >= "400" and path != "/readyz":
                schema = shared(app.openapi(), response)["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/ErrorResponse"}, (path, status)


def test_every_reference_in_the_document_has_its_target(app: FastAPI) -> None:
    document = app.openapi()
    references = set(re.findall(r"'\$ref': '([^']+)'", str(document)))
    assert references
    for reference in references:
        _, components, room, name = reference.split("/")
        assert components == "components", reference
        assert name in document["components"][room], reference
    assert "HTTPValidationError" not in str(document)


def json_examples() -> list[tuple[str, str]]:
    chat = [("/v1/chat/completions", name) for name in ("answer", "stream", "tool", "schema", "spoken")]
    return [*chat, ("/v1/responses", "text"), ("/v1/responses", "stream")]


@pytest.mark.parametrize(("path", "name"), json_examples())
async def test_the_examples_work(app: FastAPI, client: httpx.AsyncClient, path: str, name: str) -> None:
    content = app.openapi()["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    answer = await client.post(path, json=content["examples"][name]["value"])
    assert answer.status_code == 200
