"""Signing keys: the first is made by itself, a new one signs, an old one verifies until its last token has ended."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from smartlite.auth.key_ring import FRESH, KEPT, KeyRing
from smartlite.auth.noted import Actor
from smartlite.auth.tokens import LIFETIME_S
from smartlite.errors import Unauthorized, Unavailable
from smartlite.storage.encryption import Cipher
from tests.auth.accounts import ACTOR, World, a_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path) as world:
        yield world


async def test_the_first_key_is_made_when_somebody_signs_in_and_once(world: World) -> None:
    assert list(await world.accounts.keys.published()) == []
    replicas = [world.replica() for _ in range(4)]
    signers = await asyncio.gather(*(each.accounts.keys.signer() for each in replicas))
    assert len({key.id for key in signers}) == 1
    world.clock.move(FRESH.total_seconds())
    assert [key.id for key in await world.accounts.keys.published()] == [signers[0].id]
    assert await world.actions() == ["signing_key.rotate"]


async def test_a_rotation_signs_nobody_out_and_the_old_key_is_forgotten_when_it_is_of_no_use(world: World) -> None:
    await world.add_user()
    before = await world.sign_in()
    other = world.replica()
    await other.asks(before.access_token)
    made = await world.accounts.keys.rotate(Actor("user_1"))
    after = await world.sign_in()
    assert (await world.accounts.keys.signer()).id == made.id
    for replica in (world, other, world.replica()):
        await replica.asks(before.access_token)
        world.clock.move(1)
        await replica.asks(after.access_token)
    assert len(await world.accounts.keys.published()) == 2
    world.clock.move(KEPT.total_seconds())
    assert [key.id for key in await other.accounts.keys.published()] == [made.id]
    assert await world.refresh(before.refresh_token)
    assert KEPT.total_seconds() > LIFETIME_S + FRESH.total_seconds() + 30


async def test_a_replica_signs_with_the_new_key_soon(world: World) -> None:
    other = world.replica()
    old = await other.accounts.keys.signer()
    made = await world.accounts.keys.rotate(ACTOR)
    assert (await other.accounts.keys.signer()).id == old.id
    world.clock.move(FRESH.total_seconds())
    assert (await other.accounts.keys.signer()).id == made.id


async def test_a_key_that_somebody_else_has_is_forgotten_at_once(world: World) -> None:
    await world.add_user()
    signed_in = await world.sign_in()
    other = world.replica()
    await other.asks(signed_in.access_token)
    await world.accounts.keys.rotate(ACTOR, at_once=True)
    world.clock.move(FRESH.total_seconds())
    for replica in (world, other):
        with pytest.raises(Unauthorized):
            await replica.asks(signed_in.access_token)
    refreshed = await world.refresh(signed_in.refresh_token)
    await other.asks(refreshed.access_token)


async def test_invented_key_ids_ask_the_database_once_a_second(world: World) -> None:
    await world.accounts.keys.signer()
    world.clock.move(1)
    await world.accounts.keys.verifiers("sk_0")
    world.database.is_away = True
    for number in range(50):
        assert "sk_x" not in await world.accounts.keys.verifiers(f"sk_{number}")
    world.database.is_away = False


async def test_known_keys_verify_while_the_database_is_away_and_without_any_nobody_gets_in(world: World) -> None:
    signer = await world.accounts.keys.signer()
    world.database.is_away = True
    world.clock.move(3600)
    assert signer.id in await world.accounts.keys.verifiers(signer.id)
    with pytest.raises(Unavailable):
        await world.replica().accounts.keys.verifiers(signer.id)


async def test_an_encrypted_private_key_signs_and_is_not_in_the_database(world: World, tmp_path: Path) -> None:
    cipher = Cipher(world.database, {"a": secrets.token_bytes(32)})
    rings = [KeyRing(world.database, world.clock, cipher) for _ in range(2)]
    made = await rings[0].rotate(ACTOR)
    signer = await rings[1].signer()
    assert (signer.id, signer.stored.private_key) == (made.id, made.private_key)
    stored = b"".join(file.read_bytes() for file in _files(tmp_path))
    assert b"PRIVATE KEY" not in stored


async def test_a_key_from_before_encryption_goes_on_signing(world: World) -> None:
    before = await world.accounts.keys.signer()
    ring = KeyRing(world.database, world.clock, Cipher(world.database, {"a": secrets.token_bytes(32)}))
    assert (await ring.signer()).id == before.id


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("smartlite.db*"))
