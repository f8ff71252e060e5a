"""A request's headers by name, indexed once for everybody who looks at them. Must not know what they mean."""

from collections.abc import Mapping, Sequence
from typing import Final

from starlette.types import Scope

_KEY: Final = "smartlite.headers"
_NONE: Final[tuple[bytes, ...]] = ()

Index = Mapping[bytes, Sequence[bytes]]


def headers_of(scope: Scope) -> Index:
    """Values by name in lower case, in the order in which they came; a change of ``scope["headers"]`` is seen only
    where the list is replaced, never where it is changed in its place."""
    headers = scope["headers"]
    known = scope.get(_KEY)
    if known is not None and known[0] is headers:
        index: Index = known[1]
        return index
    fresh: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        fresh.setdefault(name.lower(), []).append(value)
    scope[_KEY] = (headers, fresh)
    return fresh


def header(scope: Scope, name: bytes) -> str | None:
    """The first value of a header; None where there is none."""
    values = headers_of(scope).get(name)
    return values[0].decode("latin-1") if values else None


def header_values(scope: Scope, name: bytes) -> list[str]:
    """Every value of a header."""
    return [value.decode("latin-1") for value in headers_of(scope).get(name, _NONE)]
