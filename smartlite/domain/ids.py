"""Prefixed, sortable identifiers. Must not know what they name."""

import os
import time
from datetime import datetime


def new_id(prefix: str) -> str:
    """Make an identifier such as ``req_0199f7c0...``: the prefix and a UUIDv7 (RFC 9562, section 5.7) in hexadecimal.

    Identifiers of one process sort by the millisecond in which they were made.
    """
    random = os.urandom(10)
    # The version in the place of the first 4 random bits, and the variant in that of two later ones.
    return f"{prefix}_{time.time_ns() // 1_000_000:012x}7{random.hex()[1:4]}{'89ab'[random[2] & 3]}{random.hex()[5:]}"


def first_id(prefix: str, at: datetime) -> str:
    """What sorts before every identifier that was made at a time or later, and after those made before."""
    milliseconds = int(at.timestamp() * 1000)
    return f"{prefix}_{milliseconds:012x}{'0' * 20}"
