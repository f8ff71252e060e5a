"""What is read, and what is not read before its SHA-256 was accepted."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smartlite.domain.models import ModelFiles
from smartlite.engines.coqui import Coqui
from smartlite.engines.coqui_files import check_hashes, find_files, is_pickle, pickles_in, read_config, referenced
from smartlite.engines.coqui_options import CoquiOptions
from smartlite.engines.registry import parse_options
from smartlite.errors import ConfigurationError
from tests.engines.coqui.conftest import sha256


class Poison:
    """What runs a command when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self._marker = marker

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self._marker}",)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files that are no model, but lie where one would."""
    (tmp_path / "config.json").write_text(json.dumps({"model": "vits"}))
    (tmp_path / "model.pth").write_bytes(b"weights")
    return tmp_path


def checkpoint(folder: Path, **changes: object) -> CoquiOptions:
    options: dict[str, object] = {
        "checkpoint": folder / "model.pth",
        "config": folder / "config.json",
        "checkpoint_sha256": sha256(folder / "model.pth"),
    }
    return CoquiOptions.model_validate(options | changes)


def test_a_checkpoint_of_the_operator_is_taken_with_its_hash(folder: Path) -> None:
    found = find_files(ModelFiles("m", Path()), checkpoint(folder))

    assert (found.weights, found.config["model"]) == (folder / "model.pth", "vits")
    assert list(found.hashed) == [folder / "model.pth"]


def test_another_checkpoint_is_not_read(folder: Path) -> None:
    options = checkpoint(folder)
    (folder / "model.pth").write_bytes(b"other weights")

    with pytest.raises(ConfigurationError, match="it was not read"):
        find_files(ModelFiles("m", Path()), options)


def test_a_file_that_the_configuration_names_needs_its_hash_too(folder: Path) -> None:
    (folder / "speakers.pth").write_bytes(b"speakers")
    config = {"model": "vits", "model_args": {"speakers_file": "/home/trainer/speakers.pth"}}
    (folder / "config.json").write_text(json.dumps(config))

    with pytest.raises(ConfigurationError) as caught:
        find_files(ModelFiles("m", Path()), checkpoint(folder))
    assert f"speakers.pth: {sha256(folder / 'speakers.pth')}" in caught.value.message

    accepted = checkpoint(folder, sha256={"speakers.pth": sha256(folder / "speakers.pth")})
    found = find_files(ModelFiles("m", Path()), accepted)
    assert referenced(found.config) == [(folder / "speakers.pth").resolve()]


def test_paths_of_a_configuration_never_leave_the_folder(folder: Path) -> None:
    (folder / "ids.json").write_text("{}")
    config = {
        "model": "vits",
        "speakers_file": "https://example.invalid/speakers.pth",
        "language_ids_file": "../elsewhere/ids.json",
        "model_args": {"d_vector_file": ["s3://bucket/x.pth", "ids.json"], "speakers_file": 3},
        "audio": {"stats_path": "/etc/passwd"},
    }
    (folder / "config.json").write_text(json.dumps(config))

    bound = read_config(folder / "config.json", folder)

    assert bound["speakers_file"] == bound["audio"]["stats_path"] == bound["model_args"]["speakers_file"] == ""
    here = str((folder / "ids.json").resolve())
    assert (bound["language_ids_file"], bound["model_args"]["d_vector_file"]) == (here, [here])


@pytest.mark.parametrize("text", ["", "{broken", "[]", "{}", '{"model": 3}', "[" * 100_000])
def test_a_configuration_that_is_none_is_refused(folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text)

    with pytest.raises(ConfigurationError, match=r"config\.json"):
        read_config(folder / "config.json", folder)


def test_a_class_of_the_alphabet_outside_the_library_is_refused(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"model": "vits", "characters": {"characters_class": "os.path"}}))

    with pytest.raises(ConfigurationError, match="characters_class"):
        read_config(folder / "config.json", folder)


