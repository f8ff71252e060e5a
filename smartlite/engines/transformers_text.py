"""The text of one answer, put together from tokens as they come. Must not know where tokens come from.

Text is kept back while it may still become a stop text or is part of a character, so what was sent never has to be
taken back. Everything is compared in bytes: UTF-8 of one character never looks like part of another's.
"""

import codecs
from collections.abc import Iterable
from dataclasses import dataclass, replace

from smartlite.domain.llm import TextDelta
from smartlite.domain.logprobs import TokenLogprob


@dataclass(frozen=True, slots=True)
class TokenPiece:
    """A token of an answer."""

    data: bytes
    """Empty for a control token."""
    logprob: TokenLogprob | None = None


class AnswerText:
    """Turns tokens into pieces of text that end before the first of the stop texts."""

    def __init__(self, stop: Iterable[str]) -> None:
        self._stops = tuple(text.encode() for text in stop if text)
        self._pending: list[TokenPiece] = []
        self.stopped = False
        """A stop text appeared; nothing follows."""

    def push(self, piece: TokenPiece) -> TextDelta | None:
        """Take the next token and return what can be said for sure, whole tokens only."""
        if self.stopped:
            return None
        self._pending.append(piece)
        text = b"".join(pending.data for pending in self._pending)
        found = [place for place in (text.find(stop) for stop in self._stops) if place >= 0]
        if found:
            self.stopped = True
            return self._take_until(min(found))
        safe = len(text) - self._held_bytes(text)
        count = whole = end = 0
        for number, pending in enumerate(self._pending, start=1):
            end += len(pending.data)
            if end <= safe and _is_whole(text[:end]):
                count, whole = number, end
        return self._take(count, text[:whole])

    def finish(self) -> TextDelta | None:
        """Return what is left when no token follows, but for the start of a character that was never completed."""
        if self.stopped:
            return None
        text = b"".join(pending.data for pending in self._pending)
        return self._take_until(codecs.utf_8_decode(text, "replace", False)[1])

    def _held_bytes(self, text: bytes) -> int:
        """How much of the end may be the start of a stop text."""
        longest = max((len(stop) - 1 for stop in self._stops), default=0)
        for length in range(min(longest, len(text)), 0, -1):
            if any(stop.startswith(text[-length:]) for stop in self._stops):
                return length
        return 0

    def _take(self, count: int, text: bytes) -> TextDelta | None:
        taken, self._pending = self._pending[:count], self._pending[count:]
        if not text:
            return None
        logprobs = tuple(piece.logprob for piece in taken if piece.logprob is not None and piece.data)
        return TextDelta(text.decode("utf-8", "replace"), logprobs)

    def _take_until(self, end: int) -> TextDelta | None:
        """Take the text up to a byte; a token that goes beyond it is cut."""
        kept: list[TokenPiece] = []
        start = 0
        for piece in self._pending:
            if start >= end:
                break
            kept.append(_cut(piece, end - start))
            start += len(piece.data)
        self._pending = kept
        return self._take(len(kept), b"".join(piece.data for piece in kept))


def show(data: bytes) -> str:
    """A token's text; U+FFFD for what is part of a character."""
    return data.decode("utf-8", "replace")


def _is_whole(text: bytes) -> bool:
    return codecs.utf_8_decode(text, "replace", False)[1] == len(text)


def _cut(piece: TokenPiece, size_bytes: int) -> TokenPiece:
    if len(piece.data) <= size_bytes:
        return piece
    data = piece.data[:size_bytes]
    logprob = piece.logprob and replace(piece.logprob, token=show(data), data=data)
    return TokenPiece(data, logprob)
