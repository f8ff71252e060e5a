"""How busy this machine is, as its kernel counts it. Must not know who asks."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

_STAT: Final = Path("/proc/stat")
_IDLE: Final = slice(3, 5)
"""Of the counters in its first line: nothing to do, and waiting for the disk."""


class MachineLoad:
    """The share of all processors' time that was used since the last look.

    Args:
        read: Gives the kernel's counters, as ``/proc/stat`` has them; raises OSError where there are none.
    """

    def __init__(self, read: Callable[[], str] = lambda: _STAT.read_text("ascii")) -> None:
        self._read = read
        self._total, self._idle = self._counters()

    def look(self) -> float:
        """From 0 (nothing) to 1 (all of it); 0 where the kernel does not tell."""
        before_total, before_idle = self._total, self._idle
        self._total, self._idle = self._counters()
        elapsed = self._total - before_total
        return 1 - (self._idle - before_idle) / elapsed if elapsed > 0 else 0.0

    def _counters(self) -> tuple[int, int]:
        """Ticks in all, and idle ones."""
        try:
            ticks = [int(column) for column in self._read().split("\n", 1)[0].split()[1:]]
        except (OSError, ValueError):
            return 0, 0
        return sum(ticks), sum(ticks[_IDLE])
