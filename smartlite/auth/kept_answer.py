"""How an answer is encrypted that is kept for whoever has its Idempotency-Key. Must not know where it is kept.

Some answers hold secrets that are shown once, such as the text of a new API key. So the key of the encryption is made
of the Idempotency-Key's own text, of which the database has a hash only, and a random salt (HKDF-SHA256, RFC 5869):
whoever reads the database, or a copy of it, reads no answer, unless they can guess the Idempotency-Key. A random UUID,
as clients send it, cannot be guessed.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from smartlite.errors import StorageCorrupt

SALT_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_INFO: Final = b"smartlite kept answer 1"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request was answered."""

    status: int
    headers: Sequence[tuple[str, str]]
    """Names in lower case, and values."""
    body: bytes


def new_salt() -> bytes:
    """A salt, another for each answer."""
    return os.urandom(SALT_BYTES)


def seal(key: str, salt: bytes, place: str, answer: Answer) -> bytes:
    """Encrypt the body of an answer (AES-256-GCM).

    Args:
        key: The text of the Idempotency-Key.
        salt: ``new_salt()``.
        place: What tells the row from all others: put into another one, it opens no more.
        answer: Its status and headers are bound to the body, not encrypted.
    """
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + _cipher(key, salt).encrypt(nonce, answer.body, _bound(place, answer.status, answer.headers))


def unseal(key: str, salt: bytes, place: str, status: int, headers: Sequence[tuple[str, str]], sealed: bytes) -> Answer:
    """Decrypt what ``seal`` made.

    Raises:
        StorageCorrupt: 502, it was changed, or it stands at another place.
    """
    nonce, data = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    try:
        body = _cipher(key, salt).decrypt(nonce, data, _bound(place, status, headers))
    except (InvalidTag, ValueError) as error:
        raise StorageCorrupt("The kept answer is not what was kept.") from error
    return Answer(status, headers, body)


def _cipher(key: str, salt: bytes) -> AESGCM:
    return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=salt, info=_INFO).derive(key.encode()))


def _bound(place: str, status: int, headers: Sequence[tuple[str, str]]) -> bytes:
    return json.dumps([place, status, [list(pair) for pair in headers]]).encode()
