"""The JSON gate: bytes of a request body to a checked model, or a 400, 413 or 415 that says what is wrong.

Must not know any route. Limits and refusals are those of RFC 8259 and of what MySQL, logs and C libraries can carry.
Duplicate keys are not refused: the last one counts, as in every JSON library that OpenAI's clients use.
"""

import math
from collections.abc import Iterator
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json
from starlette.requests import Request

from smartlite.api.field_errors import error_of_fields
from smartlite.api.services import get_services
from smartlite.errors import InvalidJSON, RequestTooLarge, UnsupportedMediaType

MAX_DEPTH: Final = 64
"""Arrays and objects inside each other; JSON libraries that recurse give up at about 200."""
MAX_NODES: Final = 10_000
"""Values in one body: a message of a chat is three, so about 3,300 messages."""

_INT64: Final = range(-(2**63), 2**63)

M = TypeVar("M", bound=BaseModel)


async def read_json(request: Request, model: type[M]) -> M:
    """Read a JSON body as ``model``, strictly: ``"12"`` and ``true`` are no integers.

    Raises:
        UnsupportedMediaType: 415, the content type is not JSON in UTF-8.
        RequestTooLarge: 413, more than ``Settings.max_json_bytes``.
        InvalidJSON: 400, not JSON, or JSON that we do not take.
        InvalidRequest: 400, a field is missing, has the wrong type or a value that is not allowed.
    """
    _check_content_type(request.headers.get("content-type", ""))
    limit = (await get_services(request)).settings.max_json_bytes
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise RequestTooLarge(f"The JSON body is larger than {limit} bytes.")
    data = parse_json(bytes(body))
    try:
        return model.model_validate_json(bytes(body), strict=True)
    except ValidationError as error:
        raise error_of_fields(error.errors(include_url=False), data) from None


def parse_json(body: bytes) -> object:
    """Parse JSON within our limits.

    Raises:
        InvalidJSON: 400. The message gives the place in the text, never the text.
    """
    if not body.strip():
        raise InvalidJSON("The request body is empty; send a JSON object.")
    if body.startswith(b"\xef\xbb\xbf"):
        raise InvalidJSON("The JSON body begins with a byte order mark; send plain UTF-8.")
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidJSON(f"The JSON body is not UTF-8: see byte {error.start}.") from None
    try:
        data: object = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise InvalidJSON(f"The body is not JSON that we can read: {error}.") from None
    _check_values(data)
    return data


def _check_content_type(content_type: str) -> None:
    media_type, _, parameters = content_type.partition(";")
    media_type = media_type.strip().lower()
    if media_type != "application/json" and not (
        media_type.startswith("application/") and media_type.endswith("+json")
    ):
        raise UnsupportedMediaType("This route takes JSON: send the header 'Content-Type: application/json'.")
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name.lower() == "charset" and value.strip('"').lower() not in {"utf-8", "utf8"}:
            raise UnsupportedMediaType("JSON is read as UTF-8 only: send no other charset.")


def _check_values(data: object) -> None:
    # A loop and not a recursion: the body decides how deep it goes.
    pending: list[tuple[Iterator[object], int]] = [(iter((data,)), 0)]
    nodes = 0
    while pending:
        values, depth = pending[-1]
        for value in values:
            nodes += 1
            if nodes > MAX_NODES:
                raise InvalidJSON(f"The JSON body holds more than {MAX_NODES} values.")
            inner = _inner_values(value)
            if inner is not None:
                if depth == MAX_DEPTH:
                    raise InvalidJSON(f"The JSON body is nested more than {MAX_DEPTH} deep.")
                pending.append((inner, depth + 1))
                break
            _check_scalar(value)
        else:
            pending.pop()


def _inner_values(value: object) -> Iterator[object] | None:
    if isinstance(value, dict):
        for key in value:
            _check_scalar(key)
        return iter(value.values())
    return iter(value) if isinstance(value, list) else None


def _check_scalar(value: object) -> None:
    if isinstance(value, str):
        if "\0" in value:
            raise InvalidJSON("A string in the JSON body holds the character U+0000.")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidJSON("A number in the JSON body is too large.")
    elif isinstance(value, int) and value not in _INT64:
        raise InvalidJSON("An integer in the JSON body does not fit into 64 bits.")
