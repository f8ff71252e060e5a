"""Bytes of tokens that a vocabulary spells with printable characters, as GPT-2's and Whisper's do.

Must not know tokenizers.
"""

from functools import cache


def token_bytes(spelling: str) -> bytes:
    """The bytes that a vocabulary's entry stands for, such as ``Ġhouse`` for `` house``."""
    table = _table()
    return b"".join(bytes([table[char]]) if char in table else char.encode() for char in spelling)


@cache
def _table() -> dict[str, int]:
    """Bytes that print in Latin-1 stand for themselves; the others follow from U+0100 on (GPT-2, ``encoder.py``)."""
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(0x100 + n): byte for n, byte in enumerate(others)}
