"""The document says of every operation what surrounds it: who refuses, by which headers, and what it takes."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from smartlite.api.app import create_app
from smartlite.api.middleware import HEALTH_PATHS, PUBLIC_PATHS
from smartlite.api.services import Services
from tests.api.whole import Whole, a_whole_gateway

Operation = tuple[str, str, dict[str, Any]]


@pytest.fixture
async def whole(services: Services, tmp_path: Path) -> Any:
    async with a_whole_gateway(services, tmp_path) as whole:
        yield whole


def operations(app: FastAPI) -> list[Operation]:
    paths = app.openapi()["paths"]
    return [(method, path, each) for path, methods in paths.items() for method, each in methods.items()]


def parameters(operation: dict[str, Any]) -> set[str]:
    """Those that are said once for all."""
    return {each["$ref"].rpartition("/")[2] for each in operation.get("parameters", ()) if "$ref" in each}


def is_guarded(path: str) -> bool:
    return path.startswith("/v1/") and path not in PUBLIC_PATHS


def test_whoever_needs_a_credential_may_say_for_which_organization(whole: Whole) -> None:
    for _, path, operation in operations(whole.app):
        assert ("OpenAI-Organization" in parameters(operation)) == is_guarded(path), path


def test_whatever_is_kept_by_its_key_takes_one_and_says_how_it_refuses(whole: Whole) -> None:
    for method, path, operation in operations(whole.app):
        is_kept = method == "post" and is_guarded(path)
        assert ("Idempotency-Key" in parameters(operation)) == is_kept, path
        assert not is_kept or {"400", "409", "422", "502"} <= set(operation["responses"]), path


def test_every_answer_has_an_id(whole: Whole) -> None:
    components = whole.app.openapi()["components"]["responses"]
    for _, path, operation in operations(whole.app):
        for response in operation["responses"].values():
            found = components[response["$ref"].rpartition("/")[2]] if "$ref" in response else response
            assert "x-request-id" in found["headers"], path


def test_answers_tell_of_limits_where_there_are_any(whole: Whole, services: Services) -> None:
    models = whole.app.openapi()["paths"]["/v1/models"]["get"]["responses"]["200"]["headers"]
    chat = whole.app.openapi()["paths"]["/v1/chat/completions"]["post"]["responses"]["200"]["headers"]
    assert "x-ratelimit-remaining-requests" in models
    assert "x-ratelimit-remaining-tokens" not in models
    assert "x-ratelimit-remaining-tokens" in chat
    assert "x-ratelimit-" not in str(create_app(services).openapi())


def test_everything_but_health_may_be_busy_and_only_what_changes_something_refuses_pages(app: FastAPI) -> None:
    for method, path, operation in operations(app):
        statuses = set(operation["responses"])
        assert ({"421", "429", "500", "503"} <= statuses) == (path not in HEALTH_PATHS), path
        assert ("403" in statuses) == (method == "post"), path


def test_without_authentication_nothing_of_it_is_documented(app: FastAPI) -> None:
    assert "OpenAI-Organization" not in str(app.openapi())
    assert "securitySchemes" not in app.openapi()["components"]


def test_without_kept_answers_no_key_is_documented(whole: Whole) -> None:
    document = create_app(dataclasses.replace(whole.services, idempotency=None)).openapi()
    assert "Idempotency-Key" not in str(document["components"]["parameters"])
    assert "422" not in document["paths"]["/v1/users"]["post"]["responses"]
