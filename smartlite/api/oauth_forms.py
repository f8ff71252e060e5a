"""Forms in OAuth's encoding, and how a client says in them who it is. Must not know any route."""

import base64
from collections.abc import Mapping
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl, unquote_plus

from pydantic import BaseModel
from starlette.requests import Request

from smartlite.api.forms import check_fields
from smartlite.api.schemas.oauth import ClientForm
from smartlite.errors import InvalidClient, InvalidRequest, RequestTooLarge, UnsupportedMediaType

MAX_BYTES: Final = 64 * 1024
MAX_FIELDS: Final = 50
_CONTENT_TYPE: Final = "application/x-www-form-urlencoded"
_NOT_SHOWN: Final = "There is no such client, or it did not show that it is the one."

F = TypeVar("F", bound=BaseModel)


async def read_form(request: Request, model: type[F]) -> F:
    """Read a form as ``model``; what it does not know is ignored, and so is what has no value (RFC 6749, section 3.2).

    Raises:
        UnsupportedMediaType: 415, it is encoded otherwise.
        RequestTooLarge: 413, more than 64 KiB.
        InvalidRequest: 400, it cannot be read, or a field is missing, repeated or too long.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _CONTENT_TYPE:
        raise UnsupportedMediaType(f"This route takes a form: send the header 'Content-Type: {_CONTENT_TYPE}'.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            raise RequestTooLarge(f"The form is larger than {MAX_BYTES} bytes.")
    return check_fields(_parsed(bytes(body)), model)


def parameters_of(request: Request) -> Mapping[str, tuple[str, ...]]:
    """What stands behind the question mark, every value by name.

    Raises:
        InvalidRequest: 400, it cannot be read.
    """
    return _parsed(request.scope.get("query_string", b""), keep_empty=True)


def client_of(request: Request, form: ClientForm) -> tuple[str, str | None]:
    """Which client asks, and the secret that it sent, in the header or in the form (RFC 6749, section 2.3.1).

    Raises:
        InvalidClient: 401, it does not say, or not in a way that we take.
        InvalidRequest: 400, it says so twice.
    """
    given = request.headers.getlist("authorization")
    if not given:
        if form.client_id is None:
            raise InvalidClient(_NOT_SHOWN)
        return form.client_id, form.client_secret
    client_id, secret = _basic(given[0]) if len(given) == 1 else (None, None)
    if client_id is None:
        raise InvalidClient(_NOT_SHOWN)
    if form.client_secret is not None or form.client_id not in {None, client_id}:
        raise InvalidRequest("Say who the client is once: in the header or in the form.", "client_id")
    return client_id, secret


def form_openapi(model: type[BaseModel]) -> dict[str, Any]:
    """The ``openapi_extra=`` of a route that reads such a form."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    return {"requestBody": {"required": True, "content": {_CONTENT_TYPE: {"schema": schema}}}}


def _basic(header: str) -> tuple[str | None, str | None]:
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() != "basic":
        return None, None
    try:
        text = base64.b64decode(credentials, validate=True).decode("utf-8")
    except ValueError:
        return None, None
    client_id, colon, secret = text.partition(":")
    # RFC 6749 has both encoded as in a form, which no character of ours changes.
    return (unquote_plus(client_id), unquote_plus(secret)) if colon and client_id else (None, None)


def _parsed(body: bytes, keep_empty: bool = False) -> Mapping[str, tuple[str, ...]]:
    fields: dict[str, tuple[str, ...]] = {}
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=keep_empty, errors="strict", max_num_fields=MAX_FIELDS
        )
    except ValueError:
        raise InvalidRequest("The form cannot be read.") from None
    for name, value in pairs:
        if "\0" in name + value:
            raise InvalidRequest("The form holds the character U+0000.")
        fields[name] = (*fields.get(name, ()), value)
    return fields
