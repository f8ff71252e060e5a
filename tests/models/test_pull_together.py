"""Real processes that pull the same model at once, or are killed while they do."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from smartlite.models.catalog_file import load_catalog
from smartlite.models.store import ModelStore
from smartlite.storage.objects import FsspecObjectStore

pytestmark = pytest.mark.integration

CONTENT = b"weights" * 3_000_000
PULL = """
import sys
from pathlib import Path
from smartlite.models.catalog_file import load_catalog
from smartlite.models.sources import open_source
from smartlite.models.store import ModelStore
from smartlite.storage.objects import FsspecObjectStore

root = Path(sys.argv[1])

def counted(said):
    with (root / "fetches").open("a") as log:
        log.write("fetch\\n")
    return open_source(said)

def show(progress):
    print(progress.item, flush=True)
    if sys.argv[3] == "hang" and progress.done_bytes:
        import time
        time.sleep(60)

store = ModelStore(FsspecObjectStore((root / "objects").as_uri()), root / sys.argv[2], counted)
store.pull(load_catalog(root / "catalog.yaml").find("big"), show)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "origin").mkdir()
    (tmp_path / "origin" / "model.bin").write_bytes(CONTENT)
    (tmp_path / "catalog.yaml").write_text(f"""models:
  - {{id: big, task: asr, engine: fake, created: 1, owned_by: me, licence: MIT,
     files: [{{name: model.bin, size_bytes: {len(CONTENT)}, sha256: {hashlib.sha256(CONTENT).hexdigest()}}}],
     sources: [{{kind: path, directory: origin}}]}}
""")
    return tmp_path


def start(root: Path, node: str, behaviour: str = "work") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PULL, str(root), node, behaviour]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def is_whole(root: Path, node: str) -> bool:
    store = ModelStore(FsspecObjectStore((root / "objects").as_uri()), root / node)
    return store.verify(load_catalog(root / "catalog.yaml").find("big")).complete


def fetches(root: Path) -> int:
    return len((root / "fetches").read_text().split())


def test_processes_of_one_node_that_pull_at_once_fetch_once(root: Path) -> None:
    processes = [start(root, "node") for _ in range(3)]
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], outputs
    assert fetches(root) == 1
    assert is_whole(root, "node")


def test_processes_of_two_nodes_that_pull_at_once_do_no_harm(root: Path) -> None:
    processes = [start(root, node) for node in ("one", "two")]
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert is_whole(root, "one")
    assert is_whole(root, "two")
    names = [path.name for path in (root / "objects" / "models" / "big").iterdir()]
    assert names == ["model.bin"]


def test_a_killed_process_holds_nobody_up_and_leaves_nothing_half_done(root: Path) -> None:
    killed = start(root, "node", "hang")
    assert killed.stdout is not None
    while killed.stdout.readline().strip() != "model.bin":
        assert killed.poll() is None
    waiting = start(root, "node")
    assert waiting.stdout is not None
    assert waiting.stdout.readline().strip() == "waiting for another process"
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=10)
    output, _ = waiting.communicate(timeout=60)
    assert waiting.returncode == 0, output
    assert is_whole(root, "node")


def test_what_a_killed_pull_left_does_not_stay(root: Path) -> None:
    killed = start(root, "node", "hang")
    deadline = time.monotonic() + 30
    partial = root / "node" / ".partial" / "big" / "0-path" / "model.bin"
    while not partial.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate(timeout=10)
    os.truncate(partial, 1000)
    again = start(root, "node")
    output, _ = again.communicate(timeout=60)
    assert again.returncode == 0, output
    assert is_whole(root, "node")
    assert not (root / "node" / ".partial" / "big").exists()
