"""``/v1/shares``: who else may read or change something; where authentication is on. Must not know how that is kept.

Whoever may change a thing says with whom it is shared, and sees with whom it is.
"""

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Request, Response

from smartlite.api.json_body import read_json
from smartlite.api.openapi import error_responses, json_request_body
from smartlite.api.permissions import needs_principal
from smartlite.api.principal import PrincipalDep
from smartlite.api.resources import resource_of
from smartlite.api.schemas.organizations import NewShare, ShareList, ShareObject
from smartlite.api.services import IdentityDep, Services, ServicesDep
from smartlite.api.visitor import actor_of
from smartlite.auth.policies import Resource, decide_access, decide_whole
from smartlite.auth.scopes import Scope
from smartlite.domain.organizations import Access, SubjectKind
from smartlite.domain.principal import Principal

router = APIRouter(prefix="/shares", tags=["Organizations"])

_Id = Annotated[str, Query(min_length=1, max_length=64)]
_Subject = Annotated[Literal["user", "role", "organization"], Query()]
_ERRORS: Final = error_responses(400, 404)


@router.get("", summary="List with whom something is shared", dependencies=[needs_principal()], responses=_ERRORS)
async def list_shares(
    services: ServicesDep, principal: PrincipalDep, resource_kind: _Id, resource_id: _Id
) -> ShareList:
    """As whoever may change it."""
    resource = await _own(services, principal, resource_kind, resource_id)
    return ShareList(data=[ShareObject.of(share) for share in resource.shares])


@router.put(
    "",
    summary="Share something",
    dependencies=[needs_principal()],
    responses=_ERRORS,
    openapi_extra=json_request_body(NewShare, {}),
)
async def put_share(
    request: Request, services: ServicesDep, identity: IdentityDep, principal: PrincipalDep
) -> ShareObject:
    """With a user, with all who have a role, or with an organization; again with another access, to change it."""
    body = await read_json(request, NewShare)
    resource = await _own(services, principal, body.resource_kind, body.resource_id)
    actor = await actor_of(request, principal)
    return ShareObject.of(await identity.sharing.put(principal, actor, resource, *body.subject))


@router.delete(
    "", summary="Share something no more", status_code=204, dependencies=[needs_principal()], responses=_ERRORS
)
async def remove_share(
    request: Request,
    services: ServicesDep,
    identity: IdentityDep,
    principal: PrincipalDep,
    resource_kind: _Id,
    resource_id: _Id,
    subject_kind: _Subject,
    subject_id: _Id,
) -> Response:
    """Takes back what was given to one user, role or organization."""
    resource = await _own(services, principal, resource_kind, resource_id)
    actor = await actor_of(request, principal)
    await identity.sharing.remove(actor, resource, SubjectKind(subject_kind), subject_id)
    return Response(status_code=204)


async def _own(services: Services, principal: Principal, kind: str, resource_id: str) -> Resource:
    resource = await resource_of(services, kind, resource_id)
    decide_access(principal, resource, Access.WRITE)
    decide_whole(principal, Scope.RESOURCES_ADMIN)
    return resource
