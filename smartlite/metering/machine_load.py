"""How busy this machine is, as its kernel counts it. Must not know who asks."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

_STAT: Final = Path("/proc/stat")
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_IDLE: Final = slice(3, 5)
"""Of the counters in its first line: nothing to do, and waiting for the disk."""


class MachineLoad:
    """The share of all processors' time that others than this process used since the last look.

    Args:
        read: Gives the kernel's counters, as ``/proc/stat`` has them; raises OSError where there are none.
        own_s: Gives the processor time that this process has used, in seconds.
    """

    def __init__(
        self,
        read: Callable[[], str] = lambda: _STAT.read_text("ascii"),
        own_s: Callable[[], float] = time.process_time,
    ) -> None:
        self._read = read
        self._own_s = own_s
        self._total, self._idle = self._counters()

    def look(self) -> float:
        """From 0 (nothing) to 1 (all of it); 0 where the kernel does not tell."""
        before_total, before_idle = self._total, self._idle
        self._total, self._idle = self._counters()
        elapsed = self._total - before_total
        return 1 - (self._idle - before_idle) / elapsed if elapsed > 0 else 0.0

    def _counters(self) -> tuple[int, int]:
        """Ticks in all, and those that are free for this process: idle ones, and its own."""
        try:
            ticks = [int(column) for column in self._read().split("\n", 1)[0].split()[1:]]
        except (OSError, ValueError):
            return 0, 0
        return sum(ticks), sum(ticks[_IDLE]) + round(_TICKS_PER_S * self._own_s())
