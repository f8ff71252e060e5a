"""Results that are given again: whose they are, how many and for how long, on both databases."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from smartlite.domain.models import ServedModel
from smartlite.domain.principal import Principal
from smartlite.jobs.results import AT_ONCE, Place, ResultLimits, Results, place_of
from smartlite.storage.blobs import BlobStore
from smartlite.storage.database import Database
from smartlite.storage.encryption import Cipher
from smartlite.storage.objects import FsspecObjectStore
from tests.auth.keyring import Clock

ADA = Principal("user_1", "key_1", ("user",), frozenset(), "Ada")
BOB = replace(ADA, user_id="user_2")
MODEL = ServedModel("whisper", "asr", "fake", 0, "me", fingerprint="f" * 64)
PLACE = place_of(ADA, MODEL, "what")


class Kept:
    """Results, and what they are kept in."""

    def __init__(self, folder: Path, database: Database, cipher: Cipher | None = None) -> None:
        self.folder = folder / "objects"
        self.database = database
        self.clock = Clock()
        self.blobs = BlobStore(FsspecObjectStore(self.folder.as_uri()), cipher)
        self.results = self.limited()

    def limited(self, **limits: float) -> Results:
        return Results(self.database, self.blobs, ResultLimits(**limits), self.clock)  # type: ignore[arg-type]

    def files(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_file()]


@pytest.fixture
async def kept(tmp_path: Path, database: Database) -> AsyncIterator[Kept]:
    kept = Kept(tmp_path, database)
    yield kept
    kept.blobs.close()


def place(number: int) -> Place:
    return place_of(ADA, MODEL, number)


async def test_a_result_comes_back_as_it_was_kept(kept: Kept) -> None:
    await kept.results.keep(PLACE, b"result")
    assert await kept.results.find(PLACE) == b"result"


@pytest.mark.parametrize(
    "other",
    [
        place_of(BOB, MODEL, "what"),
        place_of(replace(ADA, organization_id="org_1"), MODEL, "what"),
        place_of(ADA, replace(MODEL, fingerprint="e" * 64), "what"),
        place_of(ADA, replace(MODEL, engine="other"), "what"),
        place_of(ADA, MODEL, "else"),
        Place("user_2", PLACE.key),
    ],
)
async def test_another_user_model_or_work_finds_nothing(kept: Kept, other: Place) -> None:
    await kept.results.keep(PLACE, b"result")
    assert await kept.results.find(other) is None


async def test_it_is_kept_for_as_long_as_was_asked(kept: Kept) -> None:
    await kept.results.keep(PLACE, b"result", 10)
    kept.clock.now += timedelta(seconds=9)
    assert await kept.results.find(PLACE) == b"result"
    kept.clock.now += timedelta(seconds=1)
    assert await kept.results.find(PLACE) is None


async def test_a_later_result_takes_the_place_of_an_earlier_one(kept: Kept) -> None:
    await kept.results.keep(PLACE, b"one", 10)
    kept.clock.now += timedelta(seconds=10)
    await kept.results.keep(PLACE, b"two", 10)
    assert await kept.results.find(PLACE) == b"two"
    assert len(kept.files()) == 1


async def test_what_is_too_large_is_not_kept(kept: Kept) -> None:
    results = kept.limited(most_bytes=5)
    await results.keep(PLACE, b"result")
    assert await results.find(PLACE) is None
    assert kept.files() == []


async def test_the_oldest_make_room(kept: Kept) -> None:
    results = kept.limited(most_bytes=4, most_bytes_per_tenant=10)
    for number in range(4):
        kept.clock.now += timedelta(seconds=1)
        await results.keep(place(number), b"four")
    assert [await results.find(place(number)) for number in range(4)] == [None, None, b"four", b"four"]
    assert len(kept.files()) == 2


async def test_somebody_clears_what_is_their_own(kept: Kept) -> None:
    theirs = place_of(BOB, MODEL, "what")
    await kept.results.keep(PLACE, b"mine")
    await kept.results.keep(theirs, b"theirs")
    assert await kept.results.clear("user_1") == 1
    assert [await kept.results.find(PLACE), await kept.results.find(theirs)] == [None, b"theirs"]
    assert len(kept.files()) == 1


async def test_what_is_too_old_is_removed(kept: Kept) -> None:
    await kept.results.keep(place(1), b"old", 10)
    await kept.results.keep(place(2), b"new", 20)
    kept.clock.now += timedelta(seconds=10)
    assert 0 < await kept.results.purge() < AT_ONCE
    assert len(kept.files()) == 1
    assert await kept.results.find(place(2)) == b"new"


async def test_what_is_not_in_the_store_any_more_is_no_result(kept: Kept) -> None:
    await kept.results.keep(PLACE, b"result")
    for file in kept.files():
        file.unlink()
    assert await kept.results.find(PLACE) is None


async def test_it_is_encrypted_where_that_is_on(tmp_path: Path, database: Database) -> None:
    kept = Kept(tmp_path, database, Cipher(database, {"k1": bytes(range(32))}))
    await kept.results.keep(PLACE, b"what was said")
    assert await kept.results.find(PLACE) == b"what was said"
    assert all(b"said" not in file.read_bytes() for file in kept.files())
    kept.blobs.close()
