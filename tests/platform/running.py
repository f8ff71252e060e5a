"""One platform as an operator runs it: `smartlite serve` in a process of its own, its process tree, its end.

Must not know any test. Everything but the process tree is seen from outside, over HTTP.
"""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import psutil

ROOT: Final = Path(__file__).parents[2]
SMARTLITE: Final = str(Path(sys.executable).with_name("smartlite"))
READY_TIMEOUT_S: Final = 240.0
STOP_TIMEOUT_S: Final = 15.0
"""`smartlite serve` promises 10 s; the rest is for a machine that does something else too."""
_REPLICA_PORTS: Final = 8
_POLL_S: Final = 0.1


def choose_ports() -> dict[str, str]:
    """Settings that move every port to one that is free now, below the range that the kernel gives to clients."""
    while True:
        first = random.randrange(12_000, 29_000)
        ports = range(first, first + _REPLICA_PORTS + 4)
        if all(map(_is_free, ports)):
            edge, stats, proxy, dashboard = ports[-4:]
            return {
                "SMARTLITE_PORT": str(edge),
                "SMARTLITE_EDGE_STATS_PORT": str(stats),
                "SMARTLITE_RAY_HTTP_PORT": str(proxy),
                "SMARTLITE_DASHBOARD_PORT": str(dashboard),
                "SMARTLITE_REPLICA_PORTS": f"{ports[0]}-{ports[_REPLICA_PORTS - 1]}",
            }


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with these settings; a value that is empty removes the variable."""
    merged = {**os.environ, **settings}
    return {name: value for name, value in merged.items() if value}


def eventually(holds: Callable[[], Any], timeout_s: float, what: str) -> Any:
    """Ask until the answer is true, then return it.

    Raises:
        AssertionError: It never was, within ``timeout_s`` seconds.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        if answer := holds():
            return answer
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {timeout_s:g} s: {what}")
        time.sleep(_POLL_S)


@dataclass
class RunningPlatform:
    """A platform that answers."""

    settings: dict[str, str]
    process: subprocess.Popen[bytes]
    log: Path
    """What it printed."""

    @property
    def port(self) -> int:
        """Of the gateway."""
        return int(self.settings["SMARTLITE_PORT"])

    @property
    def url(self) -> str:
        """Of the gateway."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def dashboard_url(self) -> str:
        """Of Ray's dashboard and its deploy API."""
        return f"http://127.0.0.1:{self.settings['SMARTLITE_DASHBOARD_PORT']}"

    @property
    def stats_url(self) -> str:
        """Of HAProxy's statistics."""
        return f"http://127.0.0.1:{self.settings['SMARTLITE_EDGE_STATS_PORT']}"

    @property
    def replica_ports(self) -> range:
        """Where ingress replicas may listen."""
        first, last = map(int, self.settings["SMARTLITE_REPLICA_PORTS"].split("-"))
        return range(first, last + 1)

    def processes(self) -> list[psutil.Process]:
        """The whole process tree, children that lost their parent included."""
        found = {self.process.pid}
        with contextlib.suppress(psutil.NoSuchProcess):
            found |= {child.pid for child in psutil.Process(self.process.pid).children(recursive=True)}
        mark = ("SMARTLITE_PORT", str(self.port))
        for process in psutil.process_iter():
            # Ray's processes write their titles over their environment; the tree above has those.
            with contextlib.suppress(psutil.Error):
                if process.pid not in (os.getpid(), *found) and mark in process.environ().items():
                    found.add(process.pid)
        alive = []
        for pid in sorted(found):
            with contextlib.suppress(psutil.NoSuchProcess):
                alive.append(psutil.Process(pid))
        return alive

    def replicas(self, deployment: str) -> list[psutil.Process]:
        """The processes of a deployment's replicas."""
        return self._named(lambda title: title.startswith(f"ray::ServeReplica:smartlite:{deployment}"))

    def edges(self) -> list[psutil.Process]:
        """The HAProxy program."""
        return self._named(lambda title: "haproxy -db" in title)

    def _named(self, matches: Callable[[str], bool]) -> list[psutil.Process]:
        found = []
        for process in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if process.status() != psutil.STATUS_ZOMBIE and matches(" ".join(process.cmdline())):
                    found.append(process)
        return found

    def cores_used(self, deployment: str, over_s: float = 1.0) -> float:
        """Processor time per second of a deployment's replicas and the processes they started."""
        processes = []
        for replica in self.replicas(deployment):
            with contextlib.suppress(psutil.NoSuchProcess):
                processes += [replica, *replica.children()]
        before = _cpu_s(processes)
        time.sleep(over_s)
        return (_cpu_s(processes) - before) / over_s

    def readiness(self) -> tuple[int, dict[str, Any]]:
        """Status and body of ``/readyz``; status 0 where nobody answered."""
        try:
            answer = httpx.get(f"{self.url}/readyz", trust_env=False, timeout=10)
            return answer.status_code, answer.json()
        except (httpx.TransportError, ValueError):
            return 0, {}

    def is_whole(self) -> bool:
        """Whether every stage is ready and the edge has found both ingress replicas."""
        if self.readiness()[0] != 200:
            return False
        try:
            return httpx.get(f"{self.stats_url}/replicas", trust_env=False, timeout=5).text.strip() == "2"
        except httpx.TransportError:
            return False

    def wait_whole(self, timeout_s: float = 60.0) -> None:
        """Wait until nothing is missing."""
        eventually(self.is_whole, timeout_s, "every stage ready and two ingress replicas behind the edge")


