"""How much work one expression or template may do. Must not know either.

A unit is about what the interpreter does in half a microsecond: a value that is looked at, 32 characters that are
copied. Sizes are counted before anything of that size is made.
"""

import math
from typing import Any, Final

from smartlite.domain.pipelines import JSON
from smartlite.errors import PipelineInvalid

UNITS: Final = 1_000_000
"""Of one expression or template: under a second of work."""
MAX_VALUE_BYTES: Final = 1024 * 1024
"""Of the JSON of what an expression gives."""
_CHARACTERS_PER_UNIT: Final = 32
_INT64: Final = range(-(2**63), 2**63)


class Budget:
    """What is left of the work that may be done."""

    def __init__(self, units: int = UNITS) -> None:
        self._left = units

    def spend(self, units: float) -> None:
        """Take some.

        Raises:
            PipelineInvalid: 400, nothing is left.
        """
        self._left -= math.ceil(units)
        if self._left < 0:
            raise PipelineInvalid("This takes too long: it does more work than one expression or template may do.")

    def copy(self, value: Any) -> None:
        """Pay for a copy of one string, list or object, not of what is in it."""
        if isinstance(value, str):
            self.spend(1 + len(value) / _CHARACTERS_PER_UNIT)
        elif isinstance(value, list | dict | tuple):
            self.spend(1 + len(value))

    def walk(self, value: Any) -> None:
        """Pay for a look at everything in a value."""
        pending: list[Any] = [value]
        while pending:
            inner = pending.pop()
            self.copy(inner)
            if isinstance(inner, dict):
                pending += inner.values()
            elif isinstance(inner, list | tuple):
                pending += inner


def measured(value: JSON, most_bytes: int = MAX_VALUE_BYTES) -> JSON:
    """Return the value if it is JSON of at most so many bytes, roughly.

    Raises:
        PipelineInvalid: 400, it is not JSON (a number that is not finite, or beyond 64 bits), or larger.
    """
    left = most_bytes
    pending: list[JSON] = [value]
    while pending:
        inner = pending.pop()
        if isinstance(inner, str):
            left -= len(inner)
        elif isinstance(inner, dict):
            pending += inner.values()
            left -= sum(map(len, inner)) + 4 * len(inner)
        elif isinstance(inner, list):
            pending += inner
            left -= len(inner)
        elif isinstance(inner, float) and not math.isfinite(inner):
            raise PipelineInvalid("It gives a number that is not finite.")
        elif isinstance(inner, int):
            left -= 4
            if inner not in _INT64:
                raise PipelineInvalid("It gives an integer that does not fit into 64 bits.")
        elif inner is not None and not isinstance(inner, float):
            raise PipelineInvalid("It gives something that is not JSON.")
        left -= 1
        if left < 0:
            raise PipelineInvalid(f"It gives more than {most_bytes} bytes of JSON.")
    return value
