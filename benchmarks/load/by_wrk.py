"""A closed loop by the program wrk, which costs less than any client in Python. Must not know who answers.

The client shares the cores with the servers it measures: the cheaper it is, the more of a ratio is the servers' own.
"""

import json
import resource
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.gateway import parse_wrk
from benchmarks.load.connection import Request
from benchmarks.load.outcome import Load

_LENGTH: Final = "content-length"
"""wrk adds it itself."""
_SPARE_S: Final = 30.0
_UNKNOWN: Final = float("nan")


def find_wrk(request: Request, can_post: bool = False) -> str | None:
    """Where wrk is; None where it is absent or is not to send this request.

    Args:
        request: A GET without a body, or what ``can_post`` allows.
        can_post: Also a POST of JSON. What wrk does not tell (first bytes, statuses) is then not known of it.
    """
    is_fitting = request.name.startswith("GET ") or (can_post and request.name.startswith("POST "))
    return shutil.which("wrk") if is_fitting else None


def closed_loop_by_wrk(program: str, request: Request, connections: int, duration_s: float) -> Load:
    """One run; the processor time of the servers is not known here.

    Raises:
        Unavailable: wrk printed no figures.
    """
    headers = [
        part for name, value in request.headers if name.lower() != _LENGTH for part in ("-H", f"{name}: {value}")
    ]
    length_s = max(1, round(duration_s))
    before_s = _children_cpu_s()
    with tempfile.TemporaryDirectory(prefix="smartlite-wrk-") as folder:
        script = script_of(request, Path(folder))
        command = (program, "-t1", f"-c{connections}", f"-d{length_s}s", "--latency", *script, *headers, request.url)
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


def script_of(request: Request, folder: Path) -> tuple[str, ...]:
    """What wrk needs for a body: a script in Lua, whose strings with escapes are JSON's where the text is ASCII."""
    method = request.name.partition(" ")[0]
    body = request.data.partition(b"\r\n\r\n")[2].decode("ascii")
    if method == "GET":
        return ()
    path = folder / "request.lua"
    path.write_text(f"wrk.method = {json.dumps(method)}\nwrk.body = {json.dumps(body)}\n", encoding="ascii")
    return ("-s", str(path))


def _children_cpu_s() -> float:
    """Of those that have ended; the servers have not."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
