"""The object store over any fsspec URL: a local folder, memory, S3 and others. Must not know what the objects are."""

import contextlib
import importlib
import os
import posixpath
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec

from smartlite.errors import ConfigurationError, ModelStoreError

_PART = ".part-"
_WHOLE_OR_NOTHING = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "oci", "memory"})
"""Stores whose own upload shows readers the whole new object or the old one; others get a rename."""


class FsspecObjectStore:
    """Objects in a folder of an fsspec file system.

    In a local folder ``upload`` and ``download`` make hard links where they can, so a model is on the disk once. That
    asks of callers never to write into a file they uploaded or downloaded, only to replace it.
    """

    def __init__(self, url: str) -> None:
        """Open a store; nothing is read or written yet.

        Args:
            url: Such as ``file:///var/lib/smartlite/objects`` or ``s3://bucket/prefix``.

        Raises:
            ConfigurationError: The kind of URL is unknown, or its package is not installed (it is named).
        """
        self._url = url
        protocol = url.partition("://")[0] if "://" in url else "file"
        try:
            self._fs, root = fsspec.core.url_to_fs(url)
        except ImportError as error:
            raise ConfigurationError(
                f"The object store {protocol}:// needs a package that is not installed: {error}.", "object_store_url"
            ) from error
        except ValueError as error:
            raise ConfigurationError(
                f"The object store {protocol}:// cannot be used: {error}", "object_store_url"
            ) from error
        self._root: str = root.rstrip("/")
        self._is_local = protocol in ("file", "local")
        self._errors: tuple[type[Exception], ...] = (OSError, *_store_errors(self._fs))
        self._renames = protocol not in _WHOLE_OR_NOTHING

    def size_bytes(self, key: str) -> int | None:
        """Size of an object, or None if there is none."""
        with self._translated("read", key):
            self._fs.invalidate_cache()
            try:
                return int(self._fs.size(self._path(key)))
            except FileNotFoundError:
                return None

    def upload(self, source: Path, key: str) -> None:
        """Store a local file; readers see the old object or the whole new one."""
        path = self._path(key)
        with self._translated("write", key):
            if self._is_local:
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                _link_or_copy(source, Path(path))
            elif self._renames:
                partial = f"{path}{_PART}{uuid.uuid4().hex}"
                self._fs.makedirs(posixpath.dirname(path), exist_ok=True)
                self._fs.put_file(str(source), partial)
                self._fs.mv(partial, path)
            else:
                self._fs.put_file(str(source), path)

    def download(self, key: str, target: Path) -> None:
        """Fetch an object into a local file, replaced whole.

        Raises:
            ModelStoreError: There is no such object, or a disk or the store refuses.
        """
        with self._translated("read", key):
            target.parent.mkdir(parents=True, exist_ok=True)
            if self._is_local:
                _link_or_copy(Path(self._path(key)), target)
                return
            partial = target.with_name(f"{target.name}{_PART}{uuid.uuid4().hex}")
            try:
                self._fs.get_file(self._path(key), str(partial))
                partial.replace(target)
            finally:
                partial.unlink(missing_ok=True)

    def delete(self, key: str) -> None:
        """Remove an object; no error if there is none."""
        with self._translated("delete", key), contextlib.suppress(FileNotFoundError):
            self._fs.rm_file(self._path(key))

    def list(self, prefix: str) -> list[str]:
        """Keys that begin with ``prefix``, sorted."""
        with self._translated("list", prefix):
            self._fs.invalidate_cache()
            try:
                found: list[str] = self._fs.find(self._path(posixpath.dirname(prefix)))
            except FileNotFoundError:
                return []
        keys = (path.removeprefix(self._root).lstrip("/") for path in found)
        return sorted(key for key in keys if key.startswith(prefix) and _PART not in posixpath.basename(key))

    def _path(self, key: str) -> str:
        if key.startswith("/") or ".." in key.split("/"):
            raise ModelStoreError(f"'{key}' is not a key of an object.")
        return f"{self._root}/{key}" if key else self._root

    @contextlib.contextmanager
    def _translated(self, verb: str, key: str) -> Iterator[None]:
        try:
            yield
        except self._errors as error:
            if verb == "read" and isinstance(error, FileNotFoundError):
                raise ModelStoreError(f"The object store {self._url} has no object '{key}'.") from error
            raise ModelStoreError(f"The object store {self._url} cannot {verb} '{key}': {error}.") from error


def _link_or_copy(source: Path, target: Path) -> None:
    partial = target.with_name(f"{target.name}{_PART}{uuid.uuid4().hex}")
    try:
        try:
            partial.hardlink_to(source)
        except FileNotFoundError:
            raise
        except OSError:  # another disk, a file system without links, a file of another user
            shutil.copyfile(source, partial)
            with partial.open("rb") as file:
                os.fsync(file.fileno())
        partial.replace(target)
    finally:
        # A rename onto another name of the same file does nothing, and leaves both (POSIX).
        partial.unlink(missing_ok=True)


def _store_errors(fs: Any) -> tuple[type[Exception], ...]:
    """What the file system's own library raises besides OSError."""
    if type(fs).__module__.startswith("s3fs"):
        # By name, since it comes with s3fs, which is optional.
        return (importlib.import_module("botocore.exceptions").BotoCoreError,)
    return ()
