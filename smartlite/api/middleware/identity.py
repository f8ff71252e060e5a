"""Who asks, found out before anything of the body is read. Must not know what they may do, nor any route."""

import re
from collections.abc import Awaitable, Callable, Sequence, Set
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from smartlite.api.principal import keep_principal, kept_principal
from smartlite.domain.principal import Principal

Authenticate = Callable[[str | None, str | None], Awaitable[Principal]]
"""From the values of ``Authorization`` and ``OpenAI-Organization``, None where there is none, to who asks; raises
Unauthorized (401)."""

_PREFLIGHT: Final = "OPTIONS"
"""Browsers send no credential with it, and no route of ours answers it."""


class IdentityMiddleware:
    """Finds out who sends a request to a version of the API; everything else (health, documentation) is for everybody.

    Args:
        app: What is inside.
        authenticate: Tells who asks.
        prefixes: Of the versions of the API; the empty one, of what belongs to none, is passed over.
        exempt_paths: Of a version, and yet for everybody; ``{...}`` in the place of a part of one stands for any.
    """

    def __init__(
        self, app: ASGIApp, authenticate: Authenticate, prefixes: Sequence[str], exempt_paths: Set[str]
    ) -> None:
        self._app = app
        self._authenticate = authenticate
        self._prefixes = tuple(prefix for prefix in prefixes if prefix)
        self._exempt = re.compile("|".join(map(_pattern, sorted(exempt_paths))))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_asked = scope["type"] == "http" and scope["method"] != _PREFLIGHT and self._is_guarded(scope["path"])
        # Only what calls the app in this process can have said it before: see ``api/in_process.py``.
        if is_asked and kept_principal(scope) is None:
            keep_principal(scope, await self._authenticate(_credential(scope), _organization(scope)))
        await self._app(scope, receive, send)

    def _is_guarded(self, path: str) -> bool:
        is_versioned = any(path == prefix or path.startswith(f"{prefix}/") for prefix in self._prefixes)
        return is_versioned and self._exempt.fullmatch(path) is None


def _pattern(path: str) -> str:
    return re.sub(r"\\\{[^/]+\\\}", "[^/]+", re.escape(path))


def _credential(scope: Scope) -> str | None:
    """Only from the header: an address, with all that it asks for, ends in logs and histories."""
    given = Headers(scope=scope).getlist("authorization")
    # Two are as good as none: something in front of us may have looked at the other one.
    return given[0] if len(given) == 1 else None


def _organization(scope: Scope) -> str | None:
    """What official clients send where they were given an organisation; an empty one is none, and two are no id."""
    given = [value for each in Headers(scope=scope).getlist("openai-organization") if (value := each.strip())]
    return ", ".join(given) or None
