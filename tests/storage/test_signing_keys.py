"""Signing keys, on both databases."""

from dataclasses import replace
from datetime import timedelta

from smartlite.domain.identity import SigningKey
from smartlite.storage import signing_keys
from smartlite.storage.database import Database
from tests.storage.rows import NOON

KEY = SigningKey("sk_1", "ES256", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", NOON)


async def test_keys_come_back_as_they_were_added_the_oldest_first(database: Database) -> None:
    younger = replace(KEY, id="sk_0", created_at=NOON + timedelta(microseconds=1))
    async with database.writing() as session:
        assert list(await signing_keys.every(session)) == []
        await signing_keys.add(session, younger)
        await signing_keys.add(session, KEY)
        assert list(await signing_keys.every(session)) == [KEY, younger]


async def test_keys_are_retired_once_and_forgotten_later(database: Database) -> None:
    later = NOON + timedelta(minutes=1)
    async with database.writing() as session:
        await signing_keys.add(session, KEY)
        await signing_keys.retire(session, NOON)
        await signing_keys.add(session, replace(KEY, id="sk_2"))
        await signing_keys.retire(session, later)
        await signing_keys.add(session, replace(KEY, id="sk_3"))
        assert [key.retired_at for key in await signing_keys.every(session)] == [NOON, later, None]
        assert await signing_keys.forget_retired(session, NOON) == 1
        assert [key.id for key in await signing_keys.every(session)] == ["sk_2", "sk_3"]


def test_a_private_key_is_not_shown() -> None:
    assert "PRIVATE" not in repr(KEY)
