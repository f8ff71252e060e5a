"""A private S3 server of the tests (SeaweedFS): a process of their own on a folder of their own. Must not know tables.

One program is a master, a volume server, a filer and the S3 gateway, each with a second port for gRPC; all are chosen
here, since those that it chooses by itself may be taken.
"""

import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import pytest
import s3fs

from smartlite.config import Settings
from smartlite.storage.objects import FsspecObjectStore
from smartlite.storage.open_objects import open_objects

ON_S3 = [pytest.mark.integration, pytest.mark.enable_socket]
KEY, SECRET = "smartlite-tests", "s3cret/of+the=tests"
BUCKET = "smartlite"
_START_TIMEOUT_S = 60
_PORTS = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc")
_S3_PORTS = ("s3.port", "s3.port.grpc")
_numbers = itertools.count(1)


class Seaweed:
    """One server on loopback; may be killed, frozen and started again."""

    def __init__(self, folder: Path) -> None:
        beside = Path(sys.executable).with_name("weed")
        program = str(beside) if beside.exists() else shutil.which("weed")
        assert program is not None, "weed is not installed: run ops/setup.sh with the extra dev"
        self._folder = folder
        self._ports = dict(zip((*_PORTS, *_S3_PORTS), _free_ports(len(_PORTS) + len(_S3_PORTS)), strict=True))
        self.url = f"http://127.0.0.1:{self._ports['s3.port']}"
        credentials = [{"accessKey": KEY, "secretKey": SECRET}]
        actions = ["Admin", "Read", "List", "Tagging", "Write"]
        identities = {"identities": [{"name": "tests", "credentials": credentials, "actions": actions}]}
        (folder / "s3.json").write_text(json.dumps(identities))
        (folder / "data").mkdir()
        self._command = [
            program,
            "server",
            f"-dir={folder / 'data'}",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            *(f"-{name}={port}" for name, port in self._ports.items()),
            "-s3",
            f"-s3.config={folder / 's3.json'}",
            "-s3.iam=false",
            "-s3.autoCreateBucket=false",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-metricsPort=0",
            "-master.telemetry=false",
            "-master.volumeSizeLimitMB=64",
            "-volume.max=50",
            "-volume.minFreeSpace=0",
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def settings(self, prefix: str = "") -> Settings:
        """What a user sets to keep objects here, under a prefix of the bucket."""
        return Settings(
            object_store_url=f"s3://{BUCKET}/{prefix or f't{next(_numbers)}'}",
            s3_endpoint_url=self.url,
            s3_access_key_id=KEY,
            s3_secret_access_key=SECRET,
            s3_region="us-east-1",
        )

    def new_store(self) -> FsspecObjectStore:
        """An empty store."""
        return open_objects(self.settings())

    def start(self) -> None:
        """Start it and wait until it takes objects."""
        log = (self._folder / "log").open("ab")
        home = {**os.environ, "HOME": str(self._folder)}
        self._process = subprocess.Popen(self._command, stdout=log, stderr=log, cwd=self._folder, env=home)
        log.close()
        deadline = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < deadline:
            assert self._process.poll() is None, (self._folder / "log").read_text()
            if self._answers() and self._takes_objects():
                return
            time.sleep(0.1)
        raise AssertionError((self._folder / "log").read_text())

    def kill(self) -> None:
        """End it at once, as a crash would; in order it takes ten seconds, and its folder is thrown away anyway."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def freeze(self) -> None:
        """Have it answer nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Have it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.url, timeout=2):  # noqa: S310 - our own address
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False

    def _takes_objects(self) -> bool:
        store = s3fs.S3FileSystem(
            key=KEY, secret=SECRET, endpoint_url=self.url, use_listings_cache=False, skip_instance_cache=True
        )
        try:
            if not store.exists(BUCKET):
                store.mkdir(BUCKET)
            store.pipe_file(f"{BUCKET}/probe", b"x")
            return bool(store.cat_file(f"{BUCKET}/probe") == b"x")
        except OSError:
            return False


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
