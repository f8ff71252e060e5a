"""A part of something whose length is known, as HTTP's Range names it (RFC 9110, section 14). Must not know of what."""

import re
from dataclasses import dataclass
from typing import Final

_RANGE: Final = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """From a byte to before another."""

    begin: int
    end: int

    def header(self, size_bytes: int) -> str:
        """As ``Content-Range`` says it."""
        return f"bytes {self.begin}-{self.end - 1}/{size_bytes}"


def range_of(header: str | None, size_bytes: int) -> ByteRange | None:
    """The one part that a client asks for.

    What is no range of bytes, and several of them at once, is answered with the whole, as the RFC allows; so is one
    that begins behind the end.
    """
    found = None if header is None else _RANGE.fullmatch(header.strip())
    if found is None or found[0] == "bytes=-":
        return None
    first, last = found[1], found[2]
    begin = int(first) if first else max(0, size_bytes - int(last))
    end = min(int(last) + 1 if first and last else size_bytes, size_bytes)
    return ByteRange(begin, end) if begin < end else None
