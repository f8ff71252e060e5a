"""Objects of tenants: written once, checked when they are read, encrypted where a key is given; a folder and S3."""

import asyncio
import secrets
import threading
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from smartlite.errors import AlreadyExists, ModelStoreError, StorageCorrupt, StorageUnavailable
from smartlite.storage.blobs import BlobStore
from smartlite.storage.database import Database
from smartlite.storage.encryption import Cipher
from smartlite.storage.objects import FsspecObjectStore
from smartlite.storage.schema import migrate
from tests.storage.seaweedfs import ON_S3, Seaweed

DATA = b"RIFF what was said"


@pytest.fixture
async def lite(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/smartlite.db")
    await migrate(database)
    yield database
    await database.close()


@pytest.fixture(params=["folder", "memory", pytest.param("s3", marks=ON_S3)])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> FsspecObjectStore:
    if request.param == "s3":
        server: Seaweed = request.getfixturevalue("seaweed")
        return server.new_store()
    url = f"memory://{uuid.uuid4().hex}" if request.param == "memory" else (tmp_path / "objects").as_uri()
    return FsspecObjectStore(url)


@pytest.fixture(params=["plain", "encrypted"])
def blobs(request: pytest.FixtureRequest, objects: FsspecObjectStore, lite: Database) -> BlobStore:
    keys = {"a": secrets.token_bytes(32)} if request.param == "encrypted" else {}
    return BlobStore(objects, Cipher(lite, keys))


@pytest.mark.parametrize("data", [b"", DATA, bytes(range(256)) * 12_000], ids=["empty", "short", "3 MB"])
async def test_an_object_comes_back_as_it_was(blobs: BlobStore, data: bytes) -> None:
    await blobs.put("user_1", "audio/a.wav", data)
    assert await blobs.get("user_1", "audio/a.wav") == data


async def pieces(*data: bytes) -> AsyncIterator[bytes]:
    for piece in data:
        yield piece


@pytest.mark.parametrize("data", [(), (DATA,), (DATA, b"", DATA * 100)])
async def test_an_object_that_is_stored_piece_by_piece_comes_back_whole(
    blobs: BlobStore, data: tuple[bytes, ...]
) -> None:
    await blobs.put_pieces("user_1", "audio/a.wav", pieces(*data))
    assert await blobs.get("user_1", "audio/a.wav") == b"".join(data)
    with pytest.raises(AlreadyExists):
        await blobs.put("user_1", "audio/a.wav", DATA)


async def test_pieces_that_end_with_an_error_leave_nothing(blobs: BlobStore) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield DATA
        raise StorageUnavailable("The disk fails.")

    with pytest.raises(StorageUnavailable):
        await blobs.put_pieces("user_1", "a", broken())
    assert await blobs.list("user_1") == []


async def test_an_object_of_which_a_part_is_missing_is_corrupt(blobs: BlobStore) -> None:
    await blobs.put_pieces("user_1", "a", pieces(DATA, DATA))
    await blobs.delete("user_1", "a.part-00001")
    with pytest.raises(StorageCorrupt):
        await blobs.get("user_1", "a")


async def test_what_is_not_there_is_none(blobs: BlobStore) -> None:
    assert await blobs.get("user_1", "audio/a.wav") is None


async def test_an_object_is_written_once(blobs: BlobStore) -> None:
    await blobs.put("user_1", "a", DATA)
    with pytest.raises(AlreadyExists):
        await blobs.put("user_1", "a", b"something else")
    assert await blobs.get("user_1", "a") == DATA


async def test_a_deleted_object_is_gone_and_can_be_written_again(blobs: BlobStore) -> None:
    await blobs.put("user_1", "a", DATA)
    await blobs.delete("user_1", "a")
    await blobs.delete("user_1", "a")
    assert await blobs.get("user_1", "a") is None
    await blobs.put("user_1", "a", b"new")
    assert await blobs.get("user_1", "a") == b"new"


async def test_a_tenant_sees_nothing_of_another(blobs: BlobStore) -> None:
    await blobs.put("user_1", "a", DATA)
    await blobs.put("user_12", "a", b"theirs")
    await blobs.put("", "a", b"nobody's")
    assert await blobs.get("user_2", "a") is None
    assert await blobs.list("user_1") == ["a"]
    assert await blobs.get("", "a") == b"nobody's"
    with pytest.raises(StorageUnavailable):
        await blobs.get("user_2", "../user_1/a")


async def test_keys_are_listed_by_prefix_in_order(blobs: BlobStore) -> None:
    for key in ("runs/2/b", "runs/1/a", "audio/x"):
        await blobs.put("user_1", key, DATA)
    assert await blobs.list("user_1", "runs/") == ["runs/1/a", "runs/2/b"]
    assert await blobs.list("user_1") == ["audio/x", "runs/1/a", "runs/2/b"]
    assert await blobs.list("user_3") == []


async def test_many_at_once_are_all_there(blobs: BlobStore) -> None:
    await asyncio.gather(*(blobs.put("user_1", f"a/{n}", bytes([n]) * 1000) for n in range(30)))
    found = await asyncio.gather(*(blobs.get("user_1", f"a/{n}") for n in range(30)))
    assert found == [bytes([n]) * 1000 for n in range(30)]


@pytest.mark.parametrize("damage", ["flipped", "cut", "emptied", "replaced"])
async def test_an_object_that_is_not_what_was_stored_is_never_given(
    lite: Database, tmp_path: Path, damage: str
) -> None:
    blobs = BlobStore(FsspecObjectStore((tmp_path / "objects").as_uri()), Cipher(lite, {}))
    await blobs.put("user_1", "a", DATA)
    file = tmp_path / "objects" / "tenants" / "user_1" / "a"
    stored = file.read_bytes()
    damaged = {"flipped": stored[:-1] + b"!", "cut": stored[:-1], "emptied": b"", "replaced": b"something else"}
    file.write_bytes(damaged[damage])
    with pytest.raises(StorageCorrupt) as caught:
        await blobs.get("user_1", "a")
    assert (caught.value.status_code, caught.value.code) == (502, "storage_corrupt")


async def test_objects_that_were_swapped_do_not_open(lite: Database, tmp_path: Path) -> None:
    blobs = BlobStore(FsspecObjectStore((tmp_path / "objects").as_uri()), Cipher(lite, {"a": secrets.token_bytes(32)}))
    await blobs.put("user_1", "a", DATA)
    await blobs.put("user_1", "b", DATA)
    folder = tmp_path / "objects" / "tenants" / "user_1"
    (folder / "b").write_bytes((folder / "a").read_bytes())
    with pytest.raises(StorageCorrupt):
        await blobs.get("user_1", "b")
    assert DATA not in (folder / "a").read_bytes()


async def test_objects_from_before_encryption_are_read(lite: Database, tmp_path: Path) -> None:
    objects = FsspecObjectStore((tmp_path / "objects").as_uri())
    await BlobStore(objects).put("user_1", "a", DATA)
    cipher = Cipher(lite, {"a": secrets.token_bytes(32)})
    assert await BlobStore(objects, cipher).get("user_1", "a") == DATA


class Hangs(FsspecObjectStore):
    """A store that does not answer until it is let go."""

    def __init__(self) -> None:
        super().__init__("memory://hangs")
        self.let_go = threading.Event()

    def read(self, key: str) -> bytes | None:
        self.let_go.wait(30)
        return None


async def test_a_store_that_does_not_answer_is_a_503_that_says_when_to_ask_again() -> None:
    objects = Hangs()
    with pytest.raises(StorageUnavailable) as caught:
        await BlobStore(objects, timeout_s=0.05).get("user_1", "a")
    objects.let_go.set()
    assert (caught.value.status_code, caught.value.code, caught.value.retry_after_s) == (503, "storage_unavailable", 5)


async def test_a_store_that_refuses_is_a_503_that_tells_nothing_of_it(tmp_path: Path) -> None:
    (tmp_path / "objects").write_text("a file where the folder should be")
    with pytest.raises(StorageUnavailable) as caught:
        await BlobStore(FsspecObjectStore((tmp_path / "objects").as_uri())).put("user_1", "a", DATA)
    assert str(tmp_path) not in caught.value.message
    assert isinstance(caught.value.__cause__, ModelStoreError)
