"""Start and end of ``smartlite serve``: until every stage is ready, and from Ctrl-C until nothing is left.

Must not know stages.
"""

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Final, Self

from benchmarks.measure import Goal, Row, Sample, value_row
from benchmarks.processes import PlatformProcesses, wait_until_gone
from benchmarks.target import wait_until_ready
from smartlite.errors import Unavailable

_START_TIMEOUT_S: Final = 300.0
_STOP_TIMEOUT_S: Final = 60.0
_READY_GOAL: Final = Goal("at most", 40, "s")
_STOP_GOAL: Final = Goal("at most", 10, "s")


class RunningPlatform:
    """``smartlite serve`` as a child of this process.

    Args:
        config: Its configuration.
        url: Where it will answer.
        environment: Instead of this process' own.
    """

    def __init__(self, config: Path, url: str, environment: Mapping[str, str] | None = None) -> None:
        self._config = config
        self.url = url
        self._environment = environment
        self._output: IO[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self.ready_s = 0.0
        """From the start until ``/readyz`` says so."""
        self.stop_s = 0.0
        """From SIGINT until none of its processes is left."""
        self.left: list[str] = []
        """Processes that were still there after a minute."""

    @property
    def processes(self) -> PlatformProcesses:
        """The platform's processes."""
        assert self._process is not None
        return PlatformProcesses.of_pid(self._process.pid)

    def __enter__(self) -> Self:
        self._output = tempfile.TemporaryFile()
        program = Path(sys.executable).with_name("smartlite")
        began = time.perf_counter()
        self._process = subprocess.Popen(
            (str(program), "serve", "--config", str(self._config)),
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            env=self._environment,
        )
        try:
            wait_until_ready(self.url, _START_TIMEOUT_S)
        except Unavailable as error:
            said = self.said()
            self.__exit__()
            raise Unavailable(f"{error.message} It said: {said}") from error
        except BaseException:  # Ctrl-C while it starts: nobody else would stop it
            self.__exit__()
            raise
        self.ready_s = time.perf_counter() - began
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        assert self._output is not None
        mine = self.processes.all() if self._process.poll() is None else []
        began = time.perf_counter()
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self.left = wait_until_gone(mine, _STOP_TIMEOUT_S - (time.perf_counter() - began))
        self.stop_s = time.perf_counter() - began
        self._output.close()

    def said(self) -> str:
        """The end of what it printed."""
        assert self._output is not None
        self._output.seek(0)
        return self._output.read()[-2000:].decode("utf-8", "replace")


def rows(starts: list[RunningPlatform]) -> list[Row]:
    """What starts and ends took. The models must have been there before."""
    left = sum(len(start.left) for start in starts)
    return [
        value_row("Start until ready", Sample(tuple(start.ready_s for start in starts), "s"), _READY_GOAL, worst=True),
        value_row(
            f"Ctrl-C until nothing is left ({left} processes left)",
            Sample(tuple(start.stop_s for start in starts), "s"),
            _STOP_GOAL,
            worst=True,
        ),
    ]
