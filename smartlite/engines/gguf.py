"""The header of a GGUF model file: its chat template, its trained context, the tokens that structure a conversation.

Must not know who runs the model. Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from smartlite.domain.models import ModelFiles
from smartlite.errors import ConfigurationError

_MAGIC: Final = b"GGUF"
_VERSIONS: Final = (2, 3)
_MAX_KEYS: Final = 65_536
_STRING: Final = 8
_ARRAY: Final = 9
_SCALARS: Final = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_SPELLS_EVERYTHING: Final = ("gpt2", "llama")
"""Tokenizers that write what they do not know byte by byte."""
_UNKNOWN_TOKEN: Final = 2
_CONTROL_TOKEN: Final = 3
_USER_DEFINED_TOKEN: Final = 4


@dataclass(frozen=True, slots=True)
class GGUFHeader:
    """What an engine wants to know of a model before it loads the weights."""

    architecture: str
    trained_context_tokens: int
    """Tokens of the longest text the model was trained on; 0 where the file does not say."""
    chat_template: str
    """Jinja; empty where the file has none."""
    special_tokens: tuple[str, ...]
    """Texts that the tokenizer reads as one control token wherever they stand, such as ``<|im_start|>``."""
    vocabulary_size: int
    """How many tokens there are; 0 where the file does not say."""
    longest_token_bytes: int
    """No token stands for more bytes of UTF-8; 0 where the file does not say, or one may stand for a word unknown."""


def read_gguf_header(path: Path) -> GGUFHeader:
    """Read the metadata; the tensors that follow are not touched.

    Raises:
        ConfigurationError: The file is missing, no GGUF, cut off inside its header, or of an unknown version.
    """
    try:
        with path.open("rb") as file:
            metadata = _Reader(file, path).metadata()
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read ({error.strerror}).") from error
    architecture = _text(metadata.get("general.architecture"))
    template = _text(metadata.get("tokenizer.chat_template"))
    trained = metadata.get(f"{architecture}.context_length", 0)
    tokens = metadata.get("tokenizer.ggml.tokens")
    tokens = tokens if isinstance(tokens, list) else []
    spells_everything = _text(metadata.get("tokenizer.ggml.model")) in _SPELLS_EVERYTHING
    return GGUFHeader(
        architecture=architecture,
        trained_context_tokens=trained if isinstance(trained, int) else 0,
        chat_template=template,
        special_tokens=_special_tokens(metadata, template),
        vocabulary_size=len(tokens),
        # As it is written, a token is at least as long as what it stands for.
        longest_token_bytes=max(map(len, tokens), default=0) if spells_everything else 0,
    )


class _Reader:
    """Reads little-endian GGUF values and never more than the file holds."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file = file
        self._path = path
        self._size_bytes = path.stat().st_size

    def metadata(self) -> dict[str, Any]:
        if self._size_bytes < len(_MAGIC) or self._file.read(len(_MAGIC)) != _MAGIC:
            raise ConfigurationError(f"{self._path}: is not a GGUF file.")
        (version,) = self._unpack("I", 1)
        if version not in _VERSIONS:
            raise ConfigurationError(f"{self._path}: GGUF version {version} is not supported, only {_VERSIONS}.")
        _, keys = self._unpack("Q", 2)
        if keys > _MAX_KEYS:
            raise self._damaged()
        metadata = {}
        for _ in range(keys):
            key = _text(self._string())
            (kind,) = self._unpack("I", 1)
            metadata[key] = self._value(kind)
        return metadata

    def _value(self, kind: int) -> Any:
        if kind == _STRING:
            return self._string()
        if kind == _ARRAY:
            (item_kind,) = self._unpack("I", 1)
            (length,) = self._unpack("Q", 1)
            if item_kind in _SCALARS:
                return self._unpack(_SCALARS[item_kind], length)
            # Every string takes 8 bytes or more, so a longer array cannot be in the file. Nested arrays are not in use.
            if item_kind != _STRING or length * 8 > self._size_bytes:
                raise self._damaged()
            return [self._string() for _ in range(length)]
        if kind in _SCALARS:
            return self._unpack(_SCALARS[kind], 1)[0]
        raise self._damaged()

    def _string(self) -> bytes:
        (length,) = self._unpack("Q", 1)
        return self._read(length)

    def _unpack(self, code: str, count: int) -> tuple[Any, ...]:
        data = self._read(count * struct.calcsize("<" + code))
        return struct.unpack(f"<{count}{code}", data)

    def _read(self, size_bytes: int) -> bytes:
        if size_bytes > self._size_bytes:
            raise self._damaged()
        data = self._file.read(size_bytes)
        if len(data) != size_bytes:
            raise self._damaged()
        return data

    def _damaged(self) -> ConfigurationError:
        return ConfigurationError(f"{self._path}: the GGUF header is damaged or cut off; fetch the file again.")


def _special_tokens(metadata: dict[str, Any], template: str) -> tuple[str, ...]:
    """Control and unknown tokens, and those user-defined ones that the chat template writes itself.

    Other user-defined tokens (runs of spaces, HTML tags) are ordinary text that happens to have one number.
    """
    texts = metadata.get("tokenizer.ggml.tokens", ())
    kinds = metadata.get("tokenizer.ggml.token_type", ())
    if not isinstance(texts, list) or not isinstance(kinds, tuple):
        return ()
    found = []
    for raw, kind in zip(texts, kinds, strict=False):
        if kind not in (_UNKNOWN_TOKEN, _CONTROL_TOKEN, _USER_DEFINED_TOKEN):
            continue
        text = _text(raw)
        if text.strip() and (kind != _USER_DEFINED_TOKEN or text in template):
            found.append(text)
    return tuple(found)


def find_gguf(files: ModelFiles) -> Path:
    """The first GGUF of a model: of its files, else of its folder.

    Raises:
        ConfigurationError: There is none.
    """
    names = (*files.files, *sorted(path.name for path in files.directory.glob("*.gguf")))
    for name in names:
        if name.endswith(".gguf"):
            return files.directory / name
    raise ConfigurationError(f"The model '{files.id}' has no .gguf file in {files.directory}.")


def _text(value: Any) -> str:
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else ""
