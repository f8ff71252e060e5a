"""The object store: objects are whole or not there, on a folder and on a store without links alike."""

import uuid
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem

from smartlite.errors import ConfigurationError, ModelStoreError
from smartlite.storage.objects import FsspecObjectStore


class LinklessFileSystem(LocalFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A file system of which the store knows nothing: neither that links are possible nor that uploads are whole."""

    protocol = "linkless"


fsspec.register_implementation("linkless", LinklessFileSystem, clobber=True)


@pytest.fixture(params=["file", "memory", "folder", "linkless"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FsspecObjectStore:
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
