"""How many cores this process may use. Must not know what runs on them, nor who else does."""

import os
from pathlib import Path
from typing import Final

_LIMIT: Final = Path("/sys/fs/cgroup/cpu.max")


def usable_cores(limit: Path = _LIMIT) -> int:
    """Cores that the system lets this process run on, at least 1.

    A container that is given fewer than the machine has still sees them all; its limit (cgroup v2, ``cpu.max``: quota
    and period in microseconds, or ``max``) counts then, rounded up.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = limit.read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        return cores
    return min(cores, max(1, -(-int(quota) // int(period)))) if quota.isdecimal() else cores
