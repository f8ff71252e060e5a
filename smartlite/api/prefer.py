"""The header ``Prefer`` (RFC 7240): whether and how long a client waits for a result. Must not know for which."""

from dataclasses import dataclass
from typing import Final

from starlette.requests import Request

MAX_WAIT_S: Final = 300
"""Longer than proxies keep a connection that says nothing."""
_MOST_DIGITS: Final = 9


@dataclass(frozen=True, slots=True)
class Preference:
    """What a client prefers."""

    wait_s: int = 0
    """So many seconds it waits for a result, 0 to ``MAX_WAIT_S``."""
    is_async: bool = False
    """Whether it would have the answer later, ``respond-async``."""

    @property
    def applied(self) -> dict[str, str]:
        """The header that tells what was made of waiting (section 3)."""
        return {"preference-applied": f"wait={self.wait_s}"} if self.wait_s else {}

    @property
    def applied_async(self) -> dict[str, str]:
        """Likewise where the answer comes later."""
        return {"preference-applied": ", ".join(["respond-async", *self.applied.values()])}


def preference_of(request: Request) -> Preference:
    """Read the header; as the standard has it, what is not understood is ignored and the first of a kind counts."""
    wait_s: int | None = None
    is_async = False
    for part in ",".join(request.headers.getlist("prefer")).split(","):
        name, _, value = part.partition(";")[0].partition("=")
        name, value = name.strip().lower(), value.strip().strip('"')
        if name == "respond-async":
            is_async = True
        elif name == "wait" and wait_s is None and value.isascii() and value.isdecimal() and len(value) <= _MOST_DIGITS:
            wait_s = min(int(value), MAX_WAIT_S)
    return Preference(wait_s or 0, is_async)
