"""Routes that are asked so often that FastAPI's own way to them would be most of what they cost.

Such a route is declared as every other, by a decorator with what it needs, and stands in the document; it takes the
request and the services and no more, reads its body itself, has no parameter and one path. Must not know any route.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from smartlite.api.errors import Handler, exception_handlers
from smartlite.api.permissions import Needs
from smartlite.api.services import Services, get_services

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
    """Answers the routes that it is given, and leaves all others to FastAPI. Stands next to it.

    What a route raises is answered here by the handlers that the app has, as FastAPI's own routes have it: what stands
    further out sees an answer, and not an error.
    """

    def __init__(self, app: ASGIApp, routes: Mapping[tuple[str, str], FlatRoute]) -> None:
        self._app = app
        self._routes = routes
        self._handlers = {key: handler for key, handler in exception_handlers().items() if isinstance(key, type)}
        self._handled = tuple(self._handlers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._routes.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if route is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = route
        request = Request(scope, receive, send)
        try:
            for need in route.needs:
                await need(request)
            response = await route.endpoint(request, await get_services(request))
        except self._handled as error:
            response = await self._handler_of(error)(request, error)
        try:
            await response(scope, receive, send)
        except self._handled as error:
            # As Starlette says it; the failures middleware looks at the cause.
            msg = "an error came after the beginning of the answer"
            raise RuntimeError(msg) from error

    def _handler_of(self, error: Exception) -> Handler:
        return next(self._handlers[each] for each in type(error).__mro__ if each in self._handlers)
