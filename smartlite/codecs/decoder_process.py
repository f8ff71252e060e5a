"""One decoder process as a replica sees it: start, decode with a deadline, kill. Blocking. Must not know asyncio, PyAV.

All methods but ``kill`` are called from one thread that outlives the process: Linux's parent-death signal is sent when
the *thread* that started a child ends (prctl(2), PR_SET_PDEATHSIG).
"""

import contextlib
import json
import logging
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from fcntl import F_SETPIPE_SZ, fcntl
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smartlite.codecs import framing
from smartlite.codecs.limits import AudioLimits
from smartlite.codecs.sniff import Container
from smartlite.errors import AudioInvalid, ConfigurationError, Unprocessable

logger = logging.getLogger(__name__)

_START_TIMEOUT_S: Final = 30.0
_KILL_TIMEOUT_S: Final = 5.0
_PIPE_BYTES: Final = 1024 * 1024
"""Linux's largest pipe without privileges: a 30 s clip's samples (0.96 MB) fit without a wake-up in between."""

_INHERITED: Final = ("LD_LIBRARY_PATH", "LANG", "LC_ALL", "TMPDIR")
"""All that the decoder sees of the environment: what the interpreter may need, nothing secret."""


class _Ended(Exception):
    """The process closed its end of a pipe."""


class _DeadlinePassed(Exception):
    """The process did not take or give bytes in time."""


