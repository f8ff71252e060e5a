"""What a large upload costs the process that takes it: the growth of its largest resident size."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from benchmarks.clips import wav

pytestmark = pytest.mark.integration

SIZE = 100 * 1000 * 1000
MOST_GROWTH = 20 * 1000 * 1000
PATHS = ["/v1/audio/transcriptions", "/v1/audio/translations"]


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    root = Path(__file__).resolve().parents[2]
    script = Path(__file__).with_name("spooling_gateway.py")
    command = (sys.executable, str(script), str(tmp_path / "s"), str(tmp_path))
    environment = {**os.environ, "PYTHONPATH": str(root), "MALLOC_ARENA_MAX": "2", "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(command, cwd=root, env=environment)
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Silence: 48 kHz, one channel."""
    path = tmp_path / "long.wav"
    head = wav(b"", 48_000)
    with path.open("wb") as file:
        file.write(head)
        file.truncate(SIZE)
    return path


def wait_until_it_listens(path: Path, process: subprocess.Popen[bytes]) -> None:
    until_s = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None
        assert time.monotonic() < until_s
        time.sleep(0.1)


def most_resident(process: subprocess.Popen[bytes]) -> int:
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


@pytest.mark.parametrize("has_key", [False, True])
def test_a_large_upload_costs_little_memory(
    gateway: subprocess.Popen[bytes], recording: Path, tmp_path: Path, has_key: bool
) -> None:
    wait_until_it_listens(tmp_path / "s", gateway)
    transport = httpx.HTTPTransport(uds=str(tmp_path / "s"))
    with httpx.Client(transport=transport, base_url="http://gateway", timeout=60) as client:

        def post(path: str, file: Path) -> httpx.Response:
            headers = {"idempotency-key": f"{path}{file}"} if has_key else {}
            with file.open("rb") as data:
                return client.post(path, files={"file": data}, data={"model": "whisper-1"}, headers=headers)

        short = tmp_path / "short.wav"
        short.write_bytes(wav(bytes(2_000_000), 48_000))
        for path in PATHS:  # whatever is loaded for a first request is not counted
            assert post(path, short).status_code == 200
        before = most_resident(gateway)
        for path in PATHS:
            answer = post(path, recording)
            assert answer.json()["text"] == str(SIZE)
        assert most_resident(gateway) - before <= MOST_GROWTH
