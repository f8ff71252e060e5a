"""The one decision about single things: who may read or change what has an id. Must not know how it is kept, nor HTTP.

Deny by default. Whoever may not even read something is told what they would be told if it did not exist.
"""

from dataclasses import dataclass
from typing import Final

from smartlite.auth.permissions import decide
from smartlite.auth.scopes import Scope
from smartlite.domain.organizations import MANAGERS, Access, OrganizationRole, Share, SubjectKind
from smartlite.domain.principal import Principal
from smartlite.errors import NotFound, PermissionDenied

_NAMES: Final = {"api_key": ("API key", "key_id"), "request": ("request", "record_id")}
"""By kind: what people call it, and the parameter that its id comes in; else both are made of the kind."""


@dataclass(frozen=True, slots=True)
class Resource:
    """Something that has an id, and everything that the decision about it needs."""

    kind: str
    """Such as ``request``."""
    id: str
    owner_id: str | None
    """Id of the user that it belongs to; None: to nobody."""
    organization_id: str | None = None
    """The organisation that it belongs to; None: to none."""
    shares: tuple[Share, ...] = ()


def missing(kind: str, resource_id: str) -> NotFound:
    """What is told of something that does not exist, and of something that is another's."""
    name, param = _NAMES.get(kind, (kind.replace("_", " "), f"{kind}_id"))
    return NotFound(f"There is no {name} '{resource_id[:64]}'.", param)


def decide_access(principal: Principal, resource: Resource, access: Access) -> None:
    """Return if the principal may; raise if not.

    Whether the credential may do this kind of thing at all is asked before, by the scope that its route needs.

    Raises:
        NotFound: 404, not even reading is allowed.
        PermissionDenied: 403, reading is allowed, and this is not.
    """
    allowed = _allowed(principal, resource)
    if not allowed:
        raise missing(resource.kind, resource.id)
    if access not in allowed:
        name, _ = _NAMES.get(resource.kind, (resource.kind.replace("_", " "), ""))
        raise PermissionDenied(f"You may read this {name} and not change it.")


def decide_whole(principal: Principal, scope: Scope) -> None:
    """Return if the principal may act on their user's standing: their memberships, and what they own.

    A credential that was given only a part of its user's rights may not, unless the part has this scope.

    Raises:
        PermissionDenied: 403, names the missing scope.
    """
    if principal.is_narrowed:
        decide(principal, scope)


def role_in(principal: Principal, organization_id: str | None) -> OrganizationRole | None:
    """What the principal is in an organisation; None: nothing, also while they ask for another one."""
    if organization_id is None:
        return None
    return role_held(principal, organization_id, principal.memberships.get(organization_id))


def role_held(principal: Principal, organization_id: str, role: OrganizationRole | None) -> OrganizationRole | None:
    """What is left of what a user is in an organisation, for whoever asks in their name.

    A credential that was given only a part of its user's rights manages nothing.
    """
    if role is None or principal.organization_id not in {None, organization_id}:
        return None
    return OrganizationRole.MEMBER if principal.is_narrowed else role


def _allowed(principal: Principal, resource: Resource) -> frozenset[Access]:
    is_owner = resource.owner_id is not None and resource.owner_id == principal.user_id
    role = role_in(principal, resource.organization_id)
    if is_owner or role in MANAGERS or principal.may(Scope.RESOURCES_ADMIN):
        return frozenset(Access)
    shared = {share.access for share in resource.shares if _is_with(share, principal)}
    if Access.WRITE in shared:
        return frozenset(Access)
    return frozenset({Access.READ}) if shared or role is not None else frozenset()


def _is_with(share: Share, principal: Principal) -> bool:
    if share.subject_kind is SubjectKind.USER:
        return share.subject_id == principal.user_id
    if share.subject_kind is SubjectKind.ROLE:
        return share.subject_id in principal.roles
    return role_in(principal, share.subject_id) is not None
