"""Prefixed, sortable identifiers. Must not know what they name."""

import os
import time
import uuid


def new_id(prefix: str) -> str:
    """Make an identifier such as ``req_0199f7c0...``: the prefix and a UUIDv7 (RFC 9562, section 5.7) in hexadecimal.

    Identifiers of one process sort by the millisecond in which they were made.
    """
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & (2**48 - 1)) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return f"{prefix}_{uuid.UUID(int=value).hex}"