def test_a_folder_without_a_catalog_entry_gives_no_pickle(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"model\.pth"):
        find_files(ModelFiles("m", folder), CoquiOptions())
    assert find_files(ModelFiles("m", folder, ("config.json", "model.pth")), CoquiOptions()).weights.name == "model.pth"


def test_hashes_are_asked_for_by_name_and_told(folder: Path) -> None:
    (folder / "below").mkdir()
    (folder / "below" / "stats.npy").write_bytes(b"x")
    found = pickles_in([folder])

    assert [path.name for path in found] == ["stats.npy", "model.pth"]
    with pytest.raises(ConfigurationError, match=sha256(found[0])) as caught:
        check_hashes(found, {"model.pth": "0" * 64})
    assert caught.value.param == "sha256"


@pytest.mark.parametrize("name", ["model.PTH", "a.pt", "model_file.pth.tar", "stats.npy", "pytorch_model.bin"])
def test_what_may_hold_code_is_known_by_its_name(name: str) -> None:
    assert is_pickle(Path(name))
    assert not is_pickle(Path("model.safetensors"))


@pytest.mark.parametrize(
    "options",
    [
        {"checkpoint": "model.pth"},
        {"checkpoint": "model.pth", "config": "config.json"},
        {"config": "config.json"},
        {"checkpoint_sha256": "0" * 64},
        {"model_name": "tts_models/en/ljspeech"},
        {"model_name": "tts_models/../../etc"},
        {"model_name": "vocoder_models/a/b/c"},
        {"checkpoint": "m.pth", "config": "c", "checkpoint_sha256": "0" * 64, "model_name": "tts_models/en/a/b"},
        {"sha256": {"model.pth": "abc"}},
    ],
)
def test_options_that_do_not_say_which_files_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match="coqui"):
        parse_options("tts", "coqui", options)


@pytest.mark.integration
@pytest.mark.parametrize("wrap", [lambda poison: poison, lambda poison: {"model": {}, "config": poison}])
def test_a_poisoned_checkpoint_is_refused_and_runs_nothing(
    write_model: Callable[..., Path], tmp_path: Path, wrap: Callable[[Poison], Any]
) -> None:
    import torch

    folder = write_model(tmp_path / "model")
    torch.save(wrap(Poison(tmp_path / "ran")), folder / "model.pth")
    engine = Coqui(ModelFiles("m", folder), checkpoint(folder))

    with pytest.raises(ConfigurationError, match="more than weights"):
        engine.start()

    assert not (tmp_path / "ran").exists()
    engine.close()


@pytest.mark.integration
def test_the_librarys_own_wish_for_code_is_overruled(tmp_path: Path) -> None:
    from pickle import UnpicklingError

    import torch

    from smartlite.engines.coqui_torch import weights_only

    torch.save(Poison(tmp_path / "ran"), tmp_path / "bark.pt")

    with weights_only(), pytest.raises(UnpicklingError):
        torch.load(tmp_path / "bark.pt", weights_only=False)

    assert not (tmp_path / "ran").exists()
    assert "TORCH_FORCE_WEIGHTS_ONLY_LOAD" not in os.environ


@pytest.mark.integration
@pytest.mark.parametrize("cut", [0, 100, 10_000])
def test_a_checkpoint_that_is_cut_short_is_refused(write_model: Callable[..., Path], tmp_path: Path, cut: int) -> None:
    folder = write_model(tmp_path / "model")
    (folder / "model.pth").write_bytes((folder / "model.pth").read_bytes()[:cut])
    engine = Coqui(ModelFiles("m", folder), checkpoint(folder))

    with pytest.raises(ConfigurationError):
        engine.start()
    engine.close()


@pytest.mark.integration
def test_a_checkpoint_that_is_right_speaks(write_model: Callable[..., Path], tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model")
    engine = Coqui(ModelFiles("m", tmp_path), checkpoint(folder))

    engine.start()

    assert engine._started().model.sample_rate_hz == 8000
    engine.close()
