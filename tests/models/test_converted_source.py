"""Files made of another model's: through the same cache, locks and hashes as any others."""

import hashlib
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from smartlite.errors import ConfigurationError, SourceUnavailable
from smartlite.models.catalog import ConverterName, ModelEntry
from smartlite.models.catalog_file import load_catalog
from smartlite.models.converters import CONVERTERS
from smartlite.models.progress import FetchProgress
from smartlite.models.store import ModelStore
from smartlite.storage.objects import FsspecObjectStore

Convert = Callable[[Path, Path], None]


@pytest.fixture
def converter(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """A converter that turns weights to upper case, and the folders it was asked to read."""
    asked: list[Path] = []

    def convert(source_dir: Path, target_dir: Path) -> None:
        asked.append(source_dir)
        for path in source_dir.glob("*.bin"):
            (target_dir / "upper.bin").write_bytes(path.read_bytes().upper())

    monkeypatch.setitem(CONVERTERS, "ctranslate2_whisper", convert)
    return asked


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(FsspecObjectStore((tmp_path / "objects").as_uri()), tmp_path / "cache")


def _model(name: str, file: str, content: bytes, source: dict[str, str]) -> dict[str, object]:
    sha256 = hashlib.sha256(content).hexdigest()
    files = [{"name": file, "size_bytes": len(content), "sha256": sha256}]
    about = {"id": name, "task": "asr", "engine": "fake", "created": 1, "owned_by": "me", "licence": "MIT"}
    return about | {"files": files, "sources": [source]}


def _made_of(model: str) -> dict[str, str]:
    return {"kind": "converted", "model": model, "converter": "ctranslate2_whisper"}


def _entry(tmp_path: Path, made: bytes, *, origin: bytes = b"weights") -> ModelEntry:
    """The entry ``made``, of ``origin``, out of a catalog file."""
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "lower.bin").write_bytes(b"weights")
    models = [
        _model("made", "upper.bin", made, _made_of("origin")),
        _model("origin", "lower.bin", origin, {"kind": "path", "directory": "files"}),
    ]
    (tmp_path / "catalog.yaml").write_text(json.dumps({"models": models}))
    return load_catalog(tmp_path / "catalog.yaml").find("made")


def test_a_model_is_made_of_another_once_and_verified(tmp_path: Path, store: ModelStore, converter: list[Path]) -> None:
    # A replica gets its entry by itself, through pickle.
    entry = pickle.loads(pickle.dumps(_entry(tmp_path, b"WEIGHTS")))  # noqa: S301 - our own bytes
    told: list[FetchProgress] = []
    files = store.pull(entry, told.append)
    assert (files.directory / "upper.bin").read_bytes() == b"WEIGHTS"
    assert store.verify(entry).complete
    assert {item.item for item in told} >= {"origin: lower.bin", "upper.bin"}
    store.ensure_local(entry)
    assert converter == [tmp_path / "cache" / "origin"]
    assert not list((tmp_path / "cache" / ".partial").iterdir())


def test_what_comes_out_otherwise_than_pinned_is_refused(
    tmp_path: Path, store: ModelStore, converter: list[Path]
) -> None:
    with pytest.raises(SourceUnavailable, match=r"conversion of origin: upper\.bin has another SHA-256"):
        store.ensure_local(_entry(tmp_path, b"WEIGHTZ"))
    assert converter


def test_nothing_is_made_of_files_that_are_not_the_pinned_ones(
    tmp_path: Path, store: ModelStore, converter: list[Path]
) -> None:
    with pytest.raises(SourceUnavailable, match=r"lower.bin has another SHA-256"):
        store.ensure_local(_entry(tmp_path, b"WEIGHTS", origin=b"weightz"))
    assert not converter


def test_a_file_that_the_converter_does_not_make_is_named(
    tmp_path: Path, store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CONVERTERS, "ctranslate2_whisper", lambda source_dir, target_dir: None)
    with pytest.raises(SourceUnavailable, match=r"makes no file upper\.bin"):
        store.ensure_local(_entry(tmp_path, b"WEIGHTS"))


@pytest.mark.parametrize(
    ("model", "reason"), [("nobody", "'nobody', which is not in the catalog"), ("made", "'made', which is made of it")]
)
def test_a_model_made_of_nothing_or_of_itself_is_refused(tmp_path: Path, model: str, reason: str) -> None:
    models = [_model("made", "upper.bin", b"x", _made_of("other")), _model("other", "a.bin", b"x", _made_of(model))]
    (tmp_path / "catalog.yaml").write_text(json.dumps({"models": models}))
    with pytest.raises(ConfigurationError, match=reason):
        load_catalog(tmp_path / "catalog.yaml")


def test_every_converter_that_a_catalog_may_name_is_there() -> None:
    assert set(CONVERTERS) == set(get_args(ConverterName))
