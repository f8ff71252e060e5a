"""Model files on this node and in the object store: there, whole and the ones that the catalog names.

Must not know engines, nor which sources and which object store there are. Methods block: call them from a thread where
an event loop runs. Any number of processes may call them at once, on one node or on many.
"""

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from smartlite.domain.models import ModelFiles
from smartlite.domain.objects import ObjectStore
from smartlite.errors import SourceUnavailable
from smartlite.models.cache import ModelCache
from smartlite.models.catalog import ConvertedEntry, FileEntry, ModelEntry, OpenableEntry
from smartlite.models.converted_source import ConvertedSource
from smartlite.models.progress import FetchProgress, Progress, Report, silent
from smartlite.models.sources import Source, open_source
from smartlite.models.verification import FileState, forget, is_right, is_stamped, state_of, write_stamp

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FileStatus:
    """Where one file of a model stands."""

    name: str
    size_bytes: int
    cached: FileState
    """On this node."""
    stored: FileState
    """In the object store."""


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """Where a model stands."""

    id: str
    files: tuple[FileStatus, ...]

    @property
    def damaged(self) -> tuple[str, ...]:
        """Files that are there and wrong."""
        return tuple(file.name for file in self.files if "damaged" in (file.cached, file.stored))

    @property
    def complete(self) -> bool:
        """Every file is on this node and in the object store, none is known to be wrong."""
        return not any({file.cached, file.stored} & {"missing", "damaged"} for file in self.files)


