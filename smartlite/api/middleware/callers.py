"""Which names the gateway answers to, and which web pages may make a browser call it. Must not know any route.

Without credentials, a page that somebody visits could use the gateway on that person's machine: by a name of its own
that it points at 127.0.0.1 (DNS rebinding), or by a form that needs no CORS permission. Programs send no ``Origin`` and
call the gateway by its address, so they notice nothing.
"""

from collections.abc import Sequence, Set
from typing import Final
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from smartlite.api.header_index import header
from smartlite.errors import HostNotAllowed, OriginNotAllowed

_ANY: Final = "*"
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class CallersMiddleware:
    """Raises HostNotAllowed (421) or OriginNotAllowed (403)."""

    def __init__(self, app: ASGIApp, hosts: Sequence[str], origins: Sequence[str], exempt_paths: Set[str]) -> None:
        self._app = app
        self._hosts = names(hosts)
        self._origins = frozenset(origins)
        self._exempt_paths = exempt_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in {"http", "websocket"} and scope["path"] not in self._exempt_paths:
            host = header(scope, b"host") or ""
            if not is_known(host, self._hosts):
                raise HostNotAllowed("This gateway does not answer to that name: see SMARTLITE_ALLOWED_HOSTS.")
            origin = header(scope, b"origin")
            if origin is not None and scope.get("method") not in _SAFE_METHODS and not self._may_call(origin, host):
                raise OriginNotAllowed("Pages of that origin may not call this gateway: see SMARTLITE_CORS_ORIGINS.")
        await self._app(scope, receive, send)

    def _may_call(self, origin: str, host: str) -> bool:
        return bool(self._origins & {_ANY, origin}) or urlsplit(origin).netloc.lower() == host.lower()


def names(hosts: Sequence[str]) -> frozenset[str]:
    """What the gateway is called, as ``is_known`` wants it."""
    return frozenset(host.lower() for host in hosts)


def is_known(host: str, known: Set[str]) -> bool:
    """Whether a Host header names the gateway."""
    return _ANY in known or _name_of(host) in known


def _name_of(host: str) -> str:
    """The Host header without its port, in lower case."""
    name, colon, port = host.lower().rpartition(":")
    return name if colon and port.isdecimal() else host.lower()
