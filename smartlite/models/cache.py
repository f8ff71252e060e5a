"""The folder of this node where model files live: its layout, its lock, and what its disk may refuse.

Layout: ``<id>/<file>`` with a stamp beside it, ``.partial/<id>`` for what is on its way, ``.locks``. Must not know
sources or object stores.
"""

import errno
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from smartlite.errors import ModelStoreError
from smartlite.models.catalog import FileEntry, ModelEntry
from smartlite.models.verification import write_stamp

_LOCK_TIMEOUT_S: Final = 3600.0
"""As long as another process may take to download a large model."""


class ModelCache:
    """Model files on this node's disk."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def folder(self, entry: ModelEntry) -> Path:
        """Where a model's whole and right files are."""
        return self._directory / entry.id

    def path(self, entry: ModelEntry, file: FileEntry) -> Path:
        """Where a file is when it is whole and right."""
        return self.folder(entry) / file.name

    def partial(self, entry: ModelEntry) -> Path:
        """Where files arrive: on the same disk, so that they can be renamed into place."""
        return self._directory / ".partial" / entry.id

    def keep(self, entry: ModelEntry, file: FileEntry, arrived: Path) -> None:
        """Put a file that was found right into its place, and stamp it."""
        path = self.path(entry, file)
        # The stamp must not outlive a power cut that the bytes do not.
        with arrived.open("rb") as handle:
            os.fsync(handle.fileno())
        arrived.replace(path)
        arrived.unlink(missing_ok=True)  # replacing another name of the same file leaves both (POSIX rename)
        write_stamp(path, file)

    def check_space(self, files: Sequence[FileEntry]) -> None:
        """Raise the disk's own error before a download that cannot fit."""
        needed = sum(file.size_bytes for file in files)
        if (free := shutil.disk_usage(self._directory).free) < needed:
            raise OSError(errno.ENOSPC, f"{needed / 1e6:.0f} MB are needed, {free / 1e6:.0f} MB are free")

    @contextmanager
    def locked(self, entry: ModelEntry, on_wait: Callable[[], None]) -> Iterator[None]:
        """Be the only process of this node that changes the model; its folders exist inside.

        Args:
            entry: The model.
            on_wait: Called once if another process has the lock.

        Raises:
            ModelStoreError: The other process does not end, or the disk refuses.
        """
        with self.translated(entry):
            locks = self._directory / ".locks"
            locks.mkdir(parents=True, exist_ok=True)
            lock = FileLock(locks / f"{entry.id}.lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                on_wait()
                try:
                    lock.acquire(timeout=_LOCK_TIMEOUT_S)
                except Timeout as error:
                    raise ModelStoreError(
                        f"Another process has worked on '{entry.id}' for {_LOCK_TIMEOUT_S:.0f} s: end it and try again."
                    ) from error
            try:
                self.folder(entry).mkdir(parents=True, exist_ok=True)
                self.partial(entry).mkdir(parents=True, exist_ok=True)
                yield
            finally:
                with suppress(OSError):  # what has arrived for a later call stays
                    self.partial(entry).rmdir()
                lock.release()

    @contextmanager
    def translated(self, entry: ModelEntry) -> Iterator[None]:
        """Turn the disk's errors into ModelStoreError, with what to do."""
        try:
            yield
        except OSError as error:
            advice = "Set SMARTLITE_MODEL_CACHE_DIR to a folder with space that this user may write."
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                reason = "the disk is full"
            elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
                reason = "this user may not write there"
            else:
                reason, advice = "the disk refuses", "Check the folder and its disk."
            raise ModelStoreError(
                f"The model '{entry.id}' cannot be kept in {self._directory}: {reason} ({error}). {advice}"
            ) from error
