"""Pieces of OpenAPI that routes put into their own description. Must not know any route."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel

from smartlite.api.schemas.errors import ErrorResponse, OAuthError

_WHEN: Final[dict[int, str]] = {
    400: "A parameter is missing, has the wrong type or a value that is not allowed; or the body is not JSON.",
    401: "No valid API key or access token was sent; see the header `WWW-Authenticate`.",
    403: "The credential is valid and lacks the scope that this needs; or a web page may not call this gateway.",
    404: "There is no such address, or no such model for this task.",
    405: "The address exists, the method does not; see the header `Allow`.",
    409: "A request with this Idempotency-Key is still running, or what is there now forbids it.",
    413: "The body, or the audio in it, is larger or longer than the limit.",
    415: "The content is of a kind that this route does not take.",
    416: "None of the bytes that the header `Range` asks for are there.",
    421: "The gateway does not answer to the name that the header `Host` gives.",
    422: "The request is well formed, its content cannot be processed; or its Idempotency-Key was another request's.",
    429: "Every replica is busy, or the API key has reached a limit; see the header `Retry-After`.",
    500: "The server had an error.",
    502: "Another server, or something that was stored, gave no answer that can be used.",
    503: "A part of the platform is not ready; see the header `Retry-After`.",
    504: "A stage did not answer in time.",
}

SERVED_LLM: Final = "{served llm}"
"""Stands in examples for a model that is served; the document names the real one."""

COMMON_ERRORS: Final = (400, 404, 405, 413, 415, 429, 500, 503, 504)
"""What every route that asks a stage may answer."""


def error_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The ``responses=`` of a route: each status with the error schema."""
    return {
        status: {"model": ErrorResponse, "description": _WHEN.get(status, HTTPStatus(status).phrase)}
        for status in statuses
    }


def oauth_error_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Likewise of OAuth's own routes, where what surrounds them refuses in OpenAI's form all the same."""
    return {
        status: {**response, "model": OAuthError | ErrorResponse}
        for status, response in error_responses(*statuses).items()
    }


def page_error_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Likewise of pages for people."""
    content = {
        "text/html": {"schema": {"type": "string"}},
        "application/json": {"schema": {"$ref": f"#/components/schemas/{ErrorResponse.__name__}"}},
    }
    return {
        status: {"description": response["description"], "content": content}
        for status, response in error_responses(*statuses).items()
    }


def json_request_body(model: type[BaseModel], examples: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The ``openapi_extra=`` of a route whose body is read by the JSON gate and not by FastAPI.

    Args:
        model: What the gate checks.
        examples: By name, ``{"summary": str, "value": body}``.
    """
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    content = {"application/json": {"schema": schema, "examples": dict(examples)}}
    return {"requestBody": {"required": True, "content": content}}


def query_openapi(model: type[BaseModel]) -> dict[str, Any]:
    """The ``openapi_extra=`` of a route that reads its query by itself, in a form of its own."""
    schema = model.model_json_schema()
    required = schema.get("required", ())
    parameters = [
        {"name": name, "in": "query", "required": name in required, "schema": field}
        for name, field in schema["properties"].items()
    ]
    return {"parameters": parameters}
