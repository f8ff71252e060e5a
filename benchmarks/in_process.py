"""Starts an engine in a process beside the platform and asks it. Must not load the engine in this process."""

import json
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from benchmarks.target import ServedEngine
from smartlite.errors import Unavailable

_STOP_TIMEOUT_S: Final = 20.0
_REPOSITORY: Final = Path(__file__).resolve().parent.parent


class InProcess:
    """An engine without the platform around it; see ``benchmarks.engine_worker``.

    Args:
        kind: One of ``engine_worker.KINDS``.
        served: The engine itself, or the platform's configuration, whose default model of the kind it is.
        timeout_s: Longest wait for the engine to load, and for each answer.
    """

    def __init__(self, kind: str, served: Path | ServedEngine, timeout_s: float = 180.0) -> None:
        self._kind = kind
        self._timeout_s = timeout_s
        self._process = subprocess.Popen(
            (sys.executable, "-m", "benchmarks.engine_worker", kind, *_arguments(served)),
            cwd=_REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        self._read()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def ask(self, **request: object) -> dict[str, Any]:
        """Have the engine work once.

        Raises:
            Unavailable: It ended or did not answer in time; what it printed is on standard error.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        # A process that hangs is ended, which ends the wait for its line.
        timer = threading.Timer(self._timeout_s, self._process.kill)
        timer.start()
        try:
            line = self._process.stdout.readline()
        finally:
            timer.cancel()
        if not line:
            raise Unavailable(f"The {self._kind} engine in process ended or was silent for {self._timeout_s:g} s.")
        answer: dict[str, Any] = json.loads(line)
        return answer


def _arguments(served: Path | ServedEngine) -> tuple[str, ...]:
    if isinstance(served, Path):
        return ("--config", str(served.resolve()))
    return ("--model", served.model, "--engine", served.engine, "--options", json.dumps(served.options))
