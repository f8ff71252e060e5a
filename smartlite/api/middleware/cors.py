"""Which web pages may call the gateway from a browser. Must not know any route."""

from collections.abc import Sequence
from typing import Final

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from smartlite.api.errors import error_response
from smartlite.errors import InvalidRequest

_STAINLESS: Final = (
    "Arch",
    "Async",
    "Custom-Poll-Interval",
    "Helper-Method",
    "Lang",
    "OS",
    "Package-Version",
    "Poll-Helper",
    "Raw-Response",
    "Read-Timeout",
    "Retry-Count",
    "Runtime",
    "Runtime-Version",
    "Timeout",
)
ALLOW_HEADERS: Final = (
    "Accept",
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Range",
    "OpenAI-Beta",
    "OpenAI-Organization",
    "OpenAI-Project",
    "Prefer",
    "Range",
    "X-Request-ID",
    *(f"X-Stainless-{name}" for name in _STAINLESS),
)
"""What official clients send from browsers, and what asks for a part of an answer or for a later one."""
EXPOSE_HEADERS: Final = (
    "Accept-Ranges",
    "Content-Range",
    "ETag",
    "Idempotency-Kept",
    "Idempotent-Replayed",
    "Location",
    "OpenAI-Processing-MS",
    "OpenAI-Version",
    "Preference-Applied",
    "Retry-After",
    "Server-Timing",
    *(
        f"X-RateLimit-{what}-{kind}"
        for what in ("Limit", "Remaining", "Reset")
        for kind in ("Requests", "Tokens", "Audio-Seconds", "Characters")
    ),
    "X-Request-ID",
    "X-Should-Retry",
    "X-SmartLite-Fallback",
    "X-SmartLite-Fallback-Reason",
    "X-SmartLite-Language",
    "X-SmartLite-Model",
    "X-SmartLite-Voice",
)
"""What a page may read of an answer."""


class _JSONErrorCORSMiddleware(CORSMiddleware):
    """Starlette's, but for the plain text with which it refuses a preflight request."""

    def preflight_response(self, request_headers: Headers) -> Response:
        response = super().preflight_response(request_headers)
        if response.status_code < 400:
            return response
        refused = error_response(InvalidRequest("This origin, method or header is not allowed by the CORS settings."))
        kept = {"access-control-", "vary"}
        for name, value in response.headers.items():
            if any(name.startswith(prefix) for prefix in kept):
                refused.headers[name] = value
        return refused


def cors(origins: Sequence[str]) -> list[Middleware]:
    """The CORS middleware for these origins; none where there are none, so that OPTIONS is a 405 like any other.

    Credentials (cookies) are never allowed: the gateway has none, and ``*`` must stay harmless.
    """
    if not origins:
        return []
    return [
        Middleware(
            _JSONErrorCORSMiddleware,
            allow_origins=list(origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=list(ALLOW_HEADERS),
            expose_headers=list(EXPOSE_HEADERS),
            max_age=600,
        )
    ]
