"""Where a request carries who sent it. Must not know how that is found out, nor what it allows."""

from typing import Annotated, Final

from fastapi import Depends, Request
from starlette.types import Scope

from smartlite.auth.permissions import ANONYMOUS_ADMIN
from smartlite.domain.principal import Principal
from smartlite.errors import Unauthorized

_KEY: Final = "principal"


def keep_principal(scope: Scope, principal: Principal) -> None:
    """Put who asks where the routes find it."""
    scope.setdefault("state", {})[_KEY] = principal


def kept_principal(scope: Scope) -> Principal | None:
    """Who asks, as far as it was found out."""
    found = scope.get("state", {}).get(_KEY)
    return found if isinstance(found, Principal) else None


def principal_of(request: Request) -> Principal:
    """Who sent this request.

    Raises:
        Unauthorized: 401, authentication is on and nobody has found out; a route that the middleware does not cover is
            closed, not open.
    """
    found = kept_principal(request.scope)
    if found is not None:
        return found
    if request.app.state.services.authenticator is None:
        return ANONYMOUS_ADMIN
    raise Unauthorized("This address needs a credential.")


async def _principal(request: Request) -> Principal:
    return principal_of(request)


PrincipalDep = Annotated[Principal, Depends(_principal)]
