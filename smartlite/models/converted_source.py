"""Model files made of another model's verified files. Must not know formats, hashes, caches or object stores."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from smartlite.domain.models import ModelFiles
from smartlite.errors import SourceUnavailable
from smartlite.models.catalog import ConvertedEntry, ModelEntry
from smartlite.models.converters import CONVERTERS
from smartlite.models.progress import FetchProgress, Progress, Report


class ConvertedSource:
    """Has the other model on this node, then converts it."""

    def __init__(self, source: ConvertedEntry, ensure_local: Callable[[ModelEntry, Progress], ModelFiles]) -> None:
        """Take what the catalog says; nothing is read yet.

        Args:
            source: The other model and the converter.
            ensure_local: Brings a model onto this node's disk, verified.
        """
        self._source = source
        self._ensure_local = ensure_local
        self.name = f"conversion of {source.model}"

    def fetch(self, entry: ModelEntry, wanted: Sequence[str], target_dir: Path, progress: Report) -> None:
        """Convert, and keep what is wanted of the outcome."""
        source = self._source
        if source.origin is None:
            raise SourceUnavailable(f"the catalog that '{entry.id}' comes from was not read as a whole")

        def report(of_origin: FetchProgress) -> None:
            progress(f"{source.model}: {of_origin.item}", of_origin.done_bytes, of_origin.total_bytes)

        origin = self._ensure_local(source.origin, report)
        sizes = {file.name: file.size_bytes for file in entry.files}
        progress(f"{source.converter} of {source.model}", 0, None)
        # On the same disk, and never left half written under a file's name.
        with tempfile.TemporaryDirectory(dir=target_dir, prefix="convert-") as scratch:
            CONVERTERS[source.converter](origin.directory, Path(scratch))
            for name in wanted:
                made = Path(scratch, name)
                if not made.is_file():
                    raise SourceUnavailable(f"the converter '{source.converter}' makes no file {name}")
                made.replace(target_dir / name)
                progress(name, sizes[name], sizes[name])
