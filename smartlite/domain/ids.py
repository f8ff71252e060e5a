"""Prefixed, sortable identifiers. Must not know what they name."""

import os
import time
from datetime import datetime
from typing import Final

_TAKEN_AT_ONCE: Final = 4096
_EACH: Final = 10


class _Random:
    """The kernel's random bytes, asked for once for many identifiers: one by one they are a third of what it costs."""

    def __init__(self) -> None:
        self._bytes = b""
        self._at = 0

    def take(self) -> bytes:
        """The next ten bytes, which nobody else gets."""
        at = self._at
        if at + _EACH > len(self._bytes):
            self._bytes, at = os.urandom(_TAKEN_AT_ONCE), 0
        self._at = at + _EACH
        return self._bytes[at : self._at]

    def forget(self) -> None:
        """Take fresh ones: a process that was forked has its parent's."""
        self._bytes = b""


_random = _Random()
os.register_at_fork(after_in_child=_random.forget)


def new_id(prefix: str) -> str:
    """Make an identifier such as ``req_0199f7c0...``: the prefix and a UUIDv7 (RFC 9562, section 5.7) in hexadecimal.

    Identifiers of one process sort by the millisecond in which they were made.
    """
    random = _random.take()
    # The version in the place of the first 4 random bits, and the variant in that of two later ones.
    return f"{prefix}_{time.time_ns() // 1_000_000:012x}7{random.hex()[1:4]}{'89ab'[random[2] & 3]}{random.hex()[5:]}"


def first_id(prefix: str, at: datetime) -> str:
    """What sorts before every identifier that was made at a time or later, and after those made before."""
    milliseconds = int(at.timestamp() * 1000)
    return f"{prefix}_{milliseconds:012x}{'0' * 20}"
