"""The text of a refresh token, and the one that follows from it. Must not know where sessions are stored.

``slr_<session>_<family><secret><checksum>``, or ``slo_...`` where a client of OAuth holds the session: neither is taken
for the other. All tokens of a session share the family part, so that one that was used
long ago is known for what it is, and one that somebody made up is not taken for it. The secret of the next token is
derived from the shown one and a random salt that is kept: whoever repeats a request, because the answer was lost or
another tab asked too, gets the same successor, and the database holds nothing that a token could be made of.
"""

import base64
import hashlib
import hmac
import re
import secrets
import zlib
from dataclasses import dataclass
from typing import Final

PREFIX: Final = "slr_"
CLIENT_PREFIX: Final = "slo_"
SALT_BYTES: Final = 32
SESSION: Final = "ses"
"""Prefix of the ids of sessions."""

_FAMILY_BYTES: Final = 16
_SECRET_BYTES: Final = 32
_SHAPE: Final = re.compile(
    rf"({PREFIX}|{CLIENT_PREFIX})([0-9a-f]{{32}})_([A-Za-z0-9_-]{{22}})([A-Za-z0-9_-]{{43}})([0-9a-f]{{8}})", re.ASCII
)
_NEXT: Final = b"smartlite: next refresh token\0"


@dataclass(frozen=True, slots=True, repr=False)
class RefreshToken:
    """A token that was made, or one that somebody sent and that is well formed."""

    session_hex: str
    family: str
    secret: str
    prefix: str = PREFIX

    @property
    def session_id(self) -> str:
        """Id of the session that it is for, or says that it is for."""
        return f"{SESSION}_{self.session_hex}"

    @property
    def text(self) -> str:
        """Shown to whoever signed in, and kept nowhere."""
        body = f"{self.prefix}{self.session_hex}_{self.family}{self.secret}"
        return body + _checksum(body)

    @property
    def family_hash(self) -> bytes:
        """SHA-256, 32 bytes; likewise below. 128 random bits need no slow hash."""
        return hashlib.sha256(f"{self.session_hex}_{self.family}".encode("ascii")).digest()

    @property
    def hash(self) -> bytes:
        """Of the whole text: a hash that is moved to another session's row fits no token."""
        return hashlib.sha256(self.text.encode("ascii")).digest()

    def is_of_family(self, family_hash: bytes) -> bool:
        """Whether it is or was a token of the session with this hash; takes the same time either way."""
        return hmac.compare_digest(self.family_hash, family_hash)

    def is_one_with(self, token_hash: bytes | None) -> bool:
        """Whether it is the token with this hash; takes the same time either way."""
        return token_hash is not None and hmac.compare_digest(self.hash, token_hash)

    def next(self, salt: bytes) -> "RefreshToken":
        """The token that follows, always the same with the same salt."""
        secret = hmac.digest(self.secret.encode("ascii"), _NEXT + salt, "sha256")
        return RefreshToken(self.session_hex, self.family, _base64(secret), self.prefix)


def new_refresh_token(session_id: str, prefix: str = PREFIX) -> RefreshToken:
    """Make the first token of a session out of the system's random numbers."""
    family, secret = (_base64(secrets.token_bytes(size)) for size in (_FAMILY_BYTES, _SECRET_BYTES))
    return RefreshToken(session_id.removeprefix(f"{SESSION}_"), family, secret, prefix)


def parse_refresh_token(text: str, prefix: str = PREFIX) -> RefreshToken | None:
    """Read what somebody sent; None where it cannot be a refresh token of this kind. Never raises, whatever it is."""
    found = _SHAPE.fullmatch(text) if len(text) <= 256 else None
    if found is None or found[1] != prefix or _checksum(text[:-8]) != found[5]:
        return None
    return RefreshToken(found[2], found[3], found[4], prefix)


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _checksum(body: str) -> str:
    return f"{zlib.crc32(body.encode('ascii')):08x}"
