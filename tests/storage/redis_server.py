"""A private Redis of the tests: a process of their own on a socket of their own. Must not know what is kept in it."""

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from smartlite.storage.embedded_redis import find_program

_START_TIMEOUT_S = 20


class RedisServer:
    """One server; may be killed, frozen and started again, and then knows nothing of before."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="smartlite-test-"))  # a test's own folder is too long for a socket
        self._socket = self._folder / "redis.sock"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self._socket}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = ["--port", "0", "--unixsocket", str(self._socket), "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(
            [find_program(), *options], cwd=self._folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + _START_TIMEOUT_S
        while self.ask("PING") != b"+PONG\r\n":
            assert time.monotonic() < deadline, "redis-server does not answer"
            time.sleep(0.01)

    def ask(self, *words: str) -> bytes:
        """Send a command past the platform's client; the first bytes of the answer, nothing where there is none."""
        parts = [f"*{len(words)}\r\n", *(f"${len(word.encode())}\r\n{word}\r\n" for word in words)]
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            try:
                connection.connect(str(self._socket))
                connection.sendall("".join(parts).encode())
                return connection.recv(65536)
            except OSError:
                return b""

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._send(signal.SIGKILL)
        assert self._process is not None
        self._process.wait(10)

    def freeze(self) -> None:
        """Have it answer nothing."""
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Have it go on."""
        self._send(signal.SIGCONT)

    def close(self) -> None:
        """End it for good."""
        if self._process is not None and self._process.poll() is None:
            self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
