"""When something that fails is left alone for a while. Must not know what it is."""

import time
from collections.abc import Callable
from typing import Final

FAILURES: Final = 5
OPEN_S: Final = 2.0


class CircuitBreaker:
    """Opens after so many failures in a row; from then on one try is let through every so many seconds.

    Args:
        clock: Tells seconds that never go back.
        failures: So many open it.
        open_s: So long nobody tries, in seconds.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, failures: int = FAILURES, open_s: float = OPEN_S
    ) -> None:
        self._clock = clock
        self._failures = failures
        self._open_s = open_s
        self._failed = 0
        self._try_at_s = 0.0

    @property
    def is_open(self) -> bool:
        """Whether it has opened and no try has succeeded since."""
        return self._failed >= self._failures

    def may_try(self) -> bool:
        """Whether to try now; where it is open, the one who is told so is the probe."""
        if not self.is_open:
            return True
        now_s = self._clock()
        if now_s < self._try_at_s:
            return False
        # A probe that is given up half-way leaves nothing to tidy: the next one comes after the same time.
        self._try_at_s = now_s + self._open_s
        return True

    def succeed(self) -> None:
        """Note that a try succeeded."""
        self._failed = 0

    def fail(self) -> None:
        """Note that a try failed."""
        self._failed += 1
        if self._failed == self._failures:
            self._try_at_s = self._clock() + self._open_s
