"""Keys that access tokens are signed with, as rows. Must not know what they sign, nor for how long they are kept."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Final

from sqlalchemy import delete, insert, select, update

from smartlite.domain.identity import SigningKey
from smartlite.errors import StorageCorrupt
from smartlite.storage.database import ReadSession, WriteSession
from smartlite.storage.encryption import Cipher
from smartlite.storage.tables import SigningKeyRow

_SEALED: Final = "sealed:"
"""How an encrypted private key begins, in base64; a PEM begins with hyphens."""

_KEY: Final = (
    SigningKeyRow.id,
    SigningKeyRow.algorithm,
    SigningKeyRow.private_key,
    SigningKeyRow.created_at,
    SigningKeyRow.retired_at,
)


async def add(session: WriteSession, key: SigningKey) -> None:
    """Add a key."""
    await session.write(insert(SigningKeyRow).values(asdict(key)))


async def every(session: ReadSession) -> Sequence[SigningKey]:
    """All keys, the oldest first; there are few, since those that are retired are forgotten after a while."""
    rows = await session.rows(select(*_KEY).order_by(SigningKeyRow.created_at, SigningKeyRow.id))
    return [SigningKey(*row) for row in rows]


async def retire(session: WriteSession, at: datetime) -> None:
    """Have the keys that sign sign nothing more."""
    await session.write(update(SigningKeyRow).where(SigningKeyRow.retired_at.is_(None)).values(retired_at=at))


async def forget_retired(session: WriteSession, before: datetime) -> int:
    """Forget the keys that were retired before a time, or at it.

    Returns:
        How many they were.
    """
    return await session.write(delete(SigningKeyRow).where(SigningKeyRow.retired_at <= before))


async def sealed(cipher: Cipher, key: SigningKey) -> SigningKey:
    """A key whose private part is encrypted; before a unit of work, since the cipher has its own.

    Raises:
        Unavailable: 503, the database cannot be asked for the key to encrypt with.
    """
    data = key.private_key.encode()
    found = await cipher.seal("", _name(key), data)
    return key if found == data else replace(key, private_key=_SEALED + base64.b64encode(found).decode())


async def opened(cipher: Cipher, key: SigningKey) -> SigningKey:
    """A key whose private part can be read, whether it was encrypted or not.

    Raises:
        StorageCorrupt: 502, it does not open.
        Unavailable: 503, the database cannot be asked for the key that opens it.
    """
    if not key.private_key.startswith(_SEALED):
        return key
    try:
        data = base64.b64decode(key.private_key.removeprefix(_SEALED), validate=True)
    except binascii.Error as error:
        raise StorageCorrupt("A signing key is not what was stored.") from error
    return replace(key, private_key=(await cipher.open("", _name(key), data)).decode())


def _name(key: SigningKey) -> str:
    return f"signing_keys/{key.id}"
