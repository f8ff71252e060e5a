"""How every error leaves the gateway: OpenAI's error object with its status and headers.

Must not know where an error was raised, and tells no client what happened inside: text of a 500 goes to the log only.
"""

import inspect
import logging
from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from smartlite.api.field_errors import error_of_fields
from smartlite.api.observation import observe
from smartlite.errors import (
    ConfigurationError,
    InvalidRequest,
    MethodNotAllowed,
    ModelStoreError,
    NotFound,
    Overloaded,
    RequestTooLarge,
    SmartLiteError,
    Unavailable,
    UnsupportedMediaType,
)

_logger = logging.getLogger(__name__)

CLIENT_CLOSED_REQUEST: Final = 499
"""Status for the access log when nobody is left to read the answer (nginx's number)."""

_CHALLENGE: Final = 'Bearer error="invalid_token"'

_CLASS_OF_STATUS: Final[dict[int, type[SmartLiteError]]] = {
    404: NotFound,
    405: MethodNotAllowed,
    413: RequestTooLarge,
    415: UnsupportedMediaType,
    429: Overloaded,
    503: Unavailable,
}


def as_smartlite_error(error: BaseException) -> SmartLiteError:
    """Find what to tell the client about any exception.

    Of an exception group, the first error of ours that is in it is told. What we did not foresee becomes the cause of
    an internal error, whose text and traceback go to the log when it is rendered.
    """
    if isinstance(error, SmartLiteError):
        return error
    if isinstance(error, BaseExceptionGroup):
        ours = _first_of_ours(error)
        if ours is not None:
            return ours
    internal = SmartLiteError(f"Unexpected {type(error).__name__}")
    internal.__cause__ = error
    return internal


def error_body(error: SmartLiteError) -> dict[str, object]:
    """The JSON object of an error, as ``ErrorResponse`` has it; every string in it can be encoded as UTF-8."""
    if error.status_code == HTTPStatus.INTERNAL_SERVER_ERROR:
        _logger.error("%s: %s", type(error).__name__, error, exc_info=error)
        message, param = _first_line(error), None
    else:
        message, param = error.message, error.param
    told = {
        "message": _encodable(message),
        "type": error.type,
        "param": None if param is None else _encodable(param),
        "code": error.code,
    }
    return {"error": told}


def error_response(error: SmartLiteError, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The HTTP answer of an error, with ``Retry-After`` and ``x-should-retry`` (which official clients obey).

    A 401 says which credential would do (RFC 6750, section 3).
    """
    all_headers = dict(headers or {})
    if error.status_code == HTTPStatus.UNAUTHORIZED:
        all_headers["www-authenticate"] = _CHALLENGE
    if error.retry_after_s is not None:
        all_headers |= {"retry-after": str(error.retry_after_s), "x-should-retry": "true"}
    elif isinstance(error, ConfigurationError | ModelStoreError):
        all_headers["x-should-retry"] = "false"
    return JSONResponse(error_body(error), status_code=error.status_code, headers=all_headers)


Handler = Callable[[Request, Any], Coroutine[Any, Any, Response]]
"""FastAPI's type of an exception handler, which it looks up by the exception's class."""


def exception_handlers() -> dict[int | type[Exception], Handler]:
    """The handlers that ``create_app`` installs; what they do not know ends in the failures middleware."""
    return {
        SmartLiteError: _on_smartlite_error,
        HTTPException: _on_http_exception,
        RequestValidationError: _on_validation_error,
        ClientDisconnect: _on_client_disconnect,
    }


async def _on_smartlite_error(request: Request, error: SmartLiteError) -> Response:
    observe(request).error_code = error.code
    return error_response(error)


async def _on_http_exception(request: Request, error: HTTPException) -> Response:
    ours = _error_of_status(error.status_code, request)
    observe(request).error_code = ours.code
    response = error_response(ours, error.headers)
    response.status_code = error.status_code
    return response


async def _on_validation_error(request: Request, error: RequestValidationError) -> Response:
    ours = error_of_fields(error.errors(), error.body)
    observe(request).error_code = ours.code
    return error_response(ours)


async def _on_client_disconnect(request: Request, error: ClientDisconnect) -> Response:
    observe(request).client_gone = True
    return Response(status_code=CLIENT_CLOSED_REQUEST)


def _error_of_status(status_code: int, request: Request) -> SmartLiteError:
    address = f"{request.method} {quote(request.url.path[:100], safe='/:')}"
    error_class = _CLASS_OF_STATUS.get(status_code)
    if error_class is NotFound:
        return NotFound(f"Invalid URL ({address}): there is nothing at this address.")
    if error_class is MethodNotAllowed:
        return MethodNotAllowed(f"Not allowed: {address}. The header 'Allow' names the methods of this address.")
    if error_class is not None:
        return error_class(HTTPStatus(status_code).phrase)
    if status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
        return InvalidRequest("The request could not be understood.")
    return SmartLiteError("The server had an error while it worked on this request.")


def _first_of_ours(group: BaseExceptionGroup[BaseException]) -> SmartLiteError | None:
    for error in group.exceptions:
        found = _first_of_ours(error) if isinstance(error, BaseExceptionGroup) else error
        if isinstance(found, SmartLiteError):
            return found
    return None


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _first_line(error: Exception) -> str:
    """Of the class' docstring: what follows it is for people who read the code."""
    return (inspect.getdoc(type(error)) or "The server had an error.").partition("\n")[0]
