"""The text of an API key: how one is made, and what can be told of it without asking anybody.

Must not know where keys are stored. A key is ``sl_<public id>_<secret><checksum>``: the prefix and the checksum let
scanners find keys that leaked, as GitHub's do (github.blog, 2021-04-05), and let the gateway refuse a mistyped or
invented key without asking the database. The public id may be stored and shown; of the secret only a hash is kept.
"""

import hashlib
import hmac
import re
import secrets
import zlib
from dataclasses import dataclass
from typing import Final

PREFIX: Final = "sl_"
MAX_CHARACTERS: Final = 256
"""A text that is longer is not looked at."""

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PUBLIC_ID_BITS: Final = 128
_SECRET_BITS: Final = 256
_PUBLIC_ID_CHARACTERS: Final = 22
"""The smallest number of digits of base 62 that holds 128 bits; likewise below."""
_SECRET_CHARACTERS: Final = 43
_CHECKSUM_CHARACTERS: Final = 6
_SHAPE: Final = re.compile(
    rf"{PREFIX}([0-9A-Za-z]{{{_PUBLIC_ID_CHARACTERS}}})_"
    rf"[0-9A-Za-z]{{{_SECRET_CHARACTERS}}}([0-9A-Za-z]{{{_CHECKSUM_CHARACTERS}}})",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made."""

    public_id: str
    secret_hash: bytes
    """SHA-256 of the whole text, 32 bytes: a hash that is moved to another key's row fits no key. A slow hash is for
    passwords; nobody guesses 256 random bits, and argon2 would cost every request 44 ms."""
    text: str
    """Shown to its owner once and kept nowhere."""

    def __repr__(self) -> str:
        return f"NewKey(public_id={self.public_id!r})"


@dataclass(frozen=True, slots=True)
class Presented:
    """A key that somebody sent; it is well formed and not yet known to be anybody's."""

    public_id: str
    secret_hash: bytes

    def matches(self, secret_hash: bytes) -> bool:
        """Whether it is the key with this hash; takes the same time either way."""
        return hmac.compare_digest(self.secret_hash, secret_hash)


def new_key() -> NewKey:
    """Make a key out of the system's random numbers."""
    public_id = _base62(secrets.randbits(_PUBLIC_ID_BITS), _PUBLIC_ID_CHARACTERS)
    secret = _base62(secrets.randbits(_SECRET_BITS), _SECRET_CHARACTERS)
    body = f"{PREFIX}{public_id}_{secret}"
    text = body + _checksum(body)
    return NewKey(public_id, _hash(text), text)


def parse(text: str) -> Presented | None:
    """Read what somebody sent; None where it cannot be a key. Never raises, whatever the text is."""
    if len(text) > MAX_CHARACTERS:
        return None
    found = _SHAPE.fullmatch(text)
    if found is None or _checksum(text[:-_CHECKSUM_CHARACTERS]) != found[2]:
        return None
    return Presented(found[1], _hash(text))


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("ascii")).digest()


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode("ascii")), _CHECKSUM_CHARACTERS)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
