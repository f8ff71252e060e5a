"""CTranslate2's ``model.bin`` as arrays. Must not know which network they belong to.

Little-endian: ``u32 version, string spec, u32 revision, u32 n``, n times ``string name, u8 rank, u32 dims[rank],
u8 dtype, u32 nbytes, bytes``, then ``u32 n``, n times ``string alias, string name``. A string is a ``u16`` length that
counts the NUL, then the bytes (CTranslate2 4.8, ``python/ctranslate2/specs/model_spec.py``).
"""

import math
import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smartlite.errors import SourceUnavailable

_VERSION: Final = 6
_DTYPES: Final = {0: "<f4", 1: "<i1", 2: "<i2", 3: "<i4", 4: "<f2", 5: "bfloat16"}
_MAX_RANK: Final = 4
_MAX_TENSORS: Final = 20_000
"""Whisper large has 1,500."""


@contextmanager
def read_ctranslate2(path: Path, spec: str) -> Iterator[dict[str, NDArray[Any]]]:
    """Open a file's tensors by name, aliases left out. They lie in the file: nothing is in memory until it is used.

    Args:
        path: The ``model.bin``.
        spec: The kind of model that is expected, such as ``WhisperSpec``.

    Raises:
        SourceUnavailable: It is not such a file, or it is cut off.
    """
    with path.open("rb") as file:
        try:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError as error:  # an empty file
            raise SourceUnavailable(f"{path.name} is empty") from error
    # Not closed: arrays that refer to it may live longer than this block, and it goes with the last of them.
    yield _parse(_Reader(mapped, path.name), spec)


class _Reader:
    def __init__(self, data: mmap.mmap, name: str) -> None:
        self._data = data
        self._at = 0
        self.name = name

    def skip(self, count: int) -> int:
        """Go over so many bytes; where they begin."""
        begin = self._at
        if count > len(self._data) - begin:
            raise SourceUnavailable(f"{self.name} ends at byte {len(self._data)}, inside its tensors")
        self._at += count
        return begin

    def number(self, form: str) -> int:
        return int(struct.unpack_from(f"<{form}", self._data, self.skip(struct.calcsize(form)))[0])

    def string(self) -> str:
        size = self.number("H")
        begin = self.skip(size)
        return self._data[begin : begin + size].rstrip(b"\0").decode("utf-8", errors="replace")

    def array(self, dtype: str, shape: tuple[int, ...], nbytes: int) -> NDArray[Any]:
        stored = np.dtype("<u2" if dtype == "bfloat16" else dtype)
        count = math.prod(shape)
        if count * stored.itemsize != nbytes:
            raise SourceUnavailable(f"{self.name} has a tensor of shape {shape} in {nbytes} bytes")
        flat = np.frombuffer(self._data, stored, count, self.skip(nbytes)) if count else np.empty(0, stored)
        if dtype == "bfloat16":
            flat = (flat.astype("<u4") << 16).view("<f4")
        return flat.reshape(shape)


def _parse(reader: _Reader, spec: str) -> dict[str, NDArray[Any]]:
    version = reader.number("I")
    if version != _VERSION:
        raise SourceUnavailable(f"{reader.name} is not CTranslate2's format {_VERSION}: it begins with {version}")
    if (said := reader.string()) != spec:
        raise SourceUnavailable(f"{reader.name} holds a '{said[:64]}', not a '{spec}'")
    reader.number("I")  # the revision of the kind
    count = reader.number("I")
    if count > _MAX_TENSORS:
        raise SourceUnavailable(f"{reader.name} says it has {count} tensors; {_MAX_TENSORS} are the limit")
    tensors: dict[str, NDArray[Any]] = {}
    for _ in range(count):
        name = reader.string()
        rank = reader.number("B")
        if rank > _MAX_RANK or name in tensors:
            raise SourceUnavailable(f"{reader.name} has a tensor '{name[:64]}' twice or of rank {rank}")
        shape = tuple(reader.number("I") for _ in range(rank))
        dtype = _DTYPES.get(number := reader.number("B"))
        if dtype is None:
            raise SourceUnavailable(f"{reader.name} has a tensor '{name[:64]}' of the unknown type {number}")
        tensors[name] = reader.array(dtype, shape, reader.number("I"))
    return tensors
