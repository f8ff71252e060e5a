"""The input of a batch: its lines, and what is wrong with one. Must not know who answers, nor how that is kept."""

import hashlib
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import from_json

from smartlite.domain.batches import RECOGNITION, START, BatchEndpoint, BatchFault, Place

MAX_CUSTOM_ID_CHARACTERS: Final = 512
_KEYS: Final = frozenset({"custom_id", "method", "url", "body"})
_REQUIRED: Final = ("custom_id", "method", "url", "body")


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is not empty."""

    number: int
    """From 1 on, empty ones counted."""
    text: bytes
    """Without its end; cut off where it is too long."""
    is_too_long: bool
    end: Place
    """Where the next one begins."""


@dataclass(frozen=True, slots=True)
class LineRequest:
    """What a line asks."""

    custom_id: str
    body: Mapping[str, Any]


class LineFaulty(Exception):
    """A line that cannot be asked; holds the fault."""

    def __init__(self, fault: BatchFault) -> None:
        super().__init__(fault.message)
        self.fault = fault


async def lines(
    chunks: AsyncGenerator[bytes, None], most_bytes: int, place: Place = START
) -> AsyncGenerator[Line, None]:
    """The lines of an input from a place on, no more of one in memory than it may have.

    Args:
        chunks: The bytes from that place on; closed with the lines.
        most_bytes: Of one line.
        place: Where they begin.
    """
    number, offset, held, length = place.line, place.offset, bytearray(), 0
    async with aclosing(chunks):
        async for chunk in chunks:
            begin = 0
            while (end := chunk.find(b"\n", begin)) >= 0:
                _hold(held, chunk[begin:end], most_bytes)
                number, offset, length = number + 1, offset + length + end - begin + 1, 0
                if line := _line(held, number, most_bytes, offset):
                    yield line
                held.clear()
                begin = end + 1
            _hold(held, chunk[begin:], most_bytes)
            length += len(chunk) - begin
    if line := _line(held, number + 1, most_bytes, offset + length):
        yield line


def read_line(line: Line, endpoint: BatchEndpoint, most_bytes: int) -> LineRequest:
    """What a line asks.

    Raises:
        LineFaulty: It is no request that this batch can ask.
    """

    def wrong(code: str, message: str, param: str | None = None) -> LineFaulty:
        return LineFaulty(BatchFault(code, message, line.number, param))

    if line.is_too_long:
        raise wrong("line_too_long", f"This line is longer than {most_bytes} bytes.")
    try:
        data = from_json(line.text, allow_inf_nan=False)
    except ValueError as error:
        raise wrong("invalid_json_line", f"This line is not JSON: {str(error)[:200]}.") from None
    if not isinstance(data, dict):
        raise wrong("invalid_json_line", "This line is not a JSON object.")
    for key in _REQUIRED:
        if key not in data:
            raise wrong("missing_required_parameter", f"Missing required parameter: '{key}'.", key)
    for key in data:
        if key not in _KEYS:
            raise wrong("unknown_parameter", f"Unknown parameter: '{key[:64]}'. Allowed: {', '.join(_REQUIRED)}.")
    custom_id, body = data["custom_id"], data["body"]
    if not isinstance(custom_id, str) or not 0 < len(custom_id) <= MAX_CUSTOM_ID_CHARACTERS:
        allowed = f"text of 1 to {MAX_CUSTOM_ID_CHARACTERS} characters"
        raise wrong("invalid_value", f"'custom_id' must be {allowed}.", "custom_id")
    if data["method"] != "POST":
        raise wrong("invalid_value", "'method' must be 'POST'.", "method")
    if data["url"] != endpoint:
        raise wrong("mismatched_endpoint", f"'url' must be the endpoint of the batch, '{endpoint}'.", "url")
    if not isinstance(body, dict):
        raise wrong("invalid_type", "'body' must be an object.", "body")
    for code, message, param in _faults_of_body(body, endpoint):
        raise wrong(code, message, param)
    return LineRequest(custom_id, body)


class Uniqueness:
    """Finds a ``custom_id`` that was there before, without keeping them all."""

    def __init__(self) -> None:
        self._seen: dict[bytes, int] = {}

    def check(self, custom_id: str, number: int) -> None:
        """Note it.

        Raises:
            LineFaulty: Another line has it.
        """
        digest = hashlib.blake2b(custom_id.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        before = self._seen.setdefault(digest, number)
        if before != number:
            message = f"This 'custom_id' is that of line {before}; each is used once."
            raise LineFaulty(BatchFault("duplicate_custom_id", message, number, "custom_id"))


def _faults_of_body(body: Mapping[str, Any], endpoint: BatchEndpoint) -> Iterator[tuple[str, str, str]]:
    if not isinstance(body.get("model", ""), str):
        yield "invalid_type", "'body.model' must be text.", "body.model"
    if body.get("stream") or body.get("stream_format") == "sse":
        param = "body.stream" if body.get("stream") else "body.stream_format"
        yield "unsupported_parameter", "A batch does not stream its answers.", param
    if endpoint in RECOGNITION:
        given = [name for name in ("file", "file_id") if name in body]
        if len(given) != 1:
            message = "'body' needs either 'file_id', the id of an uploaded file, or 'file', a data URL with base64."
            yield "missing_required_parameter", message, "body.file_id"
        elif not isinstance(body[given[0]], str):
            yield "invalid_type", f"'body.{given[0]}' must be text.", f"body.{given[0]}"


def _hold(held: bytearray, data: bytes, most_bytes: int) -> None:
    held += data[: max(0, most_bytes + 1 - len(held))]


def _line(held: bytearray, number: int, most_bytes: int, offset: int) -> Line | None:
    if not held.strip():
        return None
    return Line(number, bytes(held[:most_bytes]), len(held) > most_bytes, Place(number, offset))
