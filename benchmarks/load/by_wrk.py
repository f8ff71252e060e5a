"""A closed loop by the program wrk, which costs less than any client in Python. Must not know who answers.

The client shares the cores with the servers it measures: the cheaper it is, the more of a ratio is the servers' own.
"""

import resource
import shutil
import subprocess
from typing import Final

from benchmarks.gateway import parse_wrk
from benchmarks.load.connection import Request
from benchmarks.load.outcome import Load

_SPARE_S: Final = 30.0
_UNKNOWN: Final = float("nan")


def find_wrk(request: Request) -> str | None:
    """Where wrk is; None where it is absent or cannot send this request: it sends GET without a body."""
    return shutil.which("wrk") if request.name.startswith("GET ") else None


def closed_loop_by_wrk(program: str, request: Request, connections: int, duration_s: float) -> Load:
    """One run; the processor time of the servers is not known here.

    Raises:
        Unavailable: wrk printed no figures.
    """
    headers = [part for name, value in request.headers for part in ("-H", f"{name}: {value}")]
    length_s = max(1, round(duration_s))
    command = (program, "-t1", f"-c{connections}", f"-d{length_s}s", "--latency", *headers, request.url)
    before_s = _children_cpu_s()
    text = subprocess.run(command, capture_output=True, text=True, check=False, timeout=length_s + _SPARE_S).stdout
    found = parse_wrk(text)
    good = found.requests - found.failed
    return Load(
        offered_per_s=0.0,
        duration_s=found.requests / found.rate if found.rate else float(length_s),
        requests=found.requests,
        succeeded=good,
        goodput_per_s=found.rate * good / found.requests if found.requests else 0.0,
        p50_ms=found.p50_ms,
        p90_ms=_UNKNOWN,
        p95_ms=_UNKNOWN,
        p99_ms=found.p99_ms,
        p999_ms=_UNKNOWN,
        max_ms=_UNKNOWN,
        first_byte_p50_ms=_UNKNOWN,
        first_byte_p99_ms=_UNKNOWN,
        statuses={"200": good, "failed": found.failed} if found.failed else {"200": good},
        refused_well=_UNKNOWN,
        late_p99_ms=_UNKNOWN,
        client_cpu_s=_children_cpu_s() - before_s,
        server_cpu_s=_UNKNOWN,
    )


def _children_cpu_s() -> float:
    """Of those that have ended; the servers have not."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