class ModelStore:
    """Brings models from their sources into the object store (``models/<id>/<file>``) and onto this node."""

    def __init__(
        self,
        objects: ObjectStore,
        cache_dir: Path,
        open_source: Callable[[OpenableEntry], Source] = open_source,
    ) -> None:
        """Take the places; nothing is read or written yet.

        Args:
            objects: Shared by all nodes.
            cache_dir: On this node; a model is in ``<cache_dir>/<id>/<file>``.
            open_source: Makes a source out of what the catalog says about it.
        """
        self._objects = objects
        self._cache = ModelCache(cache_dir)
        self._open_source = open_source

    def ensure_local(self, entry: ModelEntry, progress: Progress = silent) -> ModelFiles:
        """Have the model on this node's disk: what a replica calls before it loads.

        Looks in the cache, then in the object store, then at the sources. A file is hashed when it arrives and when it
        changed since; else its stamp is trusted, so a second start reads nothing.

        Raises:
            SourceUnavailable: No source delivered what is missing; the reasons are told.
            ModelStoreError: A disk or the object store refuses.
        """
        if not self._are_stamped(entry):
            with self._cache.locked(entry, lambda: _tell_wait(entry, progress)):
                self._fill(entry, progress, read_all=False)
        return entry.files_in(self._cache.folder(entry))

    def pull(self, entry: ModelEntry, progress: Progress = silent) -> ModelFiles:
        """Have the model in the object store and on this node, every byte of both read and compared.

        Raises:
            SourceUnavailable: No source delivered what is missing; the reasons are told.
            ModelStoreError: A disk or the object store refuses.
        """
        with self._cache.locked(entry, lambda: _tell_wait(entry, progress)):
            self._fill(entry, progress, read_all=True)
        return entry.files_in(self._cache.folder(entry))

    def status(self, entry: ModelEntry) -> ModelStatus:
        """Look at sizes and stamps; reads no file."""
        with self._cache.translated(entry):
            return ModelStatus(
                entry.id,
                tuple(
                    FileStatus(
                        file.name,
                        file.size_bytes,
                        state_of(self._cache.path(entry, file), file),
                        self._stored(entry, file),
                    )
                    for file in entry.files
                ),
            )

    def verify(self, entry: ModelEntry) -> ModelStatus:
        """Read and compare every byte in the cache and in the object store; mends nothing."""
        with self._cache.locked(entry, lambda: None):
            return ModelStatus(entry.id, tuple(self._verify_file(entry, file) for file in entry.files))

    def _verify_file(self, entry: ModelEntry, file: FileEntry) -> FileStatus:
        path = self._cache.path(entry, file)
        cached: FileState = "missing"
        if path.exists():
            cached = "verified" if is_right(path, file) else "damaged"
        stored = self._stored(entry, file)
        if stored == "unchecked":
            stored = "verified" if self._is_object_right(entry, file, cached == "verified") else "damaged"
        return FileStatus(file.name, file.size_bytes, cached, stored)

    def _fill(self, entry: ModelEntry, progress: Progress, *, read_all: bool) -> None:
        def report(item: str, done_bytes: int, total_bytes: int | None) -> None:
            progress(FetchProgress(entry.id, item, done_bytes, total_bytes))

        wanted = []
        for file in entry.files:
            path = self._cache.path(entry, file)
            if not read_all and is_stamped(path, file):
                continue
            if is_right(path, file):
                write_stamp(path, file)
                if read_all:
                    self._mend_object(entry, file)
                continue
            if path.exists():
                logger.warning("%s of %s is damaged in the cache and was deleted", file.name, entry.id)
            forget(path)
            if not self._take_from_objects(entry, file, report):
                wanted.append(file)
        if wanted:
            self._fetch(entry, wanted, report)
        shutil.rmtree(self._cache.partial(entry), ignore_errors=True)

    def _take_from_objects(self, entry: ModelEntry, file: FileEntry, report: Report) -> bool:
        size_bytes = self._objects.size_bytes(self._key(entry, file))
        if size_bytes is None:
            return False
        arrived = self._cache.partial(entry) / file.name
        if size_bytes == file.size_bytes:
            report(file.name, 0, file.size_bytes)
            self._objects.download(self._key(entry, file), arrived)
            if is_right(arrived, file):
                self._cache.keep(entry, file, arrived)
                report(file.name, file.size_bytes, file.size_bytes)
                return True
            arrived.unlink()
        logger.warning("%s of %s is damaged in the object store and was deleted", file.name, entry.id)
        self._objects.delete(self._key(entry, file))
        return False

    def _mend_object(self, entry: ModelEntry, file: FileEntry) -> None:
        """Make the object equal to the cached file, which was just found right."""
        stored = self._stored(entry, file)
        if stored == "unchecked" and self._is_object_right(entry, file, cached_is_right=True):
            return
        if stored != "missing":
            logger.warning("%s of %s is damaged in the object store and was replaced", file.name, entry.id)
        self._objects.upload(self._cache.path(entry, file), self._key(entry, file))

    def _fetch(self, entry: ModelEntry, wanted: list[FileEntry], report: Report) -> None:
        self._cache.check_space(wanted)
        reasons: list[str] = []
        for index, said in enumerate(entry.sources):
            source: Source
            if isinstance(said, ConvertedEntry):
                # Inside this model's lock, so locks are taken from the made to what it is made of, never back.
                source = ConvertedSource(said, self.ensure_local)
            else:
                source = self._open_source(said)
            target_dir = self._cache.partial(entry) / f"{index}-{said.kind}"
            target_dir.mkdir(exist_ok=True)
            try:
                source.fetch(entry, [file.name for file in wanted], target_dir, report)
            except SourceUnavailable as error:
                logger.warning("%s: %s: %s", entry.id, source.name, error)
                reasons.append(f"{source.name}: {error}")
            wrong = False
            for file in tuple(wanted):
                arrived = target_dir / file.name
                if is_right(arrived, file):
                    self._objects.upload(arrived, self._key(entry, file))
                    self._cache.keep(entry, file, arrived)
                    wanted.remove(file)
                elif arrived.exists():
                    reasons.append(f"{source.name}: {file.name} has another SHA-256 than the catalog's {file.sha256}")
                    wrong = True
            if wrong:
                # What it was made of is wrong too, and must not be taken up again by the next call.
                shutil.rmtree(target_dir)
            if not wanted:
                return
        raise SourceUnavailable(
            f"The model '{entry.id}' cannot be fetched: no source has {', '.join(file.name for file in wanted)}. "
            + "; ".join(reasons or ["the catalog names no source"])
            + ". Check the network, pip's index settings and HF_HUB_OFFLINE, or name a catalog with a path source in "
            "SMARTLITE_CATALOG; what has arrived is kept."
        )

    def _is_object_right(self, entry: ModelEntry, file: FileEntry, cached_is_right: bool) -> bool:
        probe = self._cache.partial(entry) / f"{file.name}.probe"
        try:
            self._objects.download(self._key(entry, file), probe)
            if cached_is_right and probe.samefile(self._cache.path(entry, file)):
                return True
            return is_right(probe, file)
        finally:
            probe.unlink(missing_ok=True)

    def _stored(self, entry: ModelEntry, file: FileEntry) -> FileState:
        size_bytes = self._objects.size_bytes(self._key(entry, file))
        if size_bytes is None:
            return "missing"
        return "unchecked" if size_bytes == file.size_bytes else "damaged"

    def _are_stamped(self, entry: ModelEntry) -> bool:
        with self._cache.translated(entry):
            return all(is_stamped(self._cache.path(entry, file), file) for file in entry.files)

    def _key(self, entry: ModelEntry, file: FileEntry) -> str:
        return f"models/{entry.id}/{file.name}"


def _tell_wait(entry: ModelEntry, progress: Progress) -> None:
    logger.info("%s: another process of this node works on it", entry.id)
    progress(FetchProgress(entry.id, "waiting for another process", 0, None))