def _cpu_s(processes: Sequence[psutil.Process]) -> float:
    total = 0.0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return total


@contextlib.contextmanager
def running_platform(
    log: Path, config: Path = ROOT / "serve_config.yaml", more: Mapping[str, str] | None = None
) -> Iterator[RunningPlatform]:
    """Start a platform on free ports, wait until it is whole, stop it as Ctrl-C does.

    Args:
        log: Gets what it prints.
        config: What it serves; two ingress replicas.
        more: Further settings; by themselves nobody is asked for a key.

    Raises:
        AssertionError: It did not become ready, did not stop in time, or left a process behind.
    """
    settings = choose_ports() | {"SMARTLITE_AUTH": "off"} | dict(more or {})
    with log.open("wb") as output:
        process = subprocess.Popen(
            [SMARTLITE, "serve", "--config", str(config)],
            cwd=ROOT,
            env=environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    platform = RunningPlatform(settings, process, log)

    def is_whole() -> bool:
        assert process.poll() is None, f"`smartlite serve` ended with {process.returncode}:\n{log.read_text()}"
        return platform.is_whole()

    try:
        eventually(is_whole, READY_TIMEOUT_S, "every stage ready and two ingress replicas behind the edge")
    except BaseException:
        _kill(platform.processes())
        process.wait(STOP_TIMEOUT_S)
        raise
    try:
        yield platform
    finally:
        stop(platform)


def stop(platform: RunningPlatform) -> None:
    """Send SIGINT and check that everything ends.

    Raises:
        AssertionError: It took too long, failed, or something of its process tree is left; that is killed then.
    """
    tree = platform.processes()
    deadline = time.monotonic() + STOP_TIMEOUT_S
    if platform.process.poll() is None:
        platform.process.send_signal(signal.SIGINT)
    try:
        status: int | None = platform.process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        status = None
    # Ray's dashboard leaves processes that end by themselves once they notice; they have the same time in all.
    left = {process.pid: process for process in (*tree, *platform.processes()) if _is_alive(process)}
    while left and time.monotonic() < deadline:
        time.sleep(_POLL_S)
        left = {pid: process for pid, process in left.items() if _is_alive(process)}
    names = [f"{pid} {_title(process)}" for pid, process in left.items()]
    _kill(left.values())
    if status is None:
        platform.process.wait(STOP_TIMEOUT_S)
    said = platform.log.read_text()
    assert status is not None, f"`smartlite serve` was still running {STOP_TIMEOUT_S:g} s after SIGINT:\n{said}"
    assert not names, f"still running {STOP_TIMEOUT_S:g} s after SIGINT: {names}"
    assert status == 0, f"`smartlite serve` ended with {status}:\n{said}"


def _kill(processes: Iterable[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())[:100]
    except psutil.Error:
        return "?"
