"""The text of a client's secret, and what is kept of it. Must not know where clients are stored."""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Final

PREFIX: Final = "slcs_"
MAX_CHARACTERS: Final = 256


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A secret that was just made: 256 random bits."""

    secret_hash: bytes
    text: str
    """Shown once and kept nowhere."""

    def __repr__(self) -> str:
        return "NewSecret()"


def new_secret(client_id: str) -> NewSecret:
    """Make a secret out of the system's random numbers."""
    text = PREFIX + base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode("ascii")
    return NewSecret(hash_of(client_id, text), text)


def hash_of(client_id: str, text: str) -> bytes:
    """SHA-256, 32 bytes. Of id and secret: a hash that is moved to another client's row fits no secret."""
    return hashlib.sha256(f"{client_id}:{text}".encode("utf-8", "surrogatepass")).digest()


def matches(client_id: str, text: str, secret_hash: bytes | None) -> bool:
    """Whether it is the secret with this hash; takes the same time either way."""
    shown = hash_of(client_id, text[:MAX_CHARACTERS])
    is_same = hmac.compare_digest(shown, secret_hash or bytes(32))
    return is_same and secret_hash is not None
