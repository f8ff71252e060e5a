"""A program whose next process is started before it is needed and waits for its standard input.

Must not know which programs there are. One that waits ends by itself when this process does: its input ends.
"""

import asyncio
import subprocess
import threading
from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import suppress

from smartlite.engines.child_process import ChildProcess, start_process
from smartlite.errors import EngineFailed


class WaitingProgram:
    """Runs one command again and again, also at the same time; one process waits between two runs.

    After a run that failed or was cancelled none waits. Measured with espeak-ng: 4 ms a run, 13 ms where the run starts
    its process; 7 and 50 ms on a busy machine (medians of 30, load 7).
    """

    def __init__(self, command: Sequence[str], executor: Executor) -> None:
        """Remember the command; nothing is started.

        Args:
            command: Must read its standard input to the end before it does anything that a later run could notice.
            executor: Its threads start the processes and wait for them.
        """
        self._command = tuple(command)
        self._executor = executor
        self._lock = threading.Lock()
        self._waiting: subprocess.Popen[bytes] | None = None
        self._is_starting = False
        self._is_closed = False

    async def run(self, data: bytes, timeout_s: float) -> bytes:
        """Give ``data`` to a process and wait for what it writes; cancelling the caller kills it.

        Raises:
            EngineFailed: As ``ChildProcess.run``.
        """
        child = ChildProcess()
        running = asyncio.get_running_loop().run_in_executor(self._executor, self.run_here, data, timeout_s, child)
        try:
            return await running
        except asyncio.CancelledError:
            child.kill()
            raise

    def run_here(self, data: bytes, timeout_s: float, child: ChildProcess | None = None) -> bytes:
        """As ``run``, in the caller's thread. Blocks.

        Raises:
            EngineFailed: As ``ChildProcess.run``.
        """
        child = child or ChildProcess()
        output = child.run(self._command, data, timeout_s, self._take())
        if not child.is_killed:
            with suppress(RuntimeError):  # the executor has ended: there will be no other run
                self._executor.submit(self._start)
        return output

    def close(self) -> None:
        """End the process that waits; runs go on. Blocks for a moment; safe to call twice."""
        with self._lock:
            self._is_closed = True
        if (process := self._take()) is not None:
            process.kill()
            process.communicate()

    def __del__(self) -> None:
        """Whoever could not start has nothing to close, and drops this."""
        self.close()

    def _take(self) -> subprocess.Popen[bytes] | None:
        with self._lock:
            process, self._waiting = self._waiting, None
        if process is not None and process.poll() is not None:  # somebody killed it
            process.communicate()
            return None
        return process

    def _start(self) -> None:
        with self._lock:
            if self._is_closed or self._is_starting or self._waiting is not None:
                return
            self._is_starting = True
        process = None
        try:
            with suppress(EngineFailed):  # the next run tries again and tells
                process = start_process(self._command)  # without the lock, which runs take
        finally:
            with self._lock:
                self._is_starting = False
                if not self._is_closed:
                    self._waiting, process = process, None
        if process is not None:
            process.kill()
            process.communicate()
