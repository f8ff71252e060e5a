"""What was asked and answered in one request, as far as it is text. Must not know whether it is kept."""

from typing import Final

from pydantic_core import to_json
from starlette.datastructures import Headers
from starlette.types import Message

MAX_BYTES: Final = 64 * 1024
"""Of each side; what is longer is cut."""
_TEXTS: Final = ("application/json", "text/")


class Captured:
    """Collects the bytes of both sides while they pass."""

    def __init__(self) -> None:
        self._asked: bytearray | None = None
        self._answered: bytearray | None = None

    def ask(self, headers: list[tuple[bytes, bytes]], message: Message) -> None:
        """Look at a part of the request."""
        if message["type"] == "http.request" and _is_text(headers):
            self._asked = _more(self._asked, message)

    def answer(self, headers: list[tuple[bytes, bytes]], message: Message) -> None:
        """Look at a part of the answer."""
        if _is_text(headers):
            self._answered = _more(self._answered, message)

    def content(self) -> bytes:
        """Both sides as one JSON object; what is no text, or was not sent, is null."""
        return to_json({"request": _text(self._asked), "response": _text(self._answered)})


def _is_text(headers: list[tuple[bytes, bytes]]) -> bool:
    return Headers(raw=headers).get("content-type", "").lower().startswith(_TEXTS)


def _more(collected: bytearray | None, message: Message) -> bytearray:
    collected = bytearray() if collected is None else collected
    collected += message.get("body", b"")[: MAX_BYTES - len(collected)]
    return collected


def _text(collected: bytearray | None) -> str | None:
    return None if collected is None else collected.decode("utf-8", "replace")
