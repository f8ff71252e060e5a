"""What became of the requests of one run, counted. Must not know how they were sent."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.measure import percentile

AT_ONCE_S: Final = 0.25
"""A refusal that takes longer has made its caller wait for nothing."""
_REFUSALS: Final = ("429", "503")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One request. Seconds count from the start of the run."""

    due_s: float
    """When it was to be sent; in a closed loop when it was sent."""
    sent_s: float
    first_byte_s: float
    ended_s: float
    status: str
    """The status of the answer, or ``timeout``, ``broken``, ``refused`` (no connection), ``unsent``."""
    has_retry_after: bool = False

    @property
    def is_good(self) -> bool:
        """Whether it was answered as asked."""
        return self.status.startswith("2")

    @property
    def latency_s(self) -> float:
        """From the time it was due, so that waiting for a place to send from counts."""
        return self.ended_s - self.due_s


@dataclass(frozen=True, slots=True)
class Load:
    """One run in figures. Latencies are those of the requests that succeeded, from the time they were due."""

    offered_per_s: float
    """What was to be sent; 0 in a closed loop, which sends as fast as it is answered."""
    duration_s: float
    """From the first request due until the last answer, at least the time in which requests were due."""
    requests: int
    succeeded: int
    goodput_per_s: float
    """Successes a second."""
    p50_ms: float
    p90_ms: float
    p95_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float
    first_byte_p50_ms: float
    first_byte_p99_ms: float
    statuses: dict[str, int]
    refused_well: float
    """Of those that were sent and not served: the share answered 429 or 503 with Retry-After within AT_ONCE_S; not a
    number where all that were sent were served."""
    late_p99_ms: float
    """Sent after it was due: large where the client, not the server, was at its end."""
    client_cpu_s: float
    server_cpu_s: float

    @property
    def failed(self) -> int:
        """Requests that were not answered as asked."""
        return self.requests - self.succeeded

    @property
    def cpu_per_thousand_s(self) -> float:
        """Processor seconds of all server processes for a thousand successes; refusals are in it as well."""
        return 1000 * self.server_cpu_s / self.succeeded if self.succeeded else float("nan")


def count(
    outcomes: Sequence[Outcome], offered_per_s: float, duration_s: float, client_cpu_s: float, server_cpu_s: float
) -> Load:
    """Count a run.

    Args:
        outcomes: Every request that was due.
        offered_per_s: Requests due a second.
        duration_s: How long requests were due.
        client_cpu_s: Processor time of the client meanwhile.
        server_cpu_s: Of every process of the server; 0 where it is on another machine.
    """
    good = [outcome for outcome in outcomes if outcome.is_good]
    bad = [outcome for outcome in outcomes if not outcome.is_good]
    well = sum(
        outcome.status in _REFUSALS and outcome.has_retry_after and outcome.ended_s - outcome.sent_s <= AT_ONCE_S
        for outcome in bad
    )
    sent_badly = sum(outcome.status != "unsent" for outcome in bad)
    whole_s = max([duration_s, *(outcome.ended_s for outcome in outcomes)])
    latencies = sorted(outcome.latency_s * 1e3 for outcome in good)
    first = sorted((outcome.first_byte_s - outcome.due_s) * 1e3 for outcome in good)
    late = [(outcome.sent_s - outcome.due_s) * 1e3 for outcome in outcomes if outcome.status != "unsent"]
    return Load(
        offered_per_s=offered_per_s,
        duration_s=whole_s,
        requests=len(outcomes),
        succeeded=len(good),
        goodput_per_s=len(good) / whole_s,
        p50_ms=_rank(latencies, 50),
        p90_ms=_rank(latencies, 90),
        p95_ms=_rank(latencies, 95),
        p99_ms=_rank(latencies, 99),
        p999_ms=_rank(latencies, 99.9),
        max_ms=_rank(latencies, 100),
        first_byte_p50_ms=_rank(first, 50),
        first_byte_p99_ms=_rank(first, 99),
        statuses=dict(sorted(Counter(outcome.status for outcome in outcomes).items())),
        refused_well=well / sent_badly if sent_badly else float("nan"),
        late_p99_ms=_rank(late, 99),
        client_cpu_s=client_cpu_s,
        server_cpu_s=server_cpu_s,
    )


def _rank(values: Sequence[float], percent: float) -> float:
    return percentile(values, percent) if values else float("nan")
