"""Which keys encrypt stored data, as a setting names them. Must not know what they encrypt, nor show any of them.

``id:BASE64`` of 32 random bytes each, separated by commas; the first wraps new data keys, the others open old ones.
"""

import base64
import binascii
import re
import secrets
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

KEY_BYTES: Final = 32
_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_FEWEST_VALUES: Final = 12
"""Different values among the bytes of a key: 32 random ones have fewer less than once in 10^12 times."""


def parse_encryption_keys(text: str) -> Mapping[str, bytes]:
    """The keys by id, in their order; none where the text is empty.

    Raises:
        ValueError: It is no such list. The message names a key by its id or place, and shows nothing of any key.
    """
    keys: dict[str, bytes] = {}
    for place, entry in enumerate(filter(None, map(str.strip, text.split(","))), start=1):
        name, _, value = entry.partition(":")
        if not _ID.fullmatch(name) or not value:
            msg = f"key {place} is not ID:BASE64, its id of 1 to 64 letters, digits and ._-"
            raise ValueError(msg)
        key = _decoded(value)
        reason = _fault(key, keys.values())
        if name in keys:
            reason = "stands there twice"
        if reason:
            msg = f"the key '{name}' {reason}; `smartlite encryption-keys generate` makes a good one"
            raise ValueError(msg)
        keys[name] = key
    return MappingProxyType(keys)


def new_encryption_key(name: str) -> str:
    """An entry of the setting with a new key.

    Raises:
        ValueError: The id is none.
    """
    if not _ID.fullmatch(name):
        msg = "an id has 1 to 64 letters, digits and ._-"
        raise ValueError(msg)
    return f"{name}:{base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}"


def _decoded(value: str) -> bytes:
    try:
        return base64.b64decode(value, altchars=b"-_" if re.search(r"[-_]", value) else None, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _fault(key: bytes, others: Collection[bytes]) -> str:
    if len(key) != KEY_BYTES:
        return f"is not base64 of {KEY_BYTES} bytes"
    if len(set(key)) < _FEWEST_VALUES:
        return "is not random"
    return "has the value of another one" if key in others else ""
