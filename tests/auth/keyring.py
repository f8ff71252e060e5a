"""Keys in memory, a clock that stands still until it is moved, and how often somebody asked. Must not know any test."""

import string
import zlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from smartlite.auth.api_keys import NewKey, new_key
from smartlite.errors import Unavailable

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase


@dataclass(frozen=True)
class Record:
    """A KeyRecord."""

    key_id: str
    secret_hash: bytes
    role_scopes: frozenset[str] = frozenset()
    scopes: frozenset[str] | None = None
    roles: tuple[str, ...] = ("user",)
    user_id: str = "user_1"
    user_name: str = "Ada"
    is_active: bool = True
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    organization_id: str | None = None


class Clock:
    """Tells the time that it was set to."""

    def __init__(self) -> None:
        self.now = datetime(2030, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def seconds(self) -> float:
        return self.now.timestamp()

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Keyring:
    """The store of an Authenticator."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self.asked: list[str] = []
        self.is_away = False

    async def find(self, public_id: str, /) -> Record | None:
        self.asked.append(public_id)
        if self.is_away:
            raise Unavailable("The database is away.")
        return self.records.get(public_id)

    def add(self, **fields: object) -> NewKey:
        """Make a key with these fields of its record."""
        key = new_key()
        record = Record(f"key_{len(self.records)}", key.secret_hash)
        self.records[key.public_id] = replace(record, **fields)  # type: ignore[arg-type]
        return key

    def change(self, key: NewKey, **fields: object) -> None:
        self.records[key.public_id] = replace(self.records[key.public_id], **fields)  # type: ignore[arg-type]


def bearer(key: NewKey) -> str:
    return f"Bearer {key.text}"


def checksum(body: str) -> str:
    """Of a key's text; base 62, written another way than the code writes it."""
    number = zlib.crc32(body.encode())
    return "".join(ALPHABET[number // 62**place % 62] for place in range(5, -1, -1))


def forged(key: NewKey) -> str:
    """A well-formed key out of a public id that somebody saw and a secret that they made up."""
    body = f"sl_{key.public_id}_{'x' * 43}"
    return body + checksum(body)
