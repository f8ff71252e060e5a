"""Who sends a request, as far as it can be seen. Must not know who that is, nor any route."""

from starlette.requests import Request

from smartlite.api.middleware.limits import ADDRESS_HEADER
from smartlite.api.services import get_services
from smartlite.auth.noted import Actor
from smartlite.auth.sessions import Visitor
from smartlite.domain.principal import Principal


async def visitor_of(request: Request) -> Visitor:
    """Address and program; the address is our edge's word where that is in front, and else the connection's."""
    services = await get_services(request)
    told = request.headers.getlist(ADDRESS_HEADER) if services.settings.edge == "own" else []
    address = told[0] if len(told) == 1 else request.client.host if request.client else None
    return Visitor(address, request.headers.get("user-agent", ""))


async def actor_of(request: Request, principal: Principal) -> Actor:
    """Who changes something, for the audit log."""
    return Actor(principal.user_id, (await visitor_of(request)).address)
