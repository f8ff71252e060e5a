"""Whisper's weights as the package openai-whisper has them: found, verified, read, written.

Must not know requests. Nothing is unpickled but by ``torch.load(weights_only=True)``, and nothing is read before its
SHA-256 was compared: by the model store for files of the catalog, here for others. Imports the library: only
``OpenAIWhisper.start`` imports this module.
"""

import base64
import gzip
import hashlib
import io
import json
import pickle
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import whisper
from filelock import FileLock, Timeout
from safetensors import SafetensorError
from safetensors.torch import load_file
from whisper.model import ModelDimensions, Whisper

from smartlite.domain.models import ModelFiles
from smartlite.errors import ConfigurationError

_DOWNLOAD_SILENCE_S: Final = 60.0
_LOCK_TIMEOUT_S: Final = 3600.0
_HEADS_LIMIT_BYTES: Final = 1 << 20
_BLOCK: Final = re.compile(r"(encoder|decoder)\.blocks\.(\d+)\.")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model's numbers."""

    dims: dict[str, int]
    """Fields of the library's ModelDimensions."""
    weights: dict[str, Any]
    """Tensors by the library's names."""
    alignment_heads: bytes | None
    """Of the decoder, those that follow the speech: in the library's own form. None: not known."""


def read_checkpoint(files: ModelFiles, name: str, sha256: str) -> Checkpoint:
    """Read the weights that are served.

    Args:
        files: The catalog's, verified by the model store; used where ``name`` is empty.
        name: One of ``whisper.available_models()``, which is downloaded beside ``files``, or a path.
        sha256: What the file at the path must have.

    Raises:
        ConfigurationError: There is no such file, it is another one than was named, or it is no Whisper model.
    """
    if not name:
        return _read(_in_catalog(files), None)
    if name in whisper.available_models():
        path, published = _download(name, files.directory)
        checkpoint = _read(path, sha256 or published)
        return Checkpoint(checkpoint.dims, checkpoint.weights, whisper._ALIGNMENT_HEADS[name])
    path = Path(name).expanduser()
    if not path.is_file():
        known = ", ".join(whisper.available_models())
        raise ConfigurationError(f"The checkpoint '{name}' is no file and no name of: {known}.", "checkpoint")
    if not sha256:
        raise ConfigurationError(
            f"The checkpoint {path} needs 'checkpoint_sha256': what is in it is not read before it was compared.",
            "checkpoint_sha256",
        )
    return _read(path, sha256)


def build_model(checkpoint: Checkpoint) -> Whisper:
    """Make the network of a checkpoint, in float32 on the CPU.

    Raises:
        ConfigurationError: The weights are not those of one whole Whisper.
    """
    try:
        dims = _checked(checkpoint.dims, checkpoint.weights)
        model = Whisper(ModelDimensions(**dims))
        model.load_state_dict(checkpoint.weights)
        if checkpoint.alignment_heads is not None:
            model.set_alignment_heads(checkpoint.alignment_heads)
    except (RuntimeError, KeyError, ValueError, TypeError, AttributeError, OSError, EOFError) as error:
        raise ConfigurationError(f"The checkpoint holds no whole Whisper model: {error}", "checkpoint") from error
    return model.eval()


def write_pt(checkpoint: Checkpoint, path: Path) -> None:
    """Write a file that ``whisper.load_model`` reads; the alignment heads are an additional key, which it ignores.

    Raises:
        ConfigurationError: The disk refuses.
    """
    content: dict[str, Any] = {"dims": checkpoint.dims, "model_state_dict": checkpoint.weights}
    if checkpoint.alignment_heads is not None:
        content["alignment_heads"] = checkpoint.alignment_heads
    partial = path.with_name(f"{path.name}.part")
    try:
        torch.save(content, partial)
        partial.replace(path)
    except (OSError, RuntimeError) as error:  # torch raises the second where there is no folder
        partial.unlink(missing_ok=True)
        raise ConfigurationError(f"{path} cannot be written: {error}", "output") from error


def _in_catalog(files: ModelFiles) -> Path:
    for suffix in (".safetensors", ".pt"):
        for name in files.files:
            if name.endswith(suffix):
                if not (files.directory / name).is_file():
                    raise ConfigurationError(f"The model '{files.id}' has no file {name} in {files.directory}.")
                return files.directory / name
    raise ConfigurationError(f"The model '{files.id}' has neither a .safetensors nor a .pt file.", "engine")


