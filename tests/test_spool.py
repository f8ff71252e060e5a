"""Bytes that may be too many to hold."""

import asyncio
import errno
import os
import tempfile
import threading
from pathlib import Path
from typing import BinaryIO

import pytest

from smartlite import spool as module
from smartlite.errors import Unavailable
from smartlite.spool import HEAD_BYTES, PIECE_BYTES, Spool

DATA = bytes(range(256)) * 16


async def filled(data: bytes = DATA, in_memory_bytes: int = 1000, step: int = 300) -> Spool:
    spool = Spool(in_memory_bytes)
    for begin in range(0, len(data), step):
        await spool.write(data[begin : begin + step])
    await spool.finish()
    return spool


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_a_few_bytes_are_held() -> None:
    spool = await filled(in_memory_bytes=len(DATA))
    assert spool.is_held
    assert await spool.read() == DATA


async def test_more_come_back_as_they_were_written() -> None:
    spool = await filled()
    assert not spool.is_held
    assert (await spool.read(), spool.size_bytes, spool.head) == (DATA, len(DATA), DATA[:HEAD_BYTES])
    spool.close()


@pytest.mark.parametrize("in_memory_bytes", [1000, PIECE_BYTES * 2])
async def test_pieces_make_the_whole(in_memory_bytes: int) -> None:
    data = os.urandom(PIECE_BYTES + 1)
    spool = await filled(data, in_memory_bytes, 4096)
    assert [len(await spool.piece(begin)) for begin in (0, PIECE_BYTES, PIECE_BYTES + 1)] == [PIECE_BYTES, 1, 0]
    assert await spool.piece(0) + await spool.piece(PIECE_BYTES) == data
    spool.close()


async def test_its_file_has_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    spool = await filled()
    assert names(tmp_path) == []
    spool.close()


async def test_a_descriptor_of_its_own_outlives_it() -> None:
    spool = await filled()
    descriptor = spool.duplicate()
    spool.close()
    assert os.pread(descriptor, len(DATA), 0) == DATA
    os.close(descriptor)


async def test_a_full_disk_is_a_503(monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "_open", full)
    with pytest.raises(Unavailable, match="full"):
        await filled()


async def test_a_file_that_is_written_is_closed_when_that_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, may_end = threading.Event(), threading.Event()
    append = module._append

    def slow(file: BinaryIO, pieces: list[bytes]) -> None:
        begun.set()
        assert may_end.wait(10)
        append(file, pieces)

    spool = Spool(10)
    await spool.write(bytes(20))
    file = spool._file
    assert file is not None
    monkeypatch.setattr(module, "_append", slow)
    writing = asyncio.create_task(spool.write(bytes(20)))
    await asyncio.to_thread(begun.wait, 10)
    writing.cancel()
    spool.close()
    assert not file.closed
    may_end.set()
    assert spool._working is not None
    await spool._working
    await asyncio.sleep(0)
    assert file.closed
