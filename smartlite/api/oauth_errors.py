"""How an error leaves OAuth's own routes: in OAuth's own form (RFC 6749, section 5.2). Must not know who raises."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any, Final

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from smartlite.api.observation import observe
from smartlite.auth.oauth.authorization import error_description
from smartlite.errors import (
    InvalidClient,
    InvalidGrant,
    InvalidScope,
    Overloaded,
    SmartLiteError,
    UnauthorizedClient,
    Unavailable,
    UnsupportedGrantType,
)

_OWN_CODES: Final = (InvalidClient, InvalidGrant, InvalidScope, UnauthorizedClient, UnsupportedGrantType)
_BUSY: Final = "temporarily_unavailable"
"""RFC 6749 has this word for browsers only; clients of the token endpoint see the status."""
_UNSAID: Final = "invalid_request"
_CHALLENGE: Final = 'Basic realm="smartlite"'


class OAuthRoute(APIRoute):
    """A route whose errors are OAuth's; what is the server's fault is told as everywhere."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """See FastAPI."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except SmartLiteError as error:
                is_ours = isinstance(error, Unavailable | Overloaded)
                if error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR and not is_ours:
                    raise
                observe(request).error_code = error.code
                return _response(error)

        return answer


def _response(error: SmartLiteError) -> Response:
    code = error.code if isinstance(error, _OWN_CODES) else _UNSAID
    headers = {"cache-control": "no-store"}
    if error.retry_after_s is not None:
        code = _BUSY
        headers |= {"retry-after": str(error.retry_after_s), "x-should-retry": "true"}
    if error.status_code == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = _CHALLENGE
    body = {"error": code, "error_description": error_description(error.message)}
    return JSONResponse(body, status_code=error.status_code, headers=headers)