def _download(name: str, directory: Path) -> tuple[Path, str]:
    """Have the library fetch one of its own models.

    Returns:
        The file, and the SHA-256 that the library's table has: its own check only warns where the file was there.
    """
    url = whisper._MODELS[name]
    folder = directory / "openai-whisper"
    silence_s = socket.getdefaulttimeout()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # The library writes into the file under its name, and waits for the server for ever.
        with FileLock(folder / ".lock", timeout=_LOCK_TIMEOUT_S):
            socket.setdefaulttimeout(_DOWNLOAD_SILENCE_S)
            return Path(str(whisper._download(url, str(folder), in_memory=False))), url.split("/")[-2]
    except (OSError, RuntimeError, Timeout, TypeError) as error:
        raise ConfigurationError(f"The checkpoint '{name}' cannot be downloaded: {error}.", "checkpoint") from error
    finally:
        socket.setdefaulttimeout(silence_s)


def _read(path: Path, sha256: str | None) -> Checkpoint:
    with _opened(path) as file:
        if sha256 is not None and (found := hashlib.file_digest(file, "sha256").hexdigest()) != sha256.lower():
            raise ConfigurationError(
                f"The checkpoint {path} has the SHA-256 {found}, not {sha256}: it was not read.", "checkpoint_sha256"
            )
        try:
            return _read_safetensors(path) if path.suffix == ".safetensors" else _read_pt(file)
        except (
            pickle.UnpicklingError,
            SafetensorError,
            RuntimeError,
            ValueError,
            KeyError,
            TypeError,
            EOFError,
        ) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise ConfigurationError(f"{path} is no Whisper checkpoint that can be read: {reason}", "engine") from error


@contextmanager
def _opened(path: Path) -> Iterator[io.BufferedReader]:
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise ConfigurationError(f"The checkpoint {path} cannot be read: {error.strerror}.", "checkpoint") from error


def _read_pt(file: io.BufferedReader) -> Checkpoint:
    file.seek(0)  # the file that was hashed, whatever stands under its name by now
    content = torch.load(file, map_location="cpu", weights_only=True)
    heads = content.get("alignment_heads") if isinstance(content, Mapping) else None
    if not isinstance(content, Mapping) or not isinstance(content["dims"], Mapping):
        msg = "it holds no dimensions"
        raise ValueError(msg)
    return Checkpoint(dict(content["dims"]), dict(content["model_state_dict"]), _bounded(heads))


def _read_safetensors(path: Path) -> Checkpoint:
    config = json.loads((path.parent / "config.json").read_bytes())
    dims = {name: int(value) for name, value in config["dims"].items()}
    mask = np.zeros((dims["n_text_layer"], dims["n_text_head"]), dtype=bool)
    for layer, head in config["alignment_heads"]:
        mask[layer, head] = True
    heads = base64.b85encode(gzip.compress(mask.tobytes(), mtime=0)) if mask.any() else None
    return Checkpoint(dims, load_file(path), heads)


def _bounded(heads: object) -> bytes | None:
    """The library would decompress without a limit."""
    if not isinstance(heads, bytes):
        return None
    with gzip.open(io.BytesIO(base64.b85decode(heads))) as packed:
        if len(packed.read(_HEADS_LIMIT_BYTES)) == _HEADS_LIMIT_BYTES:
            msg = "its alignment heads are too many"
            raise ValueError(msg)
    return heads


def _checked(dims: dict[str, int], weights: Mapping[str, Any]) -> dict[str, int]:
    """The dimensions, if the weights have them: a file must not make the library take memory for what it only says."""
    layers = {"encoder": 0, "decoder": 0}
    for name in weights:
        if match := _BLOCK.match(name):
            layers[match[1]] = max(layers[match[1]], int(match[2]) + 1)
    state, mels, _ = weights["encoder.conv1.weight"].shape
    vocabulary, text_state = weights["decoder.token_embedding.weight"].shape
    real = {
        "n_mels": mels,
        "n_audio_ctx": len(weights["encoder.positional_embedding"]),
        "n_audio_state": state,
        "n_audio_layer": min(layers["encoder"], len(weights)),
        "n_vocab": vocabulary,
        "n_text_ctx": len(weights["decoder.positional_embedding"]),
        "n_text_state": text_state,
        "n_text_layer": min(layers["decoder"], len(weights)),
    }
    wrong = {name: dims.get(name) for name, value in real.items() if dims.get(name) != value}
    wrong |= {
        name: dims.get(name)
        for name, width in (("n_audio_head", state), ("n_text_head", text_state))
        if not isinstance(dims.get(name), int) or dims[name] < 1 or width % dims[name]
    }
    if wrong or set(dims) != {*real, "n_audio_head", "n_text_head"}:
        msg = f"its dimensions are not those of its weights: {wrong or sorted(dims)}"
        raise ValueError(msg)
    return dims
