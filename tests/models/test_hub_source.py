"""The hub's real library against a hub on this machine that cuts the line once."""

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.enable_socket]

CONTENT = bytes(range(256)) * 100_000
FETCH = """
import sys
from pathlib import Path
from smartlite.models.catalog import HubEntry, ModelEntry
from smartlite.models.sources import open_source

said = HubEntry(kind="hub", repo="a/b", revision="0" * 40, files={"model.bin": "deep/weights.bin"})
entry = ModelEntry(id="m", task="asr", engine="e", created=1, owned_by="o", licence="MIT")
told = []
open_source(said).fetch(entry, ["model.bin"], Path(sys.argv[1]), lambda *report: told.append(report))
print(told[-1])
"""


class Hub(BaseHTTPRequestHandler):
    """Serves one file as a hub does, the first time only the first half of it."""

    protocol_version = "HTTP/1.1"
    ranges: list[str | None]

    def do_HEAD(self) -> None:
        self._answer(b"")

    def do_GET(self) -> None:
        if "/resolve/" not in self.path:
            self.send_error(404)
            return
        first = not self.ranges
        self.ranges.append(self.headers.get("Range"))
        self._answer(CONTENT[: len(CONTENT) // 2] if first else CONTENT)

    def _answer(self, body: bytes) -> None:
        asked = self.headers.get("Range")
        start = int(asked.removeprefix("bytes=").partition("-")[0]) if asked else 0
        self.send_response(206 if asked else 200)
        self.send_header("ETag", f'"{hashlib.sha256(CONTENT).hexdigest()}"')
        self.send_header("X-Repo-Commit", "0" * 40)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.end_headers()
        self.wfile.write(body[start:])
        if body and len(body) < len(CONTENT):
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def hub() -> Iterator[ThreadingHTTPServer]:
    Hub.ranges = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_file_cut_off_is_resumed_and_lands_under_its_catalog_name(hub: ThreadingHTTPServer, tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub")
    (tmp_path / "target").mkdir()
    address = f"http://127.0.0.1:{hub.server_port}"
    environment = os.environ | {"HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", FETCH, str(tmp_path / "target")],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "target" / "model.bin").read_bytes() == CONTENT
    assert done.stdout.strip() == f"('model.bin', {len(CONTENT)}, {len(CONTENT)})"
    assert Hub.ranges[0] is None
    assert Hub.ranges[1] not in (None, "bytes=0-")
