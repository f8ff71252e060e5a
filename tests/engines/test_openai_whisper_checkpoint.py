"""Checkpoints of openai-whisper: only the file that was named is read, and only as numbers."""

import hashlib
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smartlite.domain.models import ModelFiles
from smartlite.engines.openai_whisper import OpenAIWhisper
from smartlite.errors import ConfigurationError

pytestmark = [
    pytest.mark.models,
    # The library leaves what it downloaded to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed file .*openai-whisper:ResourceWarning"),
]

Find = Callable[[str], ModelFiles]


@pytest.fixture(scope="module")
def pt(model_files: Find, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """whisper-tiny.en as the library publishes its models."""
    from smartlite.engines.openai_whisper_checkpoint import read_checkpoint, write_pt

    path = tmp_path_factory.mktemp("checkpoints") / "tiny.en.pt"
    write_pt(read_checkpoint(model_files("whisper-tiny.en-torch"), "", ""), path)
    return path


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _started(files: ModelFiles, **options: Any) -> OpenAIWhisper:
    engine = OpenAIWhisper(files, OpenAIWhisper.Options(device="cpu", threads=1, **options))
    engine.start()
    return engine


def _nothing(directory: Path) -> ModelFiles:
    return ModelFiles("mine", directory)


class _Poison:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self._path),)


def test_a_file_at_a_path_is_read_by_us_and_by_the_library(pt: Path, tmp_path: Path) -> None:
    import torch
    import whisper

    engine = _started(_nothing(tmp_path), checkpoint=str(pt), checkpoint_sha256=_sha256(pt).upper())
    theirs = whisper.load_model(str(pt), device="cpu")
    theirs.set_alignment_heads(torch.load(pt, weights_only=True)["alignment_heads"])
    ours = engine._model
    assert ours.dims == theirs.dims
    assert all(torch.equal(value, theirs.state_dict()[name]) for name, value in ours.state_dict().items())
    heads = ours.alignment_heads.to_dense()
    assert torch.equal(heads, theirs.alignment_heads.to_dense())
    assert heads.nonzero().tolist() == [[1, 0], [2, 0], [2, 5], [3, 0], [3, 1], [3, 2], [3, 3], [3, 4]]
    engine.close()


def test_a_name_of_the_librarys_table_is_downloaded_beside_the_model(
    pt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import whisper

    published = tmp_path / _sha256(pt)
    published.mkdir()
    (published / "tiny.en.pt").write_bytes(pt.read_bytes())
    monkeypatch.setitem(whisper._MODELS, "tiny.en", (published / "tiny.en.pt").as_uri())
    _started(_nothing(tmp_path / "cache"), checkpoint="tiny.en").close()
    assert (tmp_path / "cache" / "openai-whisper" / "tiny.en.pt").is_file()
    with pytest.raises(ConfigurationError, match="SHA-256"):
        _started(_nothing(tmp_path / "cache"), checkpoint="tiny.en", checkpoint_sha256="0" * 64)


def test_a_download_with_another_sha256_is_refused(pt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import whisper

    published = tmp_path / ("0" * 64)
    published.mkdir()
    (published / "tiny.en.pt").write_bytes(b"not it")
    monkeypatch.setitem(whisper._MODELS, "tiny.en", (published / "tiny.en.pt").as_uri())
    with pytest.raises(ConfigurationError, match="cannot be downloaded"):
        _started(_nothing(tmp_path), checkpoint="tiny.en")


def test_a_server_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import whisper

    url = (tmp_path / ("0" * 64) / "tiny.en.pt").as_uri()
    monkeypatch.setitem(whisper._MODELS, "tiny.en", url)
    with pytest.raises(ConfigurationError, match=r"'tiny\.en' cannot be downloaded"):
        _started(_nothing(tmp_path), checkpoint="tiny.en")


def test_a_path_without_its_sha256_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "poison.pt"
    path.write_bytes(pickle.dumps(_Poison(tmp_path / "ran")))
    with pytest.raises(ConfigurationError, match="checkpoint_sha256"):
        _started(_nothing(tmp_path), checkpoint=str(path))
    with pytest.raises(ConfigurationError, match="it was not read"):
        _started(_nothing(tmp_path), checkpoint=str(path), checkpoint_sha256="0" * 64)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol 4")  # it stops there
@pytest.mark.parametrize("protocol", [2, 4])
def test_a_poisoned_pickle_with_the_right_sha256_does_not_run(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "poison.pt"
    path.write_bytes(pickle.dumps({"dims": _Poison(tmp_path / "ran")}, protocol=protocol))
    with pytest.raises(ConfigurationError, match="no Whisper checkpoint"):
        _started(_nothing(tmp_path), checkpoint=str(path), checkpoint_sha256=_sha256(path))
    assert not (tmp_path / "ran").exists()


def test_a_poisoned_archive_of_torch_does_not_run_either(tmp_path: Path) -> None:
    import torch

    path = tmp_path / "poison.pt"
    torch.save({"dims": {}, "model_state_dict": _Poison(tmp_path / "ran")}, path)
    with pytest.raises(ConfigurationError, match="no Whisper checkpoint"):
        _started(_nothing(tmp_path), checkpoint=str(path), checkpoint_sha256=_sha256(path))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"dims": {"n_mels": 10**9}},
        {"dims": {"n_text_layer": 10**6}},
        {"dims": {"n_text_head": 7}},
        {"dims": {"n_text_head": "6"}},
        {"dims": {"more": 1}},
        {"dims": []},
        {"model_state_dict": {}},
        {"model_state_dict": {"decoder.ln.weight": None}},
        {"alignment_heads": b"not base85 of gzip"},
    ],
    ids=str,
)
def test_a_checkpoint_that_is_no_whole_whisper_is_refused(pt: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    import torch

    content = torch.load(pt, weights_only=True)
    for key, value in change.items():
        merges = isinstance(value, dict) and value
        content[key] = {**content[key], **value} if merges else value
    path = tmp_path / "wrong.pt"
    torch.save(content, path)
    with pytest.raises(ConfigurationError):
        _started(_nothing(tmp_path), checkpoint=str(path), checkpoint_sha256=_sha256(path))


def test_a_checkpoint_that_is_no_file_is_told_with_the_names_there_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="large-v3"):
        _started(_nothing(tmp_path), checkpoint="largest")
    with pytest.raises(ConfigurationError):
        _started(_nothing(tmp_path), checkpoint=str(tmp_path), checkpoint_sha256="0" * 64)


def test_options_that_this_machine_cannot_meet_are_refused_at_start(model_files: Find) -> None:
    files = model_files("whisper-tiny.en-torch")
    with pytest.raises(ConfigurationError, match="float16"):
        _started(files, compute_type="float16")
    engine = OpenAIWhisper(files, OpenAIWhisper.Options(device="cuda", device_index=63))
    with pytest.raises(ConfigurationError, match="cuda"):
        engine.start()
    engine.close()
