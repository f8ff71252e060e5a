"""Signing keys, on both databases."""

import secrets
from dataclasses import replace
from datetime import timedelta

import pytest

from smartlite.domain.identity import SigningKey
from smartlite.errors import StorageCorrupt
from smartlite.storage import signing_keys
from smartlite.storage.database import Database
from smartlite.storage.encryption import Cipher
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


async def test_an_encrypted_key_comes_back_as_it_was_made_and_one_that_is_not_too(database: Database) -> None:
    cipher = Cipher(database, {"a": secrets.token_bytes(32)})
    stored = await signing_keys.sealed(cipher, KEY)
    assert "PRIVATE" not in stored.private_key
    async with database.writing() as session:
        await signing_keys.add(session, stored)
        await signing_keys.add(session, replace(KEY, id="sk_2"))
        found = await signing_keys.every(session)
    assert [await signing_keys.opened(cipher, key) for key in found] == [KEY, replace(KEY, id="sk_2")]


async def test_without_a_cipher_key_a_signing_key_is_stored_as_it_is(database: Database) -> None:
    assert await signing_keys.sealed(Cipher(database, {}), KEY) == KEY


async def test_an_encrypted_key_does_not_open_in_the_place_of_another(database: Database) -> None:
    cipher = Cipher(database, {"a": secrets.token_bytes(32)})
    stored = await signing_keys.sealed(cipher, KEY)
    for damaged in (replace(stored, id="sk_2"), replace(stored, private_key="sealed:!")):
        with pytest.raises(StorageCorrupt):
            await signing_keys.opened(cipher, damaged)
