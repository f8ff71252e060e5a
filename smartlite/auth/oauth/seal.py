"""What a form carries from one request to the next, sealed so that nobody changes it. Must not know what it is.

Sealed with a key that is derived from those that sign access tokens: every replica has them, and they rotate.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from smartlite.auth.key_ring import KeyRing
from smartlite.auth.noted import utc_now

LASTS_S: Final = 600
MAX_CHARACTERS: Final = 16 * 1024
_PURPOSE: Final = b"smartlite: form of an authorization request\0"


class Seal:
    """Seals and opens. One for each process; every method runs in its event loop."""

    def __init__(self, keys: KeyRing, clock: Callable[[], datetime] = utc_now) -> None:
        self._keys = keys
        self._clock = clock

    async def close(self, values: Mapping[str, str | None]) -> str:
        """Seal values for ten minutes."""
        expires_at = int(self._clock().timestamp()) + LASTS_S
        data = json.dumps([expires_at, dict(values)]).encode("ascii")
        body = base64.urlsafe_b64encode(data).decode("ascii")
        return f"{body}.{_mark((await self._keys.signer()).stored.private_key, body)}"

    async def open(self, text: str) -> dict[str, str | None] | None:
        """The values; None where they were not sealed here, or too long ago. Never raises for what the text is."""
        body, _, mark = text.partition(".")
        if len(text) > MAX_CHARACTERS or not text.isascii():
            return None
        keys = [key.stored.private_key for key in await self._keys.published()]
        if not any(hmac.compare_digest(_mark(key, body), mark) for key in keys):
            return None
        try:
            expires_at, values = json.loads(base64.urlsafe_b64decode(body))
        except ValueError:
            return None
        return dict(values) if self._clock().timestamp() < expires_at else None


def _mark(private_key: str, body: str) -> str:
    key = hmac.digest(private_key.encode("ascii"), _PURPOSE, hashlib.sha256)
    return hmac.new(key, body.encode("ascii"), hashlib.sha256).hexdigest()
