"""The keeper of answers on both databases: one run of many, portions, and stores that are away."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from smartlite.auth.idempotency import PURGED_AT_ONCE, Claim, IdempotencyKeeper
from smartlite.auth.kept_answer import Answer
from smartlite.domain.principal import Principal
from smartlite.errors import DatabaseUnavailable, IdempotencyInProgress, IdempotencyKeyReused, StorageCorrupt
from smartlite.storage.blobs import BlobStore
from smartlite.storage.database import Database
from smartlite.storage.objects import FsspecObjectStore
from tests.auth.keyring import Clock
from tests.storage.mariadb import MariaDB

ADA = Principal("user_1", "key_1", ("user",), frozenset({"llm:chat"}), "Ada")
HASH = b"h" * 32
ANSWER = Answer(200, [("content-type", "application/json")], b"{}")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def blobs(tmp_path: Path) -> AsyncIterator[BlobStore]:
    blobs = BlobStore(FsspecObjectStore((tmp_path / "objects").as_uri()))
    yield blobs
    blobs.close()


@pytest.fixture
def keeper(database: Database, blobs: BlobStore, clock: Clock) -> IdempotencyKeeper:
    return IdempotencyKeeper(database, blobs, clock)


async def claimed(keeper: IdempotencyKeeper, key: str = "k") -> Claim:
    claim = await keeper.claim(ADA, key, HASH)
    assert isinstance(claim, Claim)
    return claim


async def test_of_fifty_at_once_one_runs_and_the_others_get_its_answer(keeper: IdempotencyKeeper) -> None:
    runs = 0

    async def ask() -> Answer:
        nonlocal runs
        while True:
            try:
                found = await keeper.claim(ADA, "k", HASH)
            except IdempotencyInProgress:
                await asyncio.sleep(0.01)
                continue
            if isinstance(found, Answer):
                return found
            runs += 1
            await asyncio.sleep(0.05)
            assert await keeper.keep(found, ANSWER)

    assert await asyncio.gather(*(ask() for _ in range(50))) == [ANSWER] * 50
    assert runs == 1


@pytest.mark.parametrize("size", [0, 64 * 1024, 64 * 1024 + 1], ids=["empty", "inline", "in the object store"])
async def test_an_answer_of_any_size_comes_back(keeper: IdempotencyKeeper, blobs: BlobStore, size: int) -> None:
    answer = Answer(201, [("location", "/v1/x")], bytes(size))
    assert await keeper.keep(await claimed(keeper), answer)
    assert await keeper.claim(ADA, "k", HASH) == answer
    assert len(await blobs.list("user_1")) == (size > 64 * 1024)


async def test_whoever_was_taken_over_keeps_nothing_and_leaves_no_object(
    keeper: IdempotencyKeeper, blobs: BlobStore, clock: Clock
) -> None:
    first = await claimed(keeper)
    clock.move(60)
    second = await claimed(keeper)
    assert not await keeper.keep(first, Answer(200, [], bytes(100_000)))
    assert await blobs.list("user_1") == []
    assert await keeper.keep(second, ANSWER)
    assert await keeper.claim(ADA, "k", HASH) == ANSWER


async def test_another_request_is_refused_also_while_the_first_runs_and_after_it_was_left(
    keeper: IdempotencyKeeper, clock: Clock
) -> None:
    await claimed(keeper)
    for _ in range(2):
        with pytest.raises(IdempotencyKeyReused):
            await keeper.claim(ADA, "k", b"o" * 32)
        clock.move(60)


async def test_an_expired_answer_makes_room_and_takes_its_object_along(
    keeper: IdempotencyKeeper, blobs: BlobStore, clock: Clock
) -> None:
    assert await keeper.keep(await claimed(keeper), Answer(200, [], bytes(100_000)))
    clock.move(24 * 3600)
    other = await keeper.claim(ADA, "k", b"o" * 32)
    assert isinstance(other, Claim)
    assert await blobs.list("user_1") == []


async def test_old_answers_go_in_portions(keeper: IdempotencyKeeper, clock: Clock) -> None:
    for number in range(PURGED_AT_ONCE + 1):
        await claimed(keeper, str(number))
    clock.move(timedelta(hours=24).total_seconds())
    await claimed(keeper, "young")
    assert [await keeper.purge() for _ in range(3)] == [PURGED_AT_ONCE, 1, 0]
    with pytest.raises(IdempotencyInProgress):
        await claimed(keeper, "young")


async def test_a_cancelled_claim_leaves_the_key_free(keeper: IdempotencyKeeper) -> None:
    for turns in range(30):
        claiming = asyncio.create_task(keeper.claim(ADA, f"k{turns}", HASH))
        for _ in range(turns):
            await asyncio.sleep(0)
        claiming.cancel()
        (ended,) = await asyncio.gather(claiming, return_exceptions=True)
        if isinstance(ended, asyncio.CancelledError):
            await claimed(keeper, f"k{turns}")


async def test_an_answer_whose_object_is_gone_is_told_and_not_made_again(
    keeper: IdempotencyKeeper, blobs: BlobStore
) -> None:
    assert await keeper.keep(await claimed(keeper), Answer(200, [], bytes(100_000)))
    for name in await blobs.list("user_1"):
        await blobs.delete("user_1", name)
    with pytest.raises(StorageCorrupt):
        await keeper.claim(ADA, "k", HASH)


@pytest.mark.integration
@pytest.mark.enable_socket
async def test_a_database_that_dies_is_a_503_and_afterwards_the_lease_decides(
    fragile_mariadb: MariaDB, fragile_database: Database, blobs: BlobStore, clock: Clock
) -> None:
    keeper = IdempotencyKeeper(fragile_database, blobs, clock)
    running = await claimed(keeper)
    fragile_mariadb.kill()
    with pytest.raises(DatabaseUnavailable):
        await keeper.claim(ADA, "another", HASH)
    assert not await keeper.keep(running, ANSWER)
    fragile_mariadb.start()
    with pytest.raises(IdempotencyInProgress):
        await keeper.claim(ADA, "k", HASH)
    clock.move(60)
    assert await keeper.keep(await claimed(keeper), ANSWER)
