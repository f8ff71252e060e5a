"""Whether a file on this disk is the one that the catalog names, and the stamp that remembers so.

Must not know where files come from or what to do with a wrong one.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Literal

from smartlite.models.catalog import FileEntry

FileState = Literal["verified", "unchecked", "missing", "damaged"]
"""``unchecked``: the right size, not hashed since it changed."""

_STAMP_LIMIT_BYTES = 4096


def hash_file(path: Path) -> str:
    """SHA-256 of a file, in hex. Blocks: measured at 0.45 to 1 GB/s from memory, 2026-11-23."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_right(path: Path, file: FileEntry) -> bool:
    """Read the whole file and compare its size and SHA-256."""
    try:
        return path.stat().st_size == file.size_bytes and hash_file(path) == file.sha256
    except FileNotFoundError:
        return False


def state_of(path: Path, file: FileEntry) -> FileState:
    """What can be said without reading the file: its size, and whether its stamp is of this very file."""
    try:
        size_bytes = path.stat().st_size
    except FileNotFoundError:
        return "missing"
    if size_bytes != file.size_bytes:
        return "damaged"
    return "verified" if is_stamped(path, file) else "unchecked"


def stamp_path(path: Path) -> Path:
    """Where the stamp of a file is."""
    return path.with_name(f"{path.name}.verified")


def is_stamped(path: Path, file: FileEntry) -> bool:
    """Whether the file was found right and neither its size nor its time of change is another since."""
    try:
        with stamp_path(path).open("rb") as stamp:
            said = json.loads(stamp.read(_STAMP_LIMIT_BYTES))
    except (FileNotFoundError, ValueError):
        return False
    return bool(said == _stamp_for(path, file))


def write_stamp(path: Path, file: FileEntry) -> None:
    """Remember that the file was read and is right."""
    stamp = stamp_path(path)
    partial = stamp.with_name(f"{stamp.name}.{os.getpid()}")
    partial.write_text(json.dumps(_stamp_for(path, file)))
    partial.replace(stamp)


def forget(path: Path) -> None:
    """Delete a file and its stamp, the stamp first."""
    stamp_path(path).unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def _stamp_for(path: Path, file: FileEntry) -> dict[str, object]:
    status = path.stat()
    return {"size_bytes": status.st_size, "mtime_ns": status.st_mtime_ns, "sha256": file.sha256}