class DecoderProcess:
    """A ``decoder_worker``, replaced by a new one whenever it ends."""

    def __init__(self, limits: AudioLimits, timeout_s: float) -> None:
        """Prepare, start nothing.

        Args:
            limits: What a file may be.
            timeout_s: Longest work on one file, in seconds.
        """
        self._limits = limits
        self._timeout_s = timeout_s
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process now running, for tests and logs."""
        return None if self._process is None else self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether there is a process; false after it was killed over a file."""
        process = self._process
        return process is not None and process.poll() is None

    def ensure_started(self) -> None:
        """Start the process unless it runs, and wait until it is ready.

        Raises:
            ConfigurationError: It does not start.
        """
        if self.is_running:
            return
        self.close()
        # Removed as soon as the process is in it: it can neither find nor make a file there.
        directory = tempfile.mkdtemp(prefix="smartlite-decoder-")
        try:
            self._start(directory)
        finally:
            Path(directory).rmdir()

    def _start(self, directory: str) -> None:
        settings = {"limits": asdict(self._limits), "timeout_s": self._timeout_s, "parent_pid": os.getpid()}
        environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        environment |= {
            "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path),
            "OPENBLAS_NUM_THREADS": "1",
        }
        command = [sys.executable, "-P", "-s", "-m", "smartlite.codecs.decoder_worker", json.dumps(settings)]
        self._process = process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            cwd=directory,
            env=environment,
            start_new_session=True,
        )
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None  # noqa: S101 - asked for above
            os.set_blocking(pipe.fileno(), False)
            with contextlib.suppress(OSError):  # A user with many pipes gets small ones: slower, not wrong.
                fcntl(pipe.fileno(), F_SETPIPE_SZ, _PIPE_BYTES)
        try:
            kind, _ = self._receive(time.monotonic() + _START_TIMEOUT_S)
        except (_Ended, _DeadlinePassed, framing.ProtocolBroken):
            kind = b""
        if kind != framing.READY:
            self.close()
            raise ConfigurationError("The audio decoder's process does not start; its error is in the log.")

    def decode(self, data: bytes, container: Container, sample_rate_hz: int) -> NDArray[np.float32]:
        """Decode one file to mono samples, shape (n,), in [-1, 1].

        Raises:
            Unprocessable: 422, the deadline passed.
            AudioInvalid: 422, the process ended over this file.
            SmartLiteError: What ``decode_pcm`` raises.
        """
        self.ensure_started()
        deadline = time.monotonic() + self._timeout_s
        try:
            job = json.dumps({"container": container, "sample_rate_hz": sample_rate_hz}).encode()
            self._send(framing.JOB, job, deadline)
            self._send(framing.FILE, data, deadline)
            blocks = self._receive_pcm(sample_rate_hz, deadline)
        except _DeadlinePassed as error:
            self.close()
            raise Unprocessable(f"Decoding the file took longer than {self._timeout_s:g} s.", "file") from error
        except (_Ended, framing.ProtocolBroken) as error:
            self.close()
            raise AudioInvalid("The file cannot be decoded: the decoder ended over it.", "file") from error
        return _to_float(blocks)

    def _receive_pcm(self, sample_rate_hz: int, deadline: float) -> list[bytearray]:
        budget_bytes = 2 * int((self._limits.max_duration_s + 1) * sample_rate_hz)
        blocks: list[bytearray] = []
        while True:
            kind, body = self._receive(deadline)
            if kind == framing.END:
                return blocks
            if kind == framing.ERROR:
                raise framing.unpack_error(bytes(body))
            budget_bytes -= len(body)
            if kind != framing.PCM or budget_bytes < 0 or len(body) % 2:
                raise framing.ProtocolBroken
            blocks.append(body)

    def kill(self) -> None:
        """End the process at once. Thread-safe: ``decode`` in the other thread then returns."""
        process = self._process
        if process is not None:
            process.kill()

    def close(self) -> None:
        """End the process and forget it; safe to call twice and without start."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() not in (None, 0, -signal.SIGKILL):
            logger.warning("Decoder process %d ended with status %s", process.pid, process.returncode)
        process.kill()
        process.wait(_KILL_TIMEOUT_S)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()

    def _send(self, kind: bytes, body: bytes, deadline: float) -> None:
        assert self._process is not None  # noqa: S101
        assert self._process.stdin is not None  # noqa: S101
        fd = self._process.stdin.fileno()
        for part in (framing.pack_header(kind, len(body)), body):
            rest = memoryview(part)
            while rest:
                _wait(fd, select.POLLOUT, deadline)
                try:
                    rest = rest[os.write(fd, rest) :]
                except BlockingIOError:
                    continue
                except BrokenPipeError as error:
                    raise _Ended from error

    def _receive(self, deadline: float) -> tuple[bytes, bytearray]:
        kind, size_bytes = framing.unpack_header(bytes(self._receive_exactly(framing.HEADER_BYTES, deadline)))
        if size_bytes > framing.MAX_ANSWER_BYTES:
            raise framing.ProtocolBroken
        return kind, self._receive_exactly(size_bytes, deadline)

    def _receive_exactly(self, size_bytes: int, deadline: float) -> bytearray:
        assert self._process is not None  # noqa: S101
        assert self._process.stdout is not None  # noqa: S101
        fd = self._process.stdout.fileno()
        data = bytearray(size_bytes)
        view, filled = memoryview(data), 0
        while filled < size_bytes:
            _wait(fd, select.POLLIN, deadline)
            try:
                count = os.readv(fd, [view[filled:]])
            except BlockingIOError:
                continue
            if count == 0:
                raise _Ended
            filled += count
        return data


def _wait(fd: int, event: int, deadline: float) -> None:
    """Wait until a pipe can be read or written, or its other end is closed."""
    poll = select.poll()
    poll.register(fd, event)
    remaining_s = deadline - time.monotonic()
    if remaining_s <= 0 or not poll.poll(remaining_s * 1000):
        raise _DeadlinePassed


def _to_float(blocks: list[bytearray]) -> NDArray[np.float32]:
    samples = np.empty(sum(map(len, blocks)) // 2, np.float32)
    start = 0
    for block in blocks:
        end = start + len(block) // 2
        np.multiply(np.frombuffer(block, "<i2"), np.float32(1 / 32768), out=samples[start:end])
        start = end
    return samples
