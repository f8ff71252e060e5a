"""Where a request carries who sent it. Must not know how that is found out, nor what it allows."""

from typing import Annotated, Final

from fastapi import Depends, Request
from starlette.types import Scope

from smartlite.auth.permissions import ANONYMOUS_ADMIN
from smartlite.domain.principal import Principal
from smartlite.domain.tenant import working_for
from smartlite.errors import Unauthorized
from smartlite.jobs.gateway_calls import Caller

_KEY: Final = "principal"


def keep_principal(scope: Scope, principal: Principal) -> None:
    """Put who asks where the routes find it, and for whom this task works from now on."""
    scope.setdefault("state", {})[_KEY] = principal
    working_for.set(principal.organization_id or principal.user_id or "")


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


def caller_of(principal: Principal) -> Caller:
    """Who asks, as it is kept for what is done later."""
    if principal.user_id is None:
        return Caller("")
    return Caller(principal.user_id, principal.organization_id, principal.key_id, principal.scopes)


async def _principal(request: Request) -> Principal:
    return principal_of(request)


PrincipalDep = Annotated[Principal, Depends(_principal)]
