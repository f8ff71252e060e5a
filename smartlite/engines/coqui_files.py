"""Which files a Coqui model is read from, and that nothing that could hold code is read before its SHA-256 matched.

Must not know torch or the library. A .pth, .pt or .npy is a pickle, or may hold one; a safetensors file and JSON hold
data only. The library follows paths in a configuration, also to other machines, so they are bound to the folder.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from smartlite.domain.models import ModelFiles
from smartlite.engines.coqui_options import CoquiOptions
from smartlite.errors import ConfigurationError

_MAX_CONFIG_BYTES: Final = 16 * 1024 * 1024
_PICKLES: Final = frozenset({".pth", ".pt", ".tar", ".bin", ".ckpt", ".pkl", ".npy", ".npz"})
_SPEAKERS_OF_XTTS: Final = "speakers_xtts.pth"


@dataclass(frozen=True, slots=True)
class CoquiFiles:
    """One model on this disk, checked."""

    weights: Path
    """A .safetensors of our converter, a checkpoint of the library, or a folder that the library knows how to read."""
    config: Mapping[str, Any]
    """The library's configuration; every path in it is a file of the same folder, or empty."""
    hashed: Mapping[Path, str]
    """Files whose SHA-256 was compared here, with it."""


def find_files(files: ModelFiles, options: CoquiOptions) -> CoquiFiles:
    """The catalog's files, or those of the option ``checkpoint``.

    Raises:
        ConfigurationError: There are none, or more than one model, or a file's SHA-256 is not known or not the same.
    """
    if options.checkpoint is not None and options.config is not None:
        expected = {options.checkpoint.name: options.checkpoint_sha256 or ""} | options.sha256
        hashed = check_hashes([options.checkpoint], expected)
        config = read_config(options.config, options.checkpoint.parent)
        beside = [*referenced(config), options.checkpoint.parent / _SPEAKERS_OF_XTTS]
        hashed |= check_hashes([path for path in beside if path.is_file() and is_pickle(path)], expected)
        return CoquiFiles(options.checkpoint, config, hashed)
    names = files.files or tuple(sorted(path.name for path in files.directory.glob("*")))
    weights = [name for name in names if name.endswith((".safetensors", ".pth")) and name != _SPEAKERS_OF_XTTS]
    if len(weights) != 1 or "config.json" not in names:
        raise ConfigurationError(
            f"The model '{files.id}' must have config.json and one .safetensors or .pth file; it has "
            f"{', '.join(names[:20]) or 'no files'}. Or set the option checkpoint or model_name."
        )
    config = read_config(files.directory / "config.json", files.directory)
    speakers = files.directory / _SPEAKERS_OF_XTTS
    for path in (files.directory / weights[0], *referenced(config), *([speakers] if speakers.exists() else [])):
        # The store has compared what the catalog names; a folder that only lies there has nobody's word.
        if not path.is_file() or (is_pickle(path) and path.name not in files.files):
            raise ConfigurationError(f"The model '{files.id}' lacks the file {path.name} in its catalog entry.")
    return CoquiFiles(files.directory / weights[0], config, {})


def read_config(path: Path, folder: Path) -> dict[str, Any]:
    """Read a configuration of the library.

    Args:
        path: JSON.
        folder: Where the files are that it names.

    Raises:
        ConfigurationError: It is not one.
    """
    try:
        if path.stat().st_size > _MAX_CONFIG_BYTES:
            raise ConfigurationError(f"{path.name} is larger than a model's configuration can be.", "config")
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path.name} cannot be read as JSON: {error}.", "config") from error
    if not isinstance(config, dict) or not isinstance(config.get("model"), str):
        raise ConfigurationError(f"{path.name} is not the configuration of a Coqui model: it names no model.", "config")
    for section in (config, config.get("model_args"), config.get("audio")):
        if isinstance(section, dict):
            _bind_paths(section, folder)
    characters = config.get("characters")
    if isinstance(characters, dict):
        class_name = characters.get("characters_class") or "TTS."
        if not isinstance(class_name, str) or not class_name.startswith("TTS."):
            raise ConfigurationError(f"{path.name}: characters_class must be a class of the library.", "config")
    return config


def referenced(config: Mapping[str, Any]) -> list[Path]:
    """Files that a configuration read by ``read_config`` names."""
    found: list[Path] = []
    for section in (config, config.get("model_args"), config.get("audio")):
        if isinstance(section, dict):
            for key in filter(_is_path, section):
                value = section[key]
                found += [Path(each) for each in (value if isinstance(value, list) else [value]) if each]
    return found


def is_pickle(path: Path) -> bool:
    """Whether the library would read the file with pickle."""
    return path.suffix.lower() in _PICKLES


def pickles_in(folders: Iterable[Path]) -> list[Path]:
    """Every file below some folders that could hold code."""
    return sorted({path for folder in folders for path in folder.rglob("*") if path.is_file() and is_pickle(path)})


def check_hashes(paths: Iterable[Path], expected: Mapping[str, str]) -> dict[Path, str]:
    """Compare every file with the SHA-256 that the operator gave for its name.

    Raises:
        ConfigurationError: One is missing, is not accepted yet, or is another file.
    """
    hashed: dict[Path, str] = {}
    for path in paths:
        try:
            with path.open("rb") as file:
                hashed[path] = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be read: {error.strerror}.", "checkpoint") from error
    unknown = {path.name: found for path, found in hashed.items() if path.name not in expected}
    if unknown:
        shown = ", ".join(f"{name}: {found}" for name, found in unknown.items())
        raise ConfigurationError(
            f"Files that may hold code are read only when their SHA-256 was accepted. Found {shown}. Compare with what "
            f"the publisher states, then write under options: sha256: {{{shown}}}",
            "sha256",
        )
    for path, found in hashed.items():
        if expected[path.name] != found:
            raise ConfigurationError(
                f"{path.name} has the SHA-256 {found}, not {expected[path.name]}; it was not read.", "sha256"
            )
    return hashed


def _bind_paths(section: dict[str, Any], folder: Path) -> None:
    for key in filter(_is_path, tuple(section)):
        value = section[key]
        if isinstance(value, list):
            section[key] = [path for each in value if (path := _bound(each, folder))]
        elif value:
            section[key] = _bound(value, folder)


def _is_path(key: object) -> bool:
    return isinstance(key, str) and key.endswith(("_file", "_path"))


def _bound(value: object, folder: Path) -> str:
    path = folder / Path(value).name if isinstance(value, str) else folder
    return str(path.resolve()) if path.is_file() else ""
