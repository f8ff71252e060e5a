"""A small model, a source that can misbehave, and a store over both kinds of object store."""

import hashlib
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from smartlite.errors import SourceUnavailable
from smartlite.models.catalog import ModelEntry
from smartlite.models.progress import Report
from smartlite.models.sources import Source
from smartlite.models.store import ModelStore
from smartlite.storage.objects import FsspecObjectStore

CONTENTS = {"config.json": b"{}", "model.bin": b"weights" * 1000}


@dataclass
class FakeSource:
    """Gives the contents it was made with; ``None`` in place of a file makes it fail there."""

    name: str
    contents: dict[str, bytes | None]
    calls: list[tuple[str, ...]] = field(default_factory=list)

    def fetch(self, entry: ModelEntry, wanted: Sequence[str], target_dir: Path, progress: Report) -> None:
        self.calls.append(tuple(wanted))
        for name in wanted:
            content = self.contents[name]
            if content is None:
                raise SourceUnavailable("the line was cut")
            progress(name, len(content), len(content))
            (target_dir / name).write_bytes(content)


@pytest.fixture
def contents() -> dict[str, bytes]:
    return dict(CONTENTS)


@pytest.fixture
def entry() -> ModelEntry:
    """A model of two files with two sources."""
    return ModelEntry.model_validate(
        {
            "id": "small",
            "task": "asr",
            "engine": "fake",
            "created": 1,
            "owned_by": "me",
            "licence": "MIT",
            "files": [
                {"name": name, "size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
                for name, content in CONTENTS.items()
            ],
            "sources": [{"kind": "path", "directory": "/first"}, {"kind": "hub", "repo": "a/second", "revision": "r"}],
        }
    )


@pytest.fixture
def first() -> FakeSource:
    return FakeSource("first", dict(CONTENTS))


@pytest.fixture
def second() -> FakeSource:
    return FakeSource("second", dict(CONTENTS))


@pytest.fixture(params=["file", "memory"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> FsspecObjectStore:
    """In a folder, where files are links to objects, and in memory, where they are copies."""
    url = (tmp_path / "objects").as_uri() if request.param == "file" else f"memory://{uuid.uuid4().hex}"
    return FsspecObjectStore(url)


@pytest.fixture
def open_node(
    objects: FsspecObjectStore, tmp_path: Path, first: FakeSource, second: FakeSource
) -> Callable[[str], ModelStore]:
    """The store as a node sees it, each with a cache of its own over the same objects."""

    def open_source(said: object) -> Source:
        return {"path": first, "hub": second}[said.kind]  # type: ignore[attr-defined]  # the entry's two kinds

    return lambda node: ModelStore(objects, tmp_path / node, open_source)
