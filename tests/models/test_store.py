"""The model store: what is broken anywhere is noticed, deleted and fetched again."""

import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smartlite.errors import ModelStoreError, SourceUnavailable
from smartlite.models.catalog import ModelEntry
from smartlite.models.progress import FetchProgress
from smartlite.models.store import ModelStore
from smartlite.storage.objects import FsspecObjectStore

OpenNode = Callable[[str], ModelStore]
KEY = "models/small/model.bin"


def corrupt(path: Path) -> None:
    """Change one byte in place, as a bad disk does; the time of change moves too."""
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"X")
    os.utime(path, ns=(1, 1))


def put(objects: FsspecObjectStore, tmp_path: Path, content: bytes) -> None:
    """Overwrite the object from outside."""
    (tmp_path / "other").write_bytes(content)
    objects.upload(tmp_path / "other", KEY)


def read_all(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".verified"}


def test_a_pulled_model_is_in_the_cache_and_in_the_object_store(
    open_node: OpenNode, entry: ModelEntry, contents: dict[str, bytes], objects: FsspecObjectStore, tmp_path: Path
) -> None:
    files = open_node("node").pull(entry)
    assert files == entry.files_in(tmp_path / "node" / "small")
    assert read_all(files.directory) == contents
    assert objects.list("models/") == ["models/small/config.json", KEY]
    assert open_node("node").verify(entry).complete


def test_nothing_half_done_stays_behind(open_node: OpenNode, entry: ModelEntry, tmp_path: Path) -> None:
    open_node("node").pull(entry)
    assert not any((tmp_path / "node" / ".partial").iterdir())


def test_a_second_node_takes_the_model_from_the_object_store(
    open_node: OpenNode, entry: ModelEntry, contents: dict[str, bytes], first: Any
) -> None:
    open_node("one").pull(entry)
    files = open_node("two").ensure_local(entry)
    assert read_all(files.directory) == contents
    assert len(first.calls) == 1


def test_a_second_start_reads_neither_files_nor_objects(
    open_node: OpenNode, entry: ModelEntry, objects: FsspecObjectStore, tmp_path: Path
) -> None:
    files = open_node("node").ensure_local(entry)
    for key in objects.list(""):
        objects.delete(key)
    (tmp_path / "node" / ".locks" / "small.lock").unlink()
    assert open_node("node").ensure_local(entry) == files
    assert objects.list("") == []
    assert not (tmp_path / "node" / ".locks" / "small.lock").exists()


def test_a_file_touched_since_is_read_again_and_kept_if_right(
    open_node: OpenNode, entry: ModelEntry, first: Any
) -> None:
    files = open_node("node").ensure_local(entry)
    os.utime(files.directory / "model.bin", ns=(1, 1))
    assert {file.cached for file in open_node("node").status(entry).files} == {"unchecked", "verified"}
    open_node("node").ensure_local(entry)
    assert {file.cached for file in open_node("node").status(entry).files} == {"verified"}
    assert len(first.calls) == 1


@pytest.mark.parametrize("verb", ["pull", "ensure_local"])
def test_a_damaged_cache_file_is_replaced(
    open_node: OpenNode, entry: ModelEntry, contents: dict[str, bytes], verb: str
) -> None:
    files = open_node("node").pull(entry)
    corrupt(files.directory / "model.bin")
    status = open_node("node").verify(entry)
    assert status.damaged == ("model.bin",)
    assert not status.complete
    getattr(open_node("node"), verb)(entry)
    assert read_all(files.directory) == contents
    assert open_node("node").verify(entry).complete


def test_pull_notices_damage_that_the_stamp_hides(
    open_node: OpenNode, entry: ModelEntry, contents: dict[str, bytes]
) -> None:
    files = open_node("node").pull(entry)
    path = files.directory / "model.bin"
    changed_ns = path.stat().st_mtime_ns
    corrupt(path)
    os.utime(path, ns=(changed_ns, changed_ns))
    assert open_node("node").status(entry).complete
    open_node("node").pull(entry)
    assert read_all(files.directory) == contents


def test_a_half_written_cache_file_is_replaced(
    open_node: OpenNode, entry: ModelEntry, contents: dict[str, bytes]
) -> None:
    files = open_node("node").pull(entry)
    os.truncate(files.directory / "model.bin", 10)
    assert open_node("node").status(entry).damaged == ("model.bin",)
    open_node("node").ensure_local(entry)
    assert read_all(files.directory) == contents


@pytest.mark.parametrize("content", [b"half", b"X" * 7000], ids=["half-written", "same size"])
def test_a_damaged_object_is_deleted_and_fetched_again_by_a_node_that_needs_it(
    open_node: OpenNode, entry: ModelEntry, contents: dict[str, bytes], objects: FsspecObjectStore, tmp_path: Path,
    content: bytes,
) -> None:  # fmt: skip
    open_node("one").pull(entry)
    put(objects, tmp_path, content)
    assert open_node("one").verify(entry).damaged == ("model.bin",)
    files = open_node("two").ensure_local(entry)
    assert read_all(files.directory) == contents
    assert open_node("one").verify(entry).complete


@pytest.mark.parametrize("content", [b"half", b"X" * 7000], ids=["half-written", "same size"])
def test_a_damaged_object_is_mended_from_the_cache(
    open_node: OpenNode, entry: ModelEntry, objects: FsspecObjectStore, tmp_path: Path, first: Any, content: bytes
) -> None:
    open_node("node").pull(entry)
    put(objects, tmp_path, content)
    open_node("node").pull(entry)
    assert open_node("node").verify(entry).complete
    assert len(first.calls) == 1


