"""A part of some bytes, as the header ``Range`` asks for it (RFC 9110, section 14). Must not know whose bytes they are.

One range of bytes is answered; several, other units and what cannot be read are ignored, as the standard allows: the
answer is then the whole.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from smartlite.api.errors import error_response
from smartlite.errors import RangeNotSatisfiable

_ONE: Final = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.ASCII)
_WHOLE: Final = {"schema": {"type": "string", "format": "binary"}}
RANGE_HEADERS: Final[tuple[dict[str, Any], ...]] = (
    {
        "name": "Range",
        "in": "header",
        "description": "`bytes=0-99`: only these bytes.",
        "schema": {"type": "string", "maxLength": 256},
    },
    {
        "name": "If-Range",
        "in": "header",
        "description": "An `ETag`: the whole, where it is another one by now.",
        "schema": {"type": "string", "maxLength": 256},
    },
)
"""Parameters of a route that answers so."""
PARTIAL: Final[dict[int | str, dict[str, Any]]] = {
    206: {"description": "The bytes that were asked for.", "content": {"application/octet-stream": _WHOLE}}
}
"""What it answers besides the whole."""


def ranged_response(request: Request, data: bytes, name: str, media_type: str, headers: Mapping[str, str]) -> Response:
    """Bytes that never change, or the part of them that the request wants.

    Args:
        request: The request.
        data: All of them.
        name: What no other bytes are called; the ``ETag`` is made of it.
        media_type: Of the whole.
        headers: What is sent besides.
    """
    tag = tag_of(name)
    told = {**headers, "accept-ranges": "bytes", "etag": tag}
    part = part_of(request, tag, len(data))
    if part is None:
        return Response(data, media_type=media_type, headers=told)
    first, last = part
    if first > last:
        return unsatisfiable(len(data))
    told["content-range"] = f"bytes {first}-{last}/{len(data)}"
    return Response(data[first : last + 1], 206, told, media_type)


def tag_of(name: str) -> str:
    """The ``ETag`` of bytes that never change, of what no other bytes are called."""
    return f'"{hashlib.sha256(name.encode()).hexdigest()[:32]}"'


def part_of(request: Request, tag: str, size_bytes: int) -> tuple[int, int] | None:
    """The first and the last byte that a request wants, which are none where the last comes first; None: the whole."""
    asked = _asked(request, tag)
    return None if asked is None else _placed(*asked, size_bytes)


def unsatisfiable(size_bytes: int) -> Response:
    """The answer where there is none of the bytes that were asked for."""
    error = RangeNotSatisfiable(f"There are {size_bytes} bytes, and none of those that were asked for.", "Range")
    return error_response(error, {"content-range": f"bytes */{size_bytes}"})


def _asked(request: Request, tag: str) -> tuple[str, str] | None:
    """Where the part begins and ends, as it is written; None: the whole."""
    given = request.headers.getlist("range")
    found = _ONE.fullmatch(given[0].strip()) if len(given) == 1 else None
    if found is None or found[1] + found[2] == "" or request.headers.get("if-range", tag) != tag:
        return None
    if found[1] and found[2] and int(found[1]) > int(found[2]):
        return None
    return found[1], found[2]


def _placed(first: str, last: str, size: int) -> tuple[int, int]:
    """The first and the last byte; without a first one it is so many at the end."""
    if not first:
        return (max(0, size - int(last)), size - 1) if int(last) else (size, size - 1)
    return int(first), min(int(last), size - 1) if last else size - 1
