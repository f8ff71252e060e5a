"""The one place that decides whether somebody may do something. Must not know how they proved who they are.

Deny by default: what no role grants is refused, and so is what a key's own list of scopes leaves out.
"""

from typing import Final

from smartlite.auth.scopes import Scope, covers, in_both
from smartlite.domain.principal import Principal
from smartlite.errors import PermissionDenied

ANONYMOUS_ADMIN: Final = Principal(None, None, ("admin",), frozenset(map(str, Scope)), "anonymous")
"""Who asks where authentication is off."""


def effective_scopes(of_roles: frozenset[str], of_key: frozenset[str] | None) -> frozenset[str]:
    """What a key may do: what its owner's roles grant, less what the key leaves out.

    Args:
        of_roles: The grants of all roles together.
        of_key: The key's own list; None where it has none, which leaves out nothing. An empty list leaves out all.
    """
    return of_roles if of_key is None else in_both(of_roles, of_key)


def decide(principal: Principal, scope: Scope, model: str | None = None) -> None:
    """Return if the principal may; raise if not.

    Args:
        principal: Who asks.
        scope: What for.
        model: A served model's own id. None, where it is not known yet, asks whether there is any model to do it with.

    Raises:
        PermissionDenied: 403, names the missing scope.
    """
    if not covers(principal.scopes, scope, model):
        missing = scope if model is None else f"{scope}:{model}"
        raise PermissionDenied(f"This credential may not do that: it lacks the scope '{missing}'.")


def decide_on_own(principal: Principal, scope: Scope) -> None:
    """Return if the principal may handle credentials of its own user.

    A session may; a key or a client only as far as it may handle keys, which are credentials too.

    Raises:
        PermissionDenied: 403, names the missing scope.
    """
    if principal.is_limited:
        decide(principal, scope)


def check_held(principal: Principal, grants: frozenset[str]) -> None:
    """Return if the principal holds all that somebody is to be given.

    Raises:
        PermissionDenied: 403, nobody grants more than they hold.
    """
    if lacking := sorted(grants - in_both(grants, principal.scopes)):
        raise PermissionDenied(f"Nobody grants more than they hold; you lack '{lacking[0]}'.")
