"""The object store: objects are whole or not there, on a folder, on a store without links and on S3 alike."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem

from smartlite.config import Settings
from smartlite.errors import AlreadyExists, ConfigurationError, ModelStoreError
from smartlite.storage.objects import FsspecObjectStore
from smartlite.storage.open_objects import open_objects
from tests.storage.seaweedfs import ON_S3, Seaweed


class LinklessFileSystem(LocalFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A file system of which the store knows nothing: neither that links are possible nor that uploads are whole."""

    protocol = "linkless"


fsspec.register_implementation("linkless", LinklessFileSystem, clobber=True)


@pytest.fixture(params=["file", "memory", "folder", "linkless", pytest.param("s3", marks=ON_S3)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FsspecObjectStore:
    if request.param == "s3":
        server: Seaweed = request.getfixturevalue("seaweed")
        return server.new_store()
    urls = {
        "file": (tmp_path / "objects").as_uri(),
        "memory": f"memory://{uuid.uuid4().hex}",
        "folder": str(tmp_path / "objects"),
        "linkless": f"linkless://{tmp_path / 'objects'}",
    }
    return FsspecObjectStore(urls[request.param])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "given"
    path.write_bytes(b"first")
    return path


def test_an_object_comes_back_as_it_was(store: FsspecObjectStore, file: Path, tmp_path: Path) -> None:
    store.upload(file, "models/a/b.bin")
    store.download("models/a/b.bin", tmp_path / "new" / "got")
    assert (tmp_path / "new" / "got").read_bytes() == b"first"
    assert store.size_bytes("models/a/b.bin") == 5


def test_a_second_upload_replaces_the_object_and_not_what_was_downloaded(
    store: FsspecObjectStore, file: Path, tmp_path: Path
) -> None:
    store.upload(file, "k")
    store.download("k", tmp_path / "old")
    other = tmp_path / "other"
    other.write_bytes(b"second!")
    store.upload(other, "k")
    store.download("k", tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == b"second!"
    assert (tmp_path / "old").read_bytes() == b"first"
    assert store.size_bytes("k") == 7


def test_uploading_the_same_file_twice_leaves_nothing_behind(
    store: FsspecObjectStore, file: Path, tmp_path: Path
) -> None:
    store.upload(file, "a/k")
    store.upload(file, "a/k")
    store.download("a/k", tmp_path / "d" / "k")
    store.download("a/k", tmp_path / "d" / "k")
    assert [path.name for path in (tmp_path / "d").iterdir()] == ["k"]
    if (tmp_path / "objects").exists():
        assert [path.name for path in (tmp_path / "objects" / "a").iterdir()] == ["k"]


def test_keys_are_listed_by_prefix_in_order(store: FsspecObjectStore, file: Path) -> None:
    for key in ("models/b/2", "models/a/1", "models/ab", "other/x"):
        store.upload(file, key)
    assert store.list("models/a") == ["models/a/1", "models/ab"]
    assert store.list("") == ["models/a/1", "models/ab", "models/b/2", "other/x"]
    assert store.list("none/") == []


def test_a_deleted_object_is_gone_and_can_be_deleted_again(store: FsspecObjectStore, file: Path) -> None:
    store.upload(file, "k")
    store.delete("k")
    store.delete("k")
    assert store.size_bytes("k") is None


def test_an_object_that_is_not_there_is_named(store: FsspecObjectStore, tmp_path: Path) -> None:
    with pytest.raises(ModelStoreError, match="no object 'models/x'"):
        store.download("models/x", tmp_path / "got")
    assert not (tmp_path / "got").exists()


@pytest.mark.parametrize("data", [b"", b"first", bytes(range(256)) * 40_000], ids=["empty", "short", "10 MB"])
def test_bytes_come_back_as_they_were_written(store: FsspecObjectStore, data: bytes) -> None:
    assert store.read("a/k") is None
    store.write("a/k", data)
    assert store.read("a/k") == data
    assert store.size_bytes("a/k") == len(data)
    assert store.list("") == ["a/k"]


def test_bytes_are_never_written_over_an_object(store: FsspecObjectStore) -> None:
    store.write("a/k", b"first")
    with pytest.raises(AlreadyExists):
        store.write("a/k", b"second")
    assert store.read("a/k") == b"first"


@pytest.mark.parametrize("store", ["file", pytest.param("s3", marks=ON_S3)], indirect=True)
def test_of_many_that_write_one_object_at_once_exactly_one_does(store: FsspecObjectStore) -> None:
    def write(number: int) -> bool:
        try:
            store.write("k", bytes([number]) * 100_000)
        except AlreadyExists:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        written = list(threads.map(write, range(40)))
    assert written.count(True) == 1
    assert store.read("k") == bytes([written.index(True)]) * 100_000
    assert store.list("") == ["k"]


def test_objects_of_settings_are_in_a_folder_unless_something_else_is_said(tmp_path: Path) -> None:
    open_objects(Settings(data_dir=tmp_path)).write("k", b"here")
    assert (tmp_path / "objects" / "k").read_bytes() == b"here"


@pytest.mark.parametrize("half", [{"s3_access_key_id": "me"}, {"s3_secret_access_key": "s3cret"}])
def test_half_a_credential_is_refused(half: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="SMARTLITE_S3_ACCESS_KEY_ID") as caught:
        open_objects(Settings(object_store_url="s3://bucket", **half))
    assert "s3cret" not in caught.value.message


@pytest.mark.parametrize("key", ["../x", "a/../../x", "/etc/passwd"])
def test_a_key_cannot_leave_the_store(store: FsspecObjectStore, file: Path, key: str) -> None:
    with pytest.raises(ModelStoreError, match="not a key"):
        store.upload(file, key)


def test_a_folder_keeps_one_copy_of_a_file(file: Path, tmp_path: Path) -> None:
    store = FsspecObjectStore((tmp_path / "objects").as_uri())
    store.upload(file, "k")
    store.download("k", tmp_path / "got")
    assert (tmp_path / "got").samefile(file)


def test_a_half_written_upload_is_not_listed(tmp_path: Path, file: Path) -> None:
    store = FsspecObjectStore((tmp_path / "objects").as_uri())
    store.upload(file, "k")
    (tmp_path / "objects" / "k2.part-0123").write_bytes(b"ha")
    assert store.list("") == ["k"]


def test_a_store_whose_package_is_missing_names_it() -> None:
    with pytest.raises(ConfigurationError, match=r"gdrive.*gdrive_fs"):
        FsspecObjectStore("gdrive://folder")


def test_a_kind_of_url_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="nosuch"):
        FsspecObjectStore("nosuch://bucket")


def test_what_the_store_refuses_is_told(tmp_path: Path, file: Path) -> None:
    (tmp_path / "objects").write_text("a file where the folder should be")
    with pytest.raises(ModelStoreError, match="cannot write 'k'"):
        FsspecObjectStore(str(tmp_path / "objects")).upload(file, "k")


def test_fsspec_knows_the_store_that_the_missing_package_test_names() -> None:
    assert "gdrive" in fsspec.available_protocols()
