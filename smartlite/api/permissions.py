"""What a route says of the rights that it needs. Must not know how rights are granted: ``auth/permissions.py`` decides.

Every route under a version of the API declares a scope, or that any principal will do, or that it is public; which is
checked before anything of the body is read. Where the body names a model, the route asks again once it knows which.
"""

from typing import Any, Final

from fastapi import Depends, Request

from smartlite.api.header_index import header
from smartlite.api.principal import principal_of
from smartlite.api.probing import kept_probe
from smartlite.api.spending import spending_of
from smartlite.auth.permissions import decide
from smartlite.auth.scopes import INFERENCE, Scope, covers
from smartlite.domain.models import ModelDirectory

_SMALL_BYTES: Final = 65_536
"""A body that may be read before its request is counted."""


class Needs:
    """A dependency that lets only those pass who hold a scope, be it for one model only."""

    def __init__(self, scope: Scope, is_reserving: bool = False) -> None:
        self.scope = scope
        self.is_reserving = is_reserving

    async def __call__(self, request: Request) -> None:
        """Raises PermissionDenied (403), Unauthorized (401), or RateLimited (429)."""
        principal = principal_of(request)
        decide(principal, self.scope)
        is_light = self.scope not in INFERENCE or kept_probe(request.scope) is not None
        may_put_off = self.is_reserving and _has_small_body(request)
        await spending_of(request).admit(principal, is_light=is_light, may_put_off=may_put_off)


class NeedsPrincipal:
    """A dependency that lets everybody pass whose credential was accepted, whatever it grants."""

    async def __call__(self, request: Request) -> None:
        """Raises Unauthorized (401), or RateLimited (429)."""
        await spending_of(request).admit(principal_of(request), is_light=True)


class Public:
    """A dependency that lets everybody pass; the address is one of ``PUBLIC_PATHS`` too, or nobody reaches it."""

    async def __call__(self) -> None:
        """Never raises."""


def needs_principal() -> Any:
    """As ``needs``, for a route that serves whoever asks with what is their own."""
    return Depends(NeedsPrincipal())


def public() -> Any:
    """As ``needs``, for a route by which somebody gets a credential."""
    return Depends(Public())


def needs(scope: Scope, *, is_reserving: bool = False) -> Any:
    """An entry of ``dependencies=[...]`` of a router or route; FastAPI gives its own type no public name.

    Args:
        scope: The right.
        is_reserving: Whether the route reserves (``Spending.reserve``) before it does anything that costs much: a
            request with a small body is counted then, in the same exchange.
    """
    return Depends(Needs(scope, is_reserving))


def check_model(request: Request, scope: Scope, model_id: str) -> None:
    """Check that who asks may use this model.

    Args:
        request: The request.
        scope: What for.
        model_id: The served model's own id, never an alias.

    Raises:
        PermissionDenied: 403, the scope was granted for other models only.
    """
    decide(principal_of(request), scope, model_id)


def allowed_models(request: Request, scope: Scope, models: ModelDirectory) -> ModelDirectory:
    """The models that who asks may use, out of all or of some: for a route that chooses one by itself."""
    grants = principal_of(request).scopes
    if scope in grants:
        return models
    return ModelDirectory(tuple(model for model in models.models if covers(grants, scope, model.id)))


def _has_small_body(request: Request) -> bool:
    told = header(request.scope, b"content-length")
    return told is not None and len(told) < 6 and told.isdigit() and int(told) <= _SMALL_BYTES
