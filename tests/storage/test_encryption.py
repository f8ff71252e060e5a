"""Stored data is read by nobody without a key of the environment, and keys are exchanged without losing anything."""

import asyncio
import secrets
from datetime import UTC, datetime, timedelta

import pytest

from smartlite.errors import ConfigurationError, StorageCorrupt
from smartlite.storage.database import Database
from smartlite.storage.encryption import FRESH, MARK, Cipher

OLD = {"old": secrets.token_bytes(32)}
NEW = {"new": secrets.token_bytes(32)}
DATA = b"what was said" * 10


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2030, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.mark.parametrize("data", [b"", DATA, bytes(1024 * 1024)], ids=["empty", "short", "long"])
async def test_data_comes_back_as_it_was_also_in_another_process(database: Database, data: bytes) -> None:
    sealed = await Cipher(database, OLD).seal("user_1", "a", data)
    assert not data or data not in sealed
    assert sealed.startswith(MARK)
    assert await Cipher(database, OLD).open("user_1", "a", sealed) == data


async def test_the_same_data_is_never_the_same_bytes(database: Database) -> None:
    cipher = Cipher(database, OLD)
    assert await cipher.seal("user_1", "a", DATA) != await cipher.seal("user_1", "a", DATA)


async def test_without_a_key_data_stays_as_it_is(database: Database) -> None:
    cipher = Cipher(database, {})
    assert not cipher.encrypts
    assert await cipher.seal("user_1", "a", DATA) == DATA


async def test_what_was_stored_before_encryption_was_switched_on_is_read(database: Database) -> None:
    assert await Cipher(database, OLD).open("user_1", "a", DATA) == DATA


@pytest.mark.parametrize(("tenant", "name"), [("user_2", "a"), ("user_1", "b"), ("", "a"), ("user_1", "")])
async def test_data_at_another_place_does_not_open(database: Database, tenant: str, name: str) -> None:
    cipher = Cipher(database, OLD)
    sealed = await cipher.seal("user_1", "a", DATA)
    with pytest.raises(StorageCorrupt):
        await cipher.open(tenant, name, sealed)


async def test_two_that_are_swapped_both_do_not_open(database: Database) -> None:
    cipher = Cipher(database, OLD)
    one, two = await cipher.seal("user_1", "a", DATA), await cipher.seal("user_2", "a", DATA)
    for tenant, sealed in (("user_1", two), ("user_2", one)):
        with pytest.raises(StorageCorrupt):
            await cipher.open(tenant, "a", sealed)


async def test_any_changed_or_missing_byte_is_noticed(database: Database) -> None:
    cipher = Cipher(database, OLD)
    sealed = await cipher.seal("user_1", "a", DATA)
    for place in range(len(MARK), len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(StorageCorrupt):
            await cipher.open("user_1", "a", bytes(changed))
    for length in range(len(MARK), len(sealed)):
        with pytest.raises(StorageCorrupt):
            await cipher.open("user_1", "a", sealed[:length])


@pytest.mark.parametrize("keys", [{}, NEW, {"old": NEW["new"]}], ids=["none", "another", "another-of-the-same-name"])
async def test_without_the_right_key_nothing_opens(
    database: Database, keys: dict[str, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    sealed = await Cipher(database, OLD).seal("user_1", "a", DATA)
    with pytest.raises(StorageCorrupt):
        await Cipher(database, keys).open("user_1", "a", sealed)
    assert "'old'" in caplog.text


async def test_each_tenant_has_a_key_of_its_own(database: Database) -> None:
    cipher = Cipher(database, OLD)
    sealed = [await cipher.seal(tenant, "a", DATA) for tenant in ("user_1", "user_1", "user_2")]
    named = [piece[len(MARK) + 1 : len(MARK) + 1 + piece[len(MARK)]] for piece in sealed]
    assert named[0] == named[1] != named[2]
    assert await cipher.wrapped_by() == {"old": 2}


async def test_many_that_encrypt_at_once_are_all_read(database: Database) -> None:
    ciphers = [Cipher(database, OLD) for _ in range(5)]
    sealed = await asyncio.gather(*(cipher.seal("user_1", str(n), DATA) for n, cipher in enumerate(ciphers)))
    assert [await ciphers[0].open("user_1", str(n), piece) for n, piece in enumerate(sealed)] == [DATA] * 5


async def test_after_a_rewrapping_the_old_key_is_not_needed(database: Database) -> None:
    sealed = [await Cipher(database, OLD).seal(f"user_{n}", "a", DATA) for n in range(3)]
    both = Cipher(database, NEW | OLD)
    assert await both.rewrap() == 3
    assert await both.rewrap() == 0
    assert await both.wrapped_by() == {"new": 3, "old": 0}
    only = Cipher(database, NEW)
    assert [await only.open(f"user_{n}", "a", piece) for n, piece in enumerate(sealed)] == [DATA] * 3


async def test_a_key_that_is_still_needed_is_told_by_its_count(database: Database) -> None:
    await Cipher(database, OLD).seal("user_1", "a", DATA)
    assert await Cipher(database, NEW).wrapped_by() == {"new": 0, "old": 1}
    with pytest.raises(StorageCorrupt):
        await Cipher(database, NEW).rewrap()


async def test_without_a_key_there_is_nothing_to_wrap_with(database: Database) -> None:
    with pytest.raises(ConfigurationError):
        await Cipher(database, {}).rewrap()


async def test_after_a_rotation_new_data_has_a_new_key_everywhere_soon_and_old_data_is_read(database: Database) -> None:
    clock = Clock()
    one, other = Cipher(database, OLD, clock), Cipher(database, OLD, clock)
    before = [await cipher.seal("user_1", "a", DATA) for cipher in (one, other)]
    clock.now += timedelta(seconds=1)
    assert await one.rotate() == 1
    after = await one.seal("user_1", "a", DATA)
    assert after[: len(MARK) + 37] != before[0][: len(MARK) + 37]
    clock.now += FRESH
    soon = await other.seal("user_1", "a", DATA)
    assert soon[: len(MARK) + 37] == after[: len(MARK) + 37]
    for piece in (*before, after, soon):
        assert await other.open("user_1", "a", piece) == DATA


async def test_rotating_and_rewrapping_under_load_loses_nothing(database: Database) -> None:
    sealed: dict[str, bytes] = {}
    stop = asyncio.Event()

    async def write(number: int) -> None:
        cipher = Cipher(database, NEW | OLD if number % 2 else OLD | NEW)
        for count in range(15):
            name = f"{number}/{count}"
            sealed[name] = await cipher.seal(f"user_{number}", name, name.encode())
            await asyncio.sleep(0)
            assert await cipher.open(f"user_{number}", name, sealed[name]) == name.encode()

    async def disturb() -> None:
        both = Cipher(database, NEW | OLD)
        while not stop.is_set():
            await both.rotate()
            await both.rewrap()
            await asyncio.sleep(0.005)

    disturber = asyncio.create_task(disturb())
    await asyncio.gather(*map(write, range(6)))
    stop.set()
    await disturber
    await Cipher(database, NEW | OLD).rewrap()
    only = Cipher(database, NEW)
    for name, piece in sealed.items():
        assert await only.open(f"user_{name.partition('/')[0]}", name, piece) == name.encode()
