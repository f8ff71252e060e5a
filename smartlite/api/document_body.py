"""A pipeline's document as the body of a request, YAML or JSON. Must not know what a document says."""

from typing import Any, Final

from starlette.requests import Request

from smartlite.domain.pipelines import MAX_DOCUMENT_BYTES
from smartlite.errors import InvalidRequest, RequestTooLarge, UnsupportedMediaType

YAML: Final = "application/yaml"
"""RFC 9512."""
_TYPES: Final = frozenset({YAML, "text/yaml", "application/x-yaml", "text/x-yaml", "application/json"})
_EXAMPLE: Final = """name: greeting
inputs:
  name: {type: string}
steps:
  - id: greet
    uses: text.template
    with: {template: "Hello {{ name }}", vars: {name: "${{ inputs.name }}"}}
"""


async def read_source(request: Request) -> str:
    """The text of a document.

    Raises:
        UnsupportedMediaType: 415, the content type is neither YAML nor JSON.
        RequestTooLarge: 413, it is longer than ``MAX_DOCUMENT_BYTES``.
        InvalidRequest: 400, it is not UTF-8.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in _TYPES:
        raise UnsupportedMediaType("A pipeline is YAML or JSON: send 'Content-Type: application/yaml'.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_DOCUMENT_BYTES:
            raise RequestTooLarge(f"The document is larger than {MAX_DOCUMENT_BYTES} bytes.")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"The document is not UTF-8: see byte {error.start}.") from None
    if "\0" in text:
        raise InvalidRequest("The document holds the character U+0000.")
    return text


def document_request_body() -> dict[str, Any]:
    """The ``openapi_extra`` of a route that reads one."""
    return {
        "requestBody": {
            "required": True,
            "content": {
                YAML: {"schema": {"type": "string"}, "example": _EXAMPLE},
                "application/json": {"schema": {"type": "object"}},
            },
        }
    }
