"""Memory of the whole platform while nothing is asked of it, models included. Must not know stages."""

import time
from typing import Final

from benchmarks.measure import Goal, Row, Sample, value_row
from benchmarks.target import Target

_GOAL: Final = Goal("at most", 3.5, "GB")
_SETTLE_S: Final = 10.0
_READINGS: Final = 3


def measure(target: Target) -> list[Row]:
    """Resident memory of ``smartlite serve`` and all its processes, added up in two ways; a GB is 10^9 bytes."""
    target.wait_until_ready(60)
    time.sleep(_SETTLE_S)
    readings = []
    for _ in range(_READINGS):
        readings.append(target.processes.memory())
        time.sleep(1)
    when = f"{readings[0].processes} processes, {target.processes.age_s():.0f} s after the start"
    largest = list(target.processes.memory_by_name().items())[:8]
    parts = ", ".join(f"{name} {size / 1e6:.0f} MB" for name, size in largest)
    return [
        value_row(
            f"Memory, idle, RSS added up (shared pages count in each process); {when}",
            Sample(tuple(reading.rss / 1e9 for reading in readings), "GB"),
            _GOAL,
        ),
        value_row(
            f"Memory, idle, PSS added up (shared pages count once); largest: {parts}",
            Sample(tuple(reading.pss / 1e9 for reading in readings), "GB"),
            _GOAL,
        ),
    ]
