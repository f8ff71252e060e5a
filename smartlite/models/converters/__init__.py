"""Which converters exist: the same weights in another engine's format. Must not know catalogs or caches.

A converter reads a folder and writes a folder, with numpy alone. The same files in give the same bytes out on every
machine, so that the catalog can pin their SHA-256. It raises SourceUnavailable for files that it cannot read.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from smartlite.models.catalog import ConverterName
from smartlite.models.converters.ctranslate2_whisper import convert_ctranslate2_whisper
from smartlite.models.converters.piper_vits import convert_piper_vits


def copy_files(source_dir: Path, target_dir: Path) -> None:
    """The same files for another engine or task; on one disk they are stored once."""
    for path in source_dir.iterdir():
        if path.is_file() and not path.name.endswith(".verified"):
            try:
                (target_dir / path.name).hardlink_to(path)
            except OSError:  # another disk, or a file system without links
                shutil.copyfile(path, target_dir / path.name)


CONVERTERS: Final[dict[ConverterName, Callable[[Path, Path], None]]] = {
    "copy": copy_files,
    "ctranslate2_whisper": convert_ctranslate2_whisper,
    "piper_vits": convert_piper_vits,
}
"""By the name that the catalog has: ``convert(source_dir, target_dir)``."""
