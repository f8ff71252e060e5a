"""Records on this machine's disk until the database has them: written by one process, read by whoever holds the file.

Must not know what a record says. A record is in the kernel's hands once ``append`` returns, so that no ``kill -9`` of
any process loses it; it is on the disk within a second (``sync``), which bounds what a machine that loses its power
loses. A process holds the lock of the segment that it writes: everybody may read that, and one whose lock is free has
no writer any more, and belongs to whoever takes the lock.
"""

import fcntl
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from smartlite.domain.ids import new_id
from smartlite.errors import JournalUnavailable

SEGMENT_BYTES: Final = 8 * 1024 * 1024
"""About 10,000 requests; a segment that is longer is ended and the next is begun."""
MAX_RECORD_BYTES: Final = 1024 * 1024
_SUFFIX: Final = ".journal"
SET_ASIDE: Final = ".rejected"
"""Suffix of the file beside a segment, for records that nobody will ever take."""
_CRC_CHARACTERS: Final = 8


@dataclass(frozen=True, slots=True)
class Line:
    """A record as it stands in its segment."""

    end: int
    """Offset in bytes of what follows it."""
    record: bytes | None
    """None where it was damaged."""


class Segment:
    """One file of records.

    Args:
        path: The file.
        fd: Of the file, opened.
        is_ours: Whether this process holds its lock.
    """

    def __init__(self, path: Path, fd: int, *, is_ours: bool = True) -> None:
        self.path = path
        self.id = path.name.removesuffix(_SUFFIX)
        self._fd = fd
        self.is_ours = is_ours
        self.size_bytes = os.fstat(fd).st_size
        """What was written so far."""

    def lines(self, offset: int, limit: int) -> list[Line]:
        """Whole records from an offset on, at most ``limit``; what a killed process left half written is no record."""
        found: list[Line] = []
        for line in _lines(self._fd, offset):
            found.append(line)
            if len(found) == limit:
                break
        return found

    def append(self, data: bytes) -> None:
        """Write a record's line, whole or not at all.

        Raises:
            JournalUnavailable: 503, the disk is full or fails.
        """
        line = b"%08x %s\n" % (zlib.crc32(data), data)
        try:
            written = os.write(self._fd, line)
        except OSError as error:
            raise JournalUnavailable("Use cannot be recorded for now.") from error
        if written != len(line):
            os.ftruncate(self._fd, self.size_bytes)
            raise JournalUnavailable("Use cannot be recorded for now: the disk is full.")
        self.size_bytes += written

    def sync(self) -> None:
        """Wait until the disk has everything; blocks."""
        os.fdatasync(self._fd)

    def remove(self) -> None:
        """Delete the file and give its lock back."""
        self.path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Give the lock back; the file stays."""
        os.close(self._fd)


class Journal:
    """This process' own segments: the one that is written, and those before it until the disk has them."""

    def __init__(self, folder: Path, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._current: Segment | None = None
        self.ended: list[Segment] = []
        """Nothing is added to these; they are given to those who read once the disk has them."""

    @property
    def current(self) -> Segment | None:
        """What is written now."""
        return self._current

    def append(self, record: bytes) -> None:
        """Keep a record, without a line break in it.

        Raises:
            JournalUnavailable: 503, the disk is full or fails; nothing was kept.
        """
        if len(record) > MAX_RECORD_BYTES or b"\n" in record:
            msg = "a record is one line of bounded length"
            raise ValueError(msg)
        if self._current is None or self._current.size_bytes >= self._segment_bytes:
            fresh = _create(self._folder)
            if self._current is not None:
                self.ended.append(self._current)
            self._current = fresh
        self._current.append(record)

    def sync(self) -> None:
        """Wait until the disk has everything, and give the locks of what is ended back; blocks."""
        for segment in tuple(self.ended):
            segment.sync()
            self.ended.remove(segment)
            segment.close()
        if self._current is not None:
            self._current.sync()

    def close(self) -> None:
        """Give every lock back."""
        for segment in (*self.ended, *([self._current] if self._current else [])):
            segment.close()
        self.ended, self._current = [], None


def segments(folder: Path) -> Iterator[Segment]:
    """Every segment of this machine.

    One that has no writer any more is ours now, to be read to its end and removed; the others are to be closed.
    """
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        is_ours = locked(fd)
        if is_ours and os.fstat(fd).st_nlink == 0:  # read and removed by another process between the two calls
            os.close(fd)
            continue
        yield Segment(path, fd, is_ours=is_ours)


def locked(fd: int) -> bool:
    """Take the lock of a file, if nobody has it."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def sizes(folder: Path, suffix: str = _SUFFIX) -> dict[str, int]:
    """Bytes by segment of every process on this machine; or of the files beside them that have another suffix."""
    found: dict[str, int] = {}
    for path in folder.glob(f"*{suffix}"):
        try:
            found[path.name.removesuffix(suffix)] = path.stat().st_size
        except FileNotFoundError:
            continue
    return found


def first_after(folder: Path, segment_id: str, offset: int) -> bytes | None:
    """The first whole record of a segment after an offset, whoever writes it; None where there is none."""
    try:
        with (folder / f"{segment_id}{_SUFFIX}").open("rb") as file:
            return next((line.record for line in _lines(file.fileno(), offset)), None)
    except FileNotFoundError:
        return None


def _create(folder: Path) -> Segment:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / f"{new_id('seg')}{_SUFFIX}"
        hidden = path.with_suffix(".new")
        fd = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        # Locked before it has the name that others look for: nobody may take it for one whose writer is gone.
        fcntl.flock(fd, fcntl.LOCK_EX)
        hidden.rename(path)
    except OSError as error:
        raise JournalUnavailable("Use cannot be recorded for now.") from error
    return Segment(path, fd)


def _lines(fd: int, offset: int) -> Iterator[Line]:
    rest = b""
    at = offset
    while block := os.pread(fd, 256 * 1024, at + len(rest)):
        *whole, rest = (rest + block).split(b"\n")
        for line in whole:
            at += len(line) + 1
            yield Line(at, _checked(line))


def _checked(line: bytes) -> bytes | None:
    crc, record = line[:_CRC_CHARACTERS], line[_CRC_CHARACTERS + 1 :]
    try:
        return record if int(crc, 16) == zlib.crc32(record) else None
    except ValueError:
        return None
