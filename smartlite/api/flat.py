"""Routes that are asked so often that FastAPI's own way to them would be most of what they cost.

Such a route is declared as every other, by a decorator with what it needs, and stands in the document; it takes the
request and the services and no more, reads no body and no parameter, and has one path. Must not know any route.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from smartlite.api.permissions import Needs
from smartlite.api.services import Services

Endpoint = Callable[[Request, Services], Awaitable[Response]]
_IS_FLAT: Final = "is_flat"


def flat(endpoint: Endpoint) -> Endpoint:
    """Mark a route's function, below its decorator."""
    setattr(endpoint, _IS_FLAT, True)
    return endpoint


@dataclass(frozen=True, slots=True)
class FlatRoute:
    """A route by its method and whole path."""

    path: str
    """Its template, which has nothing to fill in."""
    needs: tuple[Needs, ...]
    endpoint: Endpoint


def flat_routes(routers: Mapping[str, Iterable[APIRouter]]) -> dict[tuple[str, str], FlatRoute]:
    """The marked routes of routers that are included under prefixes, by method and path."""
    found: dict[tuple[str, str], FlatRoute] = {}
    for prefix, included in routers.items():
        for router in included:
            for route in router.routes:
                if isinstance(route, APIRoute) and hasattr(route.endpoint, _IS_FLAT):
                    declared = [each.dependency for each in route.dependencies]
                    needs = tuple([each for each in declared if isinstance(each, Needs)])
                    if len(needs) < len(declared):
                        msg = f"{route.path} is flat and depends on more than what it needs"
                        raise TypeError(msg)
                    for method in route.methods or ():
                        found[method, prefix + route.path] = FlatRoute(prefix + route.path, needs, route.endpoint)
    return found


class FlatMiddleware:
    """Answers the routes that it is given, and leaves all others to FastAPI. Stands next to it: errors are raised."""

    def __init__(self, app: ASGIApp, routes: Mapping[tuple[str, str], FlatRoute]) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._routes.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if route is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = route
        request = Request(scope, receive, send)
        for need in route.needs:
            await need(request)
        response = await route.endpoint(request, request.app.state.services)
        await response(scope, receive, send)
