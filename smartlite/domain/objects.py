"""What the platform needs of an object store, as a Protocol. Must not know which store it is."""

from pathlib import Path
from typing import Protocol


class ObjectStore(Protocol):
    """Objects by key (``models/whisper-base/model.bin``): whole or not at all, never half.

    Methods block; call them from a thread where an event loop runs.
    """

    def size_bytes(self, key: str) -> int | None:
        """Size of an object, or None if there is none."""
        ...

    def upload(self, source: Path, key: str) -> None:
        """Store a local file; readers see the old object or the whole new one."""
        ...

    def download(self, key: str, target: Path) -> None:
        """Fetch an object into a local file, replaced whole."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; no error if there is none."""
        ...

    def list(self, prefix: str) -> list[str]:
        """Keys that begin with ``prefix``, sorted."""
        ...
