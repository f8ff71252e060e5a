"""The platform's processes: which they are, what memory and processor time they take. Must not know HTTP."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil  # type: ignore[import-untyped]  # it has no annotations

from smartlite.errors import ConfigurationError

_GONE = (psutil.NoSuchProcess, psutil.ZombieProcess)


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of some processes together, in bytes."""

    rss: int
    """Resident set sizes added up: a page that several processes share counts once in each."""
    pss: int
    """Proportional: a page that several processes share counts once in all."""
    processes: int


class PlatformProcesses:
    """``smartlite serve`` and everything it started.

    Args:
        root: The process of ``smartlite serve``.
    """

    def __init__(self, root: psutil.Process) -> None:
        self.root = root

    @classmethod
    def of_port(cls, port: int) -> "PlatformProcesses":
        """Find the platform that listens on a port.

        Raises:
            ConfigurationError: Nothing listens there, or it is not ``smartlite serve``.
        """
        for connection in psutil.net_connections(kind="tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                listener = psutil.Process(connection.pid)
                for process in (listener, *listener.parents()):
                    if _is_serve(process):
                        return cls(process)
        raise ConfigurationError(
            f"No `smartlite serve` of this user listens on port {port}: start it, or give its process with --pid.",
            "pid",
        )

    @classmethod
    def of_pid(cls, pid: int) -> "PlatformProcesses":
        """Take a process id on trust.

        Raises:
            ConfigurationError: There is no such process.
        """
        try:
            return cls(psutil.Process(pid))
        except psutil.NoSuchProcess as error:
            raise ConfigurationError(f"There is no process {pid}.", "pid") from error

    def age_s(self) -> float:
        """Seconds since the start."""
        return time.time() - float(self.root.create_time())

    def all(self) -> list[psutil.Process]:
        """The root and its descendants, root first."""
        return [self.root, *self.root.children(recursive=True)]

    def replicas(self, deployment: str) -> list[psutil.Process]:
        """The replica processes of a deployment; Ray gives each its actor's name as its title."""
        return [process for process in self.all() if _is_replica(process, deployment)]

    def edge(self) -> psutil.Process:
        """The HAProxy process.

        Raises:
            ConfigurationError: The platform runs with another kind of edge.
        """
        for process in self.all():
            with suppress(*_GONE):
                if process.name() == "haproxy":
                    return process
        raise ConfigurationError("The platform has no HAProxy process: it was not started with SMARTLITE_EDGE=own.")

    def memory(self) -> Memory:
        """Memory of all of them now."""
        rss = pss = count = 0
        for process in self.all():
            with suppress(*_GONE):
                full = process.memory_full_info()
                rss, pss, count = rss + full.rss, pss + full.pss, count + 1
        return Memory(rss, pss, count)

    def memory_by_name(self) -> dict[str, int]:
        """PSS in bytes by process title, the largest first."""
        by_name: dict[str, int] = {}
        for process in self.all():
            with suppress(*_GONE):
                words = process.cmdline()
                is_python = bool(words) and "python" in words[0]
                name = process.name() if not words or is_python or words[0].startswith("/") else words[0]
                by_name[name] = by_name.get(name, 0) + process.memory_full_info().pss
        return dict(sorted(by_name.items(), key=lambda item: -item[1]))

    def cpu_seconds(self) -> dict[psutil.Process, float]:
        """Processor time of each so far, user and system."""
        seconds = {}
        for process in self.all():
            with suppress(*_GONE):
                times = process.cpu_times()
                seconds[process] = times.user + times.system
        return seconds

    @contextmanager
    def counting_cpu(self) -> Iterator[list[float]]:
        """Give a list that holds the processor seconds of the block, all processes together, once it has ended."""
        spent: list[float] = []
        before = self.cpu_seconds()
        yield spent
        spent.append(sum(value - before.get(process, 0.0) for process, value in self.cpu_seconds().items()))


def wait_until_gone(processes: list[psutil.Process], timeout_s: float) -> list[str]:
    """Wait for processes to end; those that did not, described."""
    _, alive = psutil.wait_procs(processes, timeout=max(timeout_s, 0.0))
    return [str(process) for process in alive]


def _is_serve(process: psutil.Process) -> bool:
    with suppress(*_GONE, psutil.AccessDenied):
        words = process.cmdline()
        return "serve" in words and any(word.rpartition("/")[2] == "smartlite" for word in words)
    return False


def _is_replica(process: psutil.Process, deployment: str) -> bool:
    with suppress(*_GONE):
        # "ray::ServeReplica:smartlite:llm", padded with blanks, while it works with ".method" behind.
        title = " ".join(process.cmdline()).strip()
        return title.startswith("ray::ServeReplica:") and title.split(":")[-1].partition(".")[0] == deployment
    return False
