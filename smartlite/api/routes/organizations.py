"""``/v1/organizations`` and their members; where authentication is on. Must not know how they are kept, nor who may.

To whoever is in none of it, an organisation is not there.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response

from smartlite.api.json_body import read_json
from smartlite.api.openapi import error_responses, json_request_body
from smartlite.api.permissions import needs, needs_principal
from smartlite.api.principal import PrincipalDep
from smartlite.api.schemas.organizations import (
    ChangedMember,
    ChangedOrganization,
    MemberList,
    MemberObject,
    NewMember,
    NewOrganization,
    OrganizationList,
    OrganizationObject,
)
from smartlite.api.services import OrganizationsDep
from smartlite.api.visitor import actor_of
from smartlite.auth.organizations import Seen
from smartlite.auth.scopes import Scope
from smartlite.domain.organizations import OrganizationRole

router = APIRouter(prefix="/organizations", tags=["Organizations"])

_After = Annotated[str | None, Query(max_length=128, description="`next` of the part before.")]
_Limit = Annotated[int, Query(ge=1, le=200, description="Most entries.")]
_ERRORS: Final = error_responses(400, 404)
_BAD: Final = error_responses(400)
_ABSENT: Final = error_responses(404)
_LAST_OWNER: Final = error_responses(409)


@router.get("", summary="List organizations", dependencies=[needs_principal()], responses=_BAD)
async def list_organizations(
    organizations: OrganizationsDep, principal: PrincipalDep, after: _After = None, limit: _Limit = 50
) -> OrganizationList:
    """Those that you are a member of; all of them with the scope `orgs:read`."""
    page = await organizations.page(principal, after, limit)
    data = [OrganizationObject.of(seen) for seen in page.items]
    return OrganizationList(data=data, has_more=page.next is not None, next=page.next)


@router.post(
    "",
    summary="Make an organization",
    status_code=201,
    dependencies=[needs(Scope.ORGS_WRITE)],
    responses=_BAD,
    openapi_extra=json_request_body(NewOrganization, {}),
)
async def add_organization(
    request: Request, organizations: OrganizationsDep, principal: PrincipalDep
) -> OrganizationObject:
    """You become its owner."""
    body = await read_json(request, NewOrganization)
    made = await organizations.add(await actor_of(request, principal), body.name, principal.user_id or "")
    return OrganizationObject.of(Seen(made, OrganizationRole.OWNER))


@router.get(
    "/{organization_id}", summary="Retrieve an organization", dependencies=[needs_principal()], responses=_ABSENT
)
async def retrieve_organization(
    organization_id: str, organizations: OrganizationsDep, principal: PrincipalDep
) -> OrganizationObject:
    """One that you are a member of; any with the scope `orgs:read`."""
    return OrganizationObject.of(await organizations.find(principal, organization_id))


@router.patch(
    "/{organization_id}",
    summary="Change an organization",
    dependencies=[needs_principal()],
    responses=_ERRORS,
    openapi_extra=json_request_body(ChangedOrganization, {}),
)
async def change_organization(
    request: Request, organization_id: str, organizations: OrganizationsDep, principal: PrincipalDep
) -> OrganizationObject:
    """Its name, as its owner or administrator; whether anybody acts for it, with the scope `orgs:write`."""
    body = await read_json(request, ChangedOrganization)
    actor = await actor_of(request, principal)
    return OrganizationObject.of(
        await organizations.change(principal, actor, organization_id, body.name, body.is_active)
    )


@router.delete(
    "/{organization_id}",
    summary="Remove an organization",
    status_code=204,
    dependencies=[needs_principal()],
    responses=_ABSENT,
)
async def remove_organization(
    request: Request, organization_id: str, organizations: OrganizationsDep, principal: PrincipalDep
) -> Response:
    """As its owner, or with the scope `orgs:write`. Its keys stop within two seconds; its usage and history stay."""
    await organizations.remove(principal, await actor_of(request, principal), organization_id)
    return Response(status_code=204)


@router.get("/{organization_id}/members", summary="List members", dependencies=[needs_principal()], responses=_ERRORS)
async def list_members(
    organization_id: str,
    organizations: OrganizationsDep,
    principal: PrincipalDep,
    after: _After = None,
    limit: _Limit = 50,
) -> MemberList:
    """In the order in which the users were made."""
    page = await organizations.page_members(principal, organization_id, after, limit)
    data = [MemberObject.of(member) for member in page.items]
    return MemberList(data=data, has_more=page.next is not None, next=page.next)


@router.post(
    "/{organization_id}/members",
    summary="Add a member",
    status_code=201,
    dependencies=[needs_principal()],
    responses=_ERRORS,
    openapi_extra=json_request_body(NewMember, {}),
)
async def add_member(
    request: Request, organization_id: str, organizations: OrganizationsDep, principal: PrincipalDep
) -> MemberObject:
    """As owner or administrator, or with the scope `orgs:write`; only an owner adds owners."""
    body = await read_json(request, NewMember)
    actor = await actor_of(request, principal)
    role = OrganizationRole(body.role)
    return MemberObject.of(await organizations.add_member(principal, actor, organization_id, body.user, role))


@router.patch(
    "/{organization_id}/members/{user_id}",
    summary="Change a member's role",
    dependencies=[needs_principal()],
    responses={**_ERRORS, **_LAST_OWNER},
    openapi_extra=json_request_body(ChangedMember, {}),
)
async def change_member(
    request: Request, organization_id: str, user_id: str, organizations: OrganizationsDep, principal: PrincipalDep
) -> MemberObject:
    """An organization keeps at least one owner."""
    body = await read_json(request, ChangedMember)
    actor = await actor_of(request, principal)
    role = OrganizationRole(body.role)
    return MemberObject.of(await organizations.set_role(principal, actor, organization_id, user_id, role))


@router.delete(
    "/{organization_id}/members/{user_id}",
    summary="Remove a member, or leave",
    status_code=204,
    dependencies=[needs_principal()],
    responses={**_ABSENT, **_LAST_OWNER},
)
async def remove_member(
    request: Request, organization_id: str, user_id: str, organizations: OrganizationsDep, principal: PrincipalDep
) -> Response:
    """Their keys for the organization are revoked."""
    await organizations.remove_member(principal, await actor_of(request, principal), organization_id, user_id)
    return Response(status_code=204)
