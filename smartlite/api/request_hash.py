"""What tells one request from another, for whoever sends it twice. Must not know routes, nor who asks for it.

Headers do not count but for the content type: official clients count their tries in some of them.
"""

import hashlib
from typing import TYPE_CHECKING, Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.datastructures import Headers
from starlette.types import Scope

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

_BOUNDARY: Final = b"boundary"
_MAX_HEADERS: Final = 64
_MAX_HEADER_BYTES: Final = 64 * 1024


class RequestHash:
    """SHA-256 over method, address, content type and body, fed as the body arrives.

    Of a multipart form the parts are hashed, so that the same form with another boundary, as every sending makes one,
    is the same request.

    Args:
        scope: ASGI's, of the request.
        about: What else must be the same, such as the organisation that the request is for.
    """

    def __init__(self, scope: Scope, about: str = "") -> None:
        content_type = Headers(scope=scope).get("content-type", "")
        kind, options = parse_options_header(content_type)
        boundary = options.pop(_BOUNDARY, b"") if kind.startswith(b"multipart/") else b""
        self._head = _digest(
            about.encode(),
            scope["method"].encode(),
            scope["path"].encode("utf-8", "surrogatepass"),
            scope.get("query_string", b""),
            kind,
            *(part for option in sorted(options.items()) for part in option),
        )
        self._raw = hashlib.sha256()
        self._parts = _parts(boundary) if boundary else None

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the body."""
        self._raw.update(data)
        if self._parts is not None:
            try:
                self._parts.parser.write(data)
            except FormParserError:
                self._parts = None  # its route refuses it; until then it is bytes like any others

    def digest(self) -> bytes:
        """The hash of all that was fed."""
        if self._parts is not None and self._parts.has_ended:
            return _digest(self._head, b"parts", self._parts.whole.digest())
        return _digest(self._head, b"bytes", self._raw.digest())


class _Parts:
    """Hashes each part of a form by itself: its headers, in their order, and its data."""

    def __init__(self, boundary: bytes) -> None:
        self.whole = hashlib.sha256()
        self.has_ended = False
        self._name = bytearray()
        self._value = bytearray()
        self._headers: list[bytes] = []
        self._data = hashlib.sha256()
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._begin,
            "on_header_field": self._take_name,
            "on_header_value": self._take_value,
            "on_header_end": self._end_header,
            "on_part_data": self._take_data,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }
        self.parser = MultipartParser(
            boundary, callbacks, max_header_count=_MAX_HEADERS, max_header_size=_MAX_HEADER_BYTES
        )

    def _begin(self) -> None:
        self._headers = []
        self._data = hashlib.sha256()

    def _take_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _take_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._headers += (bytes(self._name).lower(), bytes(self._value))
        self._name.clear()
        self._value.clear()

    def _take_data(self, data: bytes, start: int, end: int) -> None:
        self._data.update(memoryview(data)[start:end])

    def _end_part(self) -> None:
        self.whole.update(_digest(*self._headers, self._data.digest()))

    def _end(self) -> None:
        self.has_ended = True


def _parts(boundary: bytes) -> _Parts | None:
    try:
        return _Parts(boundary)
    except FormParserError:  # a boundary that is too long
        return None


def _digest(*parts: bytes) -> bytes:
    """SHA-256 of parts, each with its length: two that are cut elsewhere are not the same."""
    found = hashlib.sha256()
    for part in parts:
        found.update(len(part).to_bytes(8, "big"))
        found.update(part)
    return found.digest()
