"""What is spooled for a request, so that it is closed with it. Must not know what it is, nor which route asks."""

from typing import Final

from starlette.types import Scope

from smartlite.spool import Spool

_KEY: Final = "smartlite.spools"


def opened_spools(scope: Scope) -> list[Spool]:
    """Those of the request that has this ASGI scope, and those that will be."""
    spools: list[Spool] = scope.setdefault(_KEY, [])
    return spools


def closed_with(scope: Scope, spool: Spool) -> Spool:
    """The same spool, which is closed once its request has been answered."""
    opened_spools(scope).append(spool)
    return spool
