"""The header ``Prefer`` (RFC 7240): how long a client wants to wait for a result. Must not know for which."""

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

    @property
    def applied(self) -> dict[str, str]:
        """The header that tells what was made of it (section 3)."""
        return {"preference-applied": f"wait={self.wait_s}"} if self.wait_s else {}


def preference_of(request: Request) -> Preference:
    """Read the header; as the standard has it, what is not understood is ignored and the first of a kind counts."""
    for part in ",".join(request.headers.getlist("prefer")).split(","):
        name, _, value = part.partition(";")[0].partition("=")
        value = value.strip().strip('"')
        if name.strip().lower() == "wait" and value.isascii() and value.isdecimal() and len(value) <= _MOST_DIGITS:
            return Preference(min(int(value), MAX_WAIT_S))
    return Preference()
