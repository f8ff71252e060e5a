"""Where model files come from: a small class for each kind of source. Must not know hashes, caches or object stores."""

import io
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from smartlite.errors import SourceUnavailable
from smartlite.models.catalog import HubEntry, ModelEntry, OpenableEntry, PathEntry, RegistryEntry
from smartlite.models.progress import Report
from smartlite.models.registry_source import RegistrySource


class Source(Protocol):
    """Delivers files of a model into a folder; the store checks them."""

    name: str
    """What messages call it."""

    def fetch(self, entry: ModelEntry, wanted: Sequence[str], target_dir: Path, progress: Report) -> None:
        """Put the wanted files into ``target_dir``, each under its catalog name and whole.

        What it leaves there besides is its own, is kept until the model is complete, and lets a later call go on where
        this one was cut off. Blocks.

        Args:
            entry: The model.
            wanted: Names of files of the entry.
            target_dir: Exists; the same one in the next call.
            progress: Called with an item, its bytes so far and its bytes in all.

        Raises:
            SourceUnavailable: With the reason, and what to do where that is known.
        """
        ...


class PathSource:
    """Copies from a folder of this machine."""

    def __init__(self, source: PathEntry) -> None:
        self._source = source
        self.name = f"path {source.directory}"

    def fetch(self, entry: ModelEntry, wanted: Sequence[str], target_dir: Path, progress: Report) -> None:
        """Copy the files. No links: the folder's owner may write into them."""
        sizes = {file.name: file.size_bytes for file in entry.files}
        for name in wanted:
            origin = self._source.directory / self._source.files.get(name, name)
            if not origin.is_file():
                raise SourceUnavailable(f"there is no file {origin}")
            if not os.access(origin, os.R_OK):
                raise SourceUnavailable(f"this user may not read {origin}")
            progress(name, 0, sizes[name])
            _copy(origin, target_dir / name)
            progress(name, sizes[name], sizes[name])


class HubSource:
    """Downloads from a model hub with ``huggingface_hub``, which obeys its own ``HF_HUB_OFFLINE`` and ``HF_TOKEN``."""

    def __init__(self, source: HubEntry) -> None:
        self._source = source
        self.name = f"hub {source.repo}"

    def fetch(self, entry: ModelEntry, wanted: Sequence[str], target_dir: Path, progress: Report) -> None:
        """Take what the hub's own cache has, download the rest; a file cut off is resumed."""
        try:
            import huggingface_hub  # noqa: PLC0415 - an extra brings it, and it takes 0.3 s
            from huggingface_hub.errors import EntryNotFoundError, XetDownloadError  # noqa: PLC0415
        except ImportError as error:
            raise SourceUnavailable("huggingface_hub is not installed: pip install 'smartlite[cpu]'") from error
        source = self._source
        for name in wanted:
            path = source.files.get(name, name)
            try:
                found = huggingface_hub.try_to_load_from_cache(source.repo, path, revision=source.revision)
                if not isinstance(found, str):
                    if huggingface_hub.is_offline_mode():
                        raise SourceUnavailable(f"{path} is not in the hub's cache, and HF_HUB_OFFLINE is set")
                    found = huggingface_hub.hf_hub_download(
                        source.repo,
                        path,
                        revision=source.revision,
                        local_dir=target_dir / ".hub",
                        tqdm_class=_bar_that_tells(name, progress),
                    )
            except (OSError, ValueError, EntryNotFoundError, XetDownloadError) as error:
                cause = f" ({_first_line(error.__cause__)})" if error.__cause__ else ""
                raise SourceUnavailable(f"{path}: {_first_line(error)}{cause}") from error
            _copy(Path(found), target_dir / name)


def open_source(source: OpenableEntry) -> Source:
    """Construct the source that a catalog entry names."""
    match source:
        case RegistryEntry():
            return RegistrySource(source)
        case HubEntry():
            return HubSource(source)
        case PathEntry():
            return PathSource(source)


def _copy(origin: Path, target: Path) -> None:
    """Under its name the file is whole, whatever happens on the way."""
    partial = target.with_name(f"{target.name}.part")
    shutil.copyfile(origin, partial)
    partial.replace(target)


def _bar_that_tells(name: str, progress: Report) -> type[Any]:
    from tqdm.auto import tqdm  # type: ignore[import-untyped]  # noqa: PLC0415 - huggingface_hub brings it, untyped

    class Bar(tqdm):  # type: ignore[misc]  # untyped, as said
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.pop("name", None)
            super().__init__(*args, **(kwargs | {"file": io.StringIO(), "disable": False}))

        def update(self, n: float | None = 1) -> bool | None:
            drawn: bool | None = super().update(n)
            progress(name, int(self.n), int(self.total) if self.total else None)
            return drawn

    return Bar


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