def test_a_lost_object_is_stored_again_from_the_cache(
    open_node: OpenNode, entry: ModelEntry, objects: FsspecObjectStore, first: Any
) -> None:
    open_node("node").pull(entry)
    objects.delete(KEY)
    assert not open_node("node").status(entry).complete
    open_node("node").pull(entry)
    assert open_node("node").status(entry).complete
    assert len(first.calls) == 1


def test_a_source_that_fails_gives_way_to_the_next(
    open_node: OpenNode, entry: ModelEntry, contents: dict[str, bytes], first: Any, second: Any
) -> None:
    first.contents["model.bin"] = None
    files = open_node("node").pull(entry)
    assert read_all(files.directory) == contents
    assert second.calls == [("model.bin",)]


def test_a_file_with_another_hash_is_refused_and_the_next_source_asked(
    open_node: OpenNode, entry: ModelEntry, contents: dict[str, bytes], first: Any, second: Any
) -> None:
    first.contents["model.bin"] = b"Weights" * 1000
    files = open_node("node").pull(entry)
    assert read_all(files.directory) == contents
    assert second.calls == [("model.bin",)]


def test_when_no_source_has_it_every_reason_is_told_and_nothing_wrong_is_kept(
    open_node: OpenNode, entry: ModelEntry, objects: FsspecObjectStore, tmp_path: Path, first: Any, second: Any
) -> None:
    first.contents["model.bin"] = b"wrong"
    second.contents["model.bin"] = None
    with pytest.raises(SourceUnavailable) as caught:
        open_node("node").pull(entry)
    assert "first: model.bin has another SHA-256" in caught.value.message
    assert "second: the line was cut" in caught.value.message
    assert "SMARTLITE_CATALOG" in caught.value.message
    assert objects.list("") == ["models/small/config.json"]
    assert not list((tmp_path / "node").rglob("model.bin"))


def test_a_pull_that_was_cut_off_goes_on_where_it_was(
    open_node: OpenNode, entry: ModelEntry, contents: dict[str, bytes], first: Any, second: Any
) -> None:
    first.contents["model.bin"] = second.contents["model.bin"] = None
    with pytest.raises(SourceUnavailable):
        open_node("node").pull(entry)
    first.contents["model.bin"] = contents["model.bin"]
    open_node("node").pull(entry)
    assert first.calls == [("config.json", "model.bin"), ("model.bin",)]


def test_what_a_source_keeps_for_later_survives_a_cut_and_not_a_wrong_file(
    open_node: OpenNode, entry: ModelEntry, tmp_path: Path, first: Any, second: Any
) -> None:
    kept = tmp_path / "node" / ".partial" / "small" / "0-path" / "wheel"
    first.contents["model.bin"] = second.contents["model.bin"] = None
    with pytest.raises(SourceUnavailable):
        open_node("node").pull(entry)
    kept.write_bytes(b"a part")
    with pytest.raises(SourceUnavailable):
        open_node("node").pull(entry)
    assert kept.exists()
    first.contents["model.bin"] = b"wrong"
    with pytest.raises(SourceUnavailable):
        open_node("node").pull(entry)
    assert not kept.exists()


def test_progress_says_which_file_of_which_model(open_node: OpenNode, entry: ModelEntry) -> None:
    told: list[FetchProgress] = []
    open_node("node").pull(entry, told.append)
    assert told[-1] == FetchProgress("small", "model.bin", 7000, 7000)


def test_a_model_without_files_needs_no_place(open_node: OpenNode, entry: ModelEntry) -> None:
    bare = entry.model_copy(update={"files": (), "sources": ()})
    assert open_node("node").ensure_local(bare).files == ()
    assert open_node("node").status(bare).complete


def test_a_model_that_is_not_there_is_missing_and_not_damaged(open_node: OpenNode, entry: ModelEntry) -> None:
    status = open_node("node").verify(entry)
    assert not status.complete
    assert status.damaged == ()
    assert {(file.cached, file.stored) for file in status.files} == {("missing", "missing")}


def test_a_cache_that_cannot_be_a_folder_is_told_with_what_to_do(
    open_node: OpenNode, entry: ModelEntry, tmp_path: Path
) -> None:
    (tmp_path / "node").write_text("a file")
    with pytest.raises(ModelStoreError, match="cannot be kept in"):
        open_node("node").pull(entry)


def test_a_disk_without_space_is_told_before_anything_is_fetched(
    open_node: OpenNode, entry: ModelEntry, first: Any
) -> None:
    huge = entry.files[1].model_copy(update={"size_bytes": 1 << 60})
    with pytest.raises(ModelStoreError, match=r"the disk is full.*MB are needed.*SMARTLITE_MODEL_CACHE_DIR"):
        open_node("node").pull(entry.model_copy(update={"files": (huge,)}))
    assert first.calls == []


def test_a_disk_that_fills_up_is_told(open_node: OpenNode, entry: ModelEntry) -> None:
    # A limit on the size of files makes the real write fail, as a full disk would.
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        with pytest.raises(ModelStoreError, match="cannot be kept in"):
            open_node("node").pull(entry)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    open_node("node").pull(entry)
    assert open_node("node").verify(entry).complete
