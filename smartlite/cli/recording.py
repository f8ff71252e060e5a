"""A recording on its way to the platform: from a file or standard input, with how far it is.

Must not know what is done with it; what kind of file it is, the platform finds out.
"""

import io
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

from smartlite.cli.display import Display

RecordingArgument = Annotated[
    Path, typer.Argument(help="Recording: wav, mp3, flac, ogg, opus, m4a, mp4, webm; - reads it from standard input.")
]

_MAX_PIPED_BYTES: Final = 1024**3
"""Most that is read from a pipe; the platform's own limit on uploads is far lower."""

Form = tuple[str, io.BufferedReader]
"""A file's name and its bytes, as httpx sends them."""


@contextmanager
def open_recording(path: Path, display: Display, then: str) -> Iterator[Form]:
    """Open a recording to be sent.

    Args:
        path: A file, a pipe, or ``-``.
        display: Shows how much is sent.
        then: What is shown once all of it is sent.

    Raises:
        BadParameter: There is no such file, or it cannot be read.
    """
    with _open(path) as (source, size_bytes):

        def report(done_bytes: int) -> None:
            if done_bytes < size_bytes:
                display.measure("sending", done_bytes, size_bytes)
            else:
                display.work(then)

        yield ("recording" if str(path) == "-" else path.name), _Upload(source, report)


class _Upload(io.BufferedReader):
    """Tells how much of it was read."""

    def __init__(self, source: io.RawIOBase, report: Callable[[int], None]) -> None:
        super().__init__(source)
        self._report = report

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self._report(self.tell())
        return data


class _Memory(io.RawIOBase):
    """Bytes that were piped in, as a file that can be measured and read again."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._data.seek(offset, whence)

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # the stub's Buffer is private
        return self._data.readinto(buffer)


@contextmanager
def _open(path: Path) -> Iterator[tuple[io.RawIOBase, int]]:
    if str(path) == "-":
        if sys.stdin.isatty():
            raise typer.BadParameter("pipe a recording into standard input, or name a file")
        yield _piped(sys.stdin.buffer.read(_MAX_PIPED_BYTES))
        return
    try:
        file = io.FileIO(path)
    except OSError as error:
        raise typer.BadParameter(f"{path}: {error.strerror}") from error
    with file:
        about = os.fstat(file.fileno())
        if stat.S_ISREG(about.st_mode):
            yield file, about.st_size
        else:
            yield _piped(io.BufferedReader(file).read(_MAX_PIPED_BYTES))


def _piped(data: bytes) -> tuple[io.RawIOBase, int]:
    return _Memory(data), len(data)
