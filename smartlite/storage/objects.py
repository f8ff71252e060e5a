"""The object store over any fsspec URL: a local folder, memory, S3 and others. Must not know what the objects are."""

import contextlib
import importlib
import os
import posixpath
import shutil
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import fsspec

from smartlite.errors import AlreadyExists, ConfigurationError, ModelStoreError

_PART = ".part-"
_NOT_NEW = "PreconditionFailed"
"""What S3 says to an upload that was to make a new object (``If-None-Match: *``) where there is one."""
_WHOLE_OR_NOTHING = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "oci", "memory"})
"""Stores whose own upload shows readers the whole new object or the old one; others get a rename."""


class FsspecObjectStore:
    """Objects in a folder of an fsspec file system.

    In a local folder ``upload`` and ``download`` make hard links where they can, so a model is on the disk once. That
    asks of callers never to write into a file they uploaded or downloaded, only to replace it.
    """

    def __init__(self, url: str, options: Mapping[str, object] | None = None) -> None:
        """Open a store; nothing is read or written yet. ``open_objects`` opens the one of the settings.

        Args:
            url: Such as ``file:///var/lib/smartlite/objects`` or ``s3://bucket/prefix``.
            options: Of fsspec, for this kind of URL.

        Raises:
            ConfigurationError: The kind of URL is unknown, or its package is not installed (it is named).
        """
        self._url = url
        protocol = url.partition("://")[0] if "://" in url else "file"
        try:
            self._fs, root = fsspec.core.url_to_fs(url, **(options or {}))
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
        self._is_s3 = protocol in ("s3", "s3a")
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

    def write(self, key: str, data: bytes) -> None:
        """Store bytes as a new object, whole or not at all; another's is never replaced.

        Raises:
            AlreadyExists: There is an object of this key.
            ModelStoreError: A disk or the store refuses.
        """
        path = self._path(key)
        with self._translated("write", key):
            if self._is_local:
                _write_new(Path(path), data)
                return
            self._fs.invalidate_cache()
            if self._fs.exists(path):
                raise AlreadyExists(f"There is an object '{key}' already.", "key")
            if self._renames:
                partial = f"{path}{_PART}{uuid.uuid4().hex}"
                self._fs.makedirs(posixpath.dirname(path), exist_ok=True)
                self._fs.pipe_file(partial, data)
                self._fs.mv(partial, path)
            else:
                self._pipe_new(path, data)

    def read(self, key: str) -> bytes | None:
        """The bytes of an object, or None if there is none.

        Raises:
            ModelStoreError: A disk or the store refuses.
        """
        with self._translated("read", key):
            self._fs.invalidate_cache()
            try:
                return bytes(self._fs.cat_file(self._path(key)))
            except FileNotFoundError:
                return None

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

    def _pipe_new(self, path: str, data: bytes) -> None:
        # S3 alone refuses by itself; a store that does not know the condition has been asked for the object before.
        how = {"mode": "create"} if self._is_s3 else {}
        try:
            self._fs.pipe_file(path, data, **how)
        except OSError as error:
            response = getattr(error.__cause__, "response", None) or {}
            if response.get("Error", {}).get("Code") != _NOT_NEW:
                raise
            raise AlreadyExists("There is such an object already.", "key") from error

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


def _write_new(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}{_PART}{uuid.uuid4().hex}")
    try:
        with partial.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(partial)  # unlike a rename it replaces nothing
        except FileExistsError as error:
            raise AlreadyExists(f"There is an object '{path.name}' already.", "key") from error
    finally:
        partial.unlink(missing_ok=True)


def _store_errors(fs: Any) -> tuple[type[Exception], ...]:
    """What the file system's own library raises besides OSError."""
    if type(fs).__module__.startswith("s3fs"):
        # By name, since they come with s3fs; the second is a connection that ends in the middle of an object.
        aiohttp = importlib.import_module("aiohttp")
        return (importlib.import_module("botocore.exceptions").BotoCoreError, aiohttp.ClientError)
    return ()
