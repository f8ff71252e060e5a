"""Folders and hubs as sources."""

import sys
from pathlib import Path

import pytest

from smartlite.errors import SourceUnavailable
from smartlite.models.catalog import HubEntry, ModelEntry, PathEntry
from smartlite.models.sources import HubSource, PathSource, open_source


def ignore(*_: object) -> None:
    """Take a report of progress."""


def test_a_folder_gives_copies_and_no_links(entry: ModelEntry, tmp_path: Path, contents: dict[str, bytes]) -> None:
    origin, target = tmp_path / "origin", tmp_path / "target"
    origin.mkdir()
    target.mkdir()
    (origin / "config.json").write_bytes(contents["config.json"])
    (origin / "weights.bin").write_bytes(contents["model.bin"])
    said = PathEntry(kind="path", directory=origin, files={"model.bin": "weights.bin"})
    PathSource(said).fetch(entry, ["config.json", "model.bin"], target, ignore)
    assert {path.name: path.read_bytes() for path in target.iterdir()} == contents
    assert not (target / "model.bin").samefile(origin / "weights.bin")


def test_a_folder_without_the_file_says_which(entry: ModelEntry, tmp_path: Path) -> None:
    said = PathEntry(kind="path", directory=tmp_path / "none")
    with pytest.raises(SourceUnavailable, match=r"none/config\.json"):
        open_source(said).fetch(entry, ["config.json"], tmp_path, ignore)


def test_a_hub_without_its_library_says_what_to_install(
    entry: ModelEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(SourceUnavailable, match="pip install"):
        open_source(HubEntry(kind="hub", repo="a/b", revision="r")).fetch(entry, ["config.json"], tmp_path, ignore)


def test_a_hub_that_is_switched_off_is_not_asked(
    entry: ModelEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(SourceUnavailable, match=r"config\.json is not in the hub's cache, and HF_HUB_OFFLINE is set"):
        HubSource(HubEntry(kind="hub", repo="a/b", revision="0" * 40)).fetch(entry, ["config.json"], tmp_path, ignore)


def test_what_the_hubs_own_cache_has_is_taken_without_asking(
    entry: ModelEntry, tmp_path: Path, contents: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    constants = pytest.importorskip("huggingface_hub.constants")
    revision = "0" * 40
    snapshot = tmp_path / "hub" / "models--a--b" / "snapshots" / revision / "deep"
    snapshot.mkdir(parents=True)
    (snapshot / "model.onnx").write_bytes(contents["model.bin"])
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    target = tmp_path / "target"
    target.mkdir()
    said = HubEntry(kind="hub", repo="a/b", revision=revision, files={"model.bin": "deep/model.onnx"})
    HubSource(said).fetch(entry, ["model.bin"], target, ignore)
    assert (target / "model.bin").read_bytes() == contents["model.bin"]
