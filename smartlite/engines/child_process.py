"""One run of a program: bytes in, bytes out, an end in time, killed when nobody waits for it any more.

Must not know which programs there are.
"""

import asyncio
import subprocess
import threading
from collections.abc import Sequence
from concurrent.futures import Executor

from smartlite.errors import EngineFailed


class ChildProcess:
    """One process, which another thread may kill at any time, also before it has started."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._killed = False
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, command: Sequence[str], data: bytes, timeout_s: float) -> bytes:
        """Start the program, give it ``data`` on standard input and wait for its standard output. Blocks.

        Returns:
            What it wrote; whatever there is, or nothing, where it was killed.

        Raises:
            EngineFailed: 500, it could not be started, failed, or took longer than ``timeout_s``.
        """
        with self._lock:
            if self._killed:
                return b""
            try:
                self._process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
                )
            except OSError as error:
                raise EngineFailed(f"{command[0]} could not be started: {error.strerror}.") from error
        with self._process as process:
            try:
                output, problems = process.communicate(data, timeout=timeout_s)
            except subprocess.TimeoutExpired as error:
                process.kill()
                raise EngineFailed(f"{command[0]} did not answer within {timeout_s:g} s.") from error
        if process.returncode != 0 and not self._killed:
            reason = problems.decode("utf-8", "replace").strip()[-200:] or f"exit status {process.returncode}"
            raise EngineFailed(f"{command[0]} failed: {reason}")
        return output

    def kill(self) -> None:
        """End the process, or keep it from starting."""
        with self._lock:
            self._killed = True
            if self._process is not None and self._process.poll() is None:
                self._process.kill()


async def run_program(executor: Executor, command: Sequence[str], data: bytes, timeout_s: float) -> bytes:
    """Run a program in a thread of ``executor``; cancelling the caller kills it.

    Raises:
        EngineFailed: As ``ChildProcess.run``.
    """
    child = ChildProcess()
    running = asyncio.get_running_loop().run_in_executor(executor, child.run, command, data, timeout_s)
    try:
        return await running
    except asyncio.CancelledError:
        child.kill()
        raise
