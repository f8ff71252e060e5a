"""What the OpenAPI document says of every operation alike, said once: who refuses around routes, and which headers.

Must not know any route, nor how a request is refused: ``middleware_stack`` is what this describes.
"""

from collections.abc import Iterable, Set
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from smartlite.api.openapi import error_responses
from smartlite.api.schemas.errors import ErrorResponse
from smartlite.api.schemas.runs import RunObject

SCHEME: Final = "api_key"
_SAFE: Final = frozenset({"get", "head"})
_OF_EVERYTHING: Final = (405, 413, 415)
"""Also of what takes no body, where one is sent all the same."""
_OF_WHAT_MAY_BE_BUSY: Final = (421, 429, 500, 503)
_OF_PAGES: Final = (403,)
"""A browser's page that may not change anything here."""
_OF_GUARDED: Final = (401, 403)
_OF_IDEMPOTENT: Final = (400, 403, 409, 422, 502)
_ASKS_A_STAGE: Final = "504"
_LIMITED: Final = ("requests", "tokens", "audio-seconds", "characters")
_JSON: Final = "application/json"

_HEADERS: Final[dict[str, dict[str, Any]]] = {
    "x-request-id": {
        "required": True,
        "description": "Id of this request, also in the log: the client's own where it sent a good one.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,128}$"},
    },
    "retry-after": {
        "description": "Seconds after which to come again.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "x-should-retry": {
        "description": "Whether sending it again can help; official clients obey.",
        "schema": {"type": "string", "enum": ["true", "false"]},
    },
    "www-authenticate": {
        "description": "Which credential would do (RFC 6750, section 3).",
        "schema": {"type": "string"},
    },
    "allow": {"description": "The methods of this address.", "schema": {"type": "string"}},
    "idempotent-replayed": {
        "description": "The answer that was given to the same `Idempotency-Key` before.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "idempotency-kept": {
        "description": "This answer was not kept: the request may be done again if it is sent again.",
        "schema": {"type": "string", "enum": ["false"]},
    },
    **{
        f"x-ratelimit-{what}-{kind}": {"description": f"{text} ({kind.replace('-', ' ')}).", "schema": schema}
        for kind in _LIMITED
        for what, text, schema in (
            ("limit", "The limit that is nearest to its end", {"type": "integer", "minimum": 0}),
            ("remaining", "What is left of it", {"type": "integer", "minimum": 0}),
            ("reset", "Until all of it is there again, such as `12ms` or `6m0s`", {"type": "string"}),
        )
    },
}
_HEADERS_OF_STATUS: Final[dict[str, tuple[str, ...]]] = {
    "401": ("www-authenticate",),
    "405": ("allow",),
    "409": ("retry-after", "x-should-retry"),
    "429": ("retry-after", "x-should-retry"),
    "500": ("x-should-retry",),
    "503": ("retry-after", "x-should-retry"),
    "504": ("retry-after", "x-should-retry"),
}
_PARAMETERS: Final[dict[str, dict[str, Any]]] = {
    "Prefer": {
        "name": "Prefer",
        "in": "header",
        "description": "`respond-async`: the request becomes a run, which is told at once and gives the answer later "
        "at `/v1/runs/{run_id}/result`; with `wait=N` beside it the answer itself, where it is there within N seconds "
        "(at most 300). Streams cannot be answered so. Needs the scope `pipelines:run`.",
        "schema": {"type": "string", "maxLength": 256},
    },
    "Idempotency-Key": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Makes it safe to send this request again: it is done once, and answered as often as it is sent "
        "within 24 hours. A new random text for each request, such as a UUID.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    },
    "OpenAI-Organization": {
        "name": "OpenAI-Organization",
        "in": "header",
        "description": "Id of the organization that this is done for, where the credential says none.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[0-9A-Za-z_-]+$"},
    },
}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What stands around the routes, as far as clients notice it."""

    prefixes: tuple[str, ...]
    """Of the versions of the API."""
    public: Set[str]
    """Addresses under them that need no credential."""
    health: Set[str]
    """Addresses that are never refused for being busy."""
    is_guarded: bool
    """Whether the others need one."""
    is_limited: bool
    is_idempotent: bool
    """Whether answers are kept by `Idempotency-Key`."""
    deferred: Set[str] = frozenset()
    """What may be answered later."""


def complete(document: dict[str, Any], around: Surroundings) -> dict[str, Any]:
    """Add what surrounds every route to what FastAPI found in the routes; the document is changed in place."""
    components = document["components"]
    if around.is_guarded:
        components["securitySchemes"] = {SCHEME: {"type": "http", "scheme": "bearer"}}
    components["headers"] = {
        name: header for name, header in _HEADERS.items() if around.is_limited or not name.startswith("x-ratelimit-")
    }
    refusals: dict[str, Any] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _complete(operation, method, path, around)
            for status, response in operation["responses"].items():
                operation["responses"][status] = _shared(status, response, refusals, around)
    components["responses"] = dict(sorted(refusals.items()))
    used = str(document["paths"])
    components["parameters"] = {name: each for name, each in _PARAMETERS.items() if _ref("parameters", name) in used}
    return document


def _complete(operation: dict[str, Any], method: str, path: str, around: Surroundings) -> None:
    is_versioned = path.startswith(tuple(f"{prefix}/" for prefix in around.prefixes if prefix))
    is_guarded = around.is_guarded and is_versioned and path not in around.public
    is_idempotent = around.is_idempotent and is_versioned and path not in around.public and method == "post"
    statuses = set(_OF_EVERYTHING)
    if path not in around.health:
        statuses.update(_OF_WHAT_MAY_BE_BUSY, () if method in _SAFE else _OF_PAGES)
    if is_guarded:
        statuses.update(_OF_GUARDED)
        operation["security"] = [{SCHEME: []}]
        _add_parameter(operation, "OpenAI-Organization")
    if is_idempotent:
        statuses.update(_OF_IDEMPOTENT)
        _add_parameter(operation, "Idempotency-Key")
    if path in around.deferred and method == "post":
        statuses.add(403)
        _add_parameter(operation, "Prefer")
        operation["responses"]["202"] = _accepted()
    responses = {**_refusals(statuses), **operation["responses"]}
    operation["responses"] = dict(sorted(responses.items()))
    kinds: tuple[str, ...] = ()
    if is_guarded and around.is_limited:
        kinds = _LIMITED if _ASKS_A_STAGE in responses else _LIMITED[:1]
    own = ("idempotent-replayed", "idempotency-kept") if is_idempotent else ()
    for status, response in responses.items():
        if status < "400":
            _add_headers(response, ("x-request-id", *own, *_limit_headers(kinds)))


def _refusals(statuses: Iterable[int]) -> dict[str, Any]:
    content = {_JSON: {"schema": {"$ref": f"#/components/schemas/{ErrorResponse.__name__}"}}}
    return {
        str(status): {"description": response["description"], "content": content}
        for status, response in error_responses(*statuses).items()
    }


def _accepted() -> dict[str, Any]:
    return {
        "description": "The run that the request became, where that was preferred.",
        "content": {_JSON: {"schema": {"$ref": f"#/components/schemas/{RunObject.__name__}"}}},
        "headers": {
            "location": {"description": "The run's address.", "schema": {"type": "string"}},
            "preference-applied": {"description": "What was made of `Prefer`.", "schema": {"type": "string"}},
        },
    }


def _shared(status: str, response: dict[str, Any], refusals: dict[str, Any], around: Surroundings) -> dict[str, Any]:
    """A reference to what many operations answer alike; the response itself, with its headers, where it is its own."""
    if status < "400":
        return response
    kinds = _LIMITED if status == "429" and around.is_limited else ()
    kept = {**response}
    _add_headers(kept, ("x-request-id", *_HEADERS_OF_STATUS.get(status, ()), *_limit_headers(kinds)))
    if response != _refusals([int(status)])[status]:
        return kept
    name = "".join(character for character in HTTPStatus(int(status)).phrase if character.isalpha())
    refusals[name] = kept
    return {"$ref": _ref("responses", name)}


def _add_headers(response: dict[str, Any], names: Iterable[str]) -> None:
    response["headers"] = {**{name: {"$ref": _ref("headers", name)} for name in names}, **response.get("headers", {})}


def _add_parameter(operation: dict[str, Any], name: str) -> None:
    operation.setdefault("parameters", []).append({"$ref": _ref("parameters", name)})


def _limit_headers(kinds: Iterable[str]) -> list[str]:
    return [f"x-ratelimit-{what}-{kind}" for kind in kinds for what in ("limit", "remaining", "reset")]


def _ref(room: str, name: str) -> str:
    return f"#/components/{room}/{name}"
