"""``/v1/users``, ``/v1/roles``, ``/v1/api-keys``, ``/v1/audit``: who may use the platform; where authentication is on.

Nobody grants more than they hold: neither by a role, nor by a key, nor by a key of somebody who may do more. Must not
know how anything is kept.
"""

from collections.abc import Collection
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response

from smartlite.api.json_body import read_json
from smartlite.api.openapi import error_responses, json_request_body
from smartlite.api.permissions import needs
from smartlite.api.principal import PrincipalDep
from smartlite.api.schemas.identity import (
    AuditList,
    AuditObject,
    ChangedUser,
    KeyList,
    KeyObject,
    MadeKey,
    NewKeyForm,
    NewRole,
    NewUser,
    RoleList,
    RoleObject,
    UserList,
    UserObject,
)
from smartlite.api.services import IdentityDep
from smartlite.api.visitor import actor_of
from smartlite.auth.identity import Identity, UserWithRoles
from smartlite.auth.permissions import check_held, decide
from smartlite.auth.policies import Resource, decide_access, missing, role_in
from smartlite.auth.scopes import BUILT_IN_ROLES, Scope, check_grants
from smartlite.domain.organizations import MANAGERS, Access
from smartlite.domain.principal import Principal
from smartlite.errors import NotFound

router = APIRouter(tags=["Identity"])

_After = Annotated[str | None, Query(max_length=128, description="`next` of the part before.")]
_Limit = Annotated[int, Query(ge=1, le=200, description="Most entries.")]
_ERRORS: Final = error_responses(400, 404)
_BAD: Final = error_responses(400)
_ABSENT: Final = error_responses(404)


@router.get("/users", summary="List users", dependencies=[needs(Scope.USERS_READ)], responses=_BAD)
async def list_users(identity: IdentityDep, after: _After = None, limit: _Limit = 50) -> UserList:
    """In the order in which they were made."""
    page = await identity.page_users(after, limit)
    return UserList(data=[UserObject.of(each) for each in page.items], has_more=page.next is not None, next=page.next)


@router.post(
    "/users",
    summary="Add a user",
    status_code=201,
    dependencies=[needs(Scope.USERS_WRITE)],
    responses=_BAD,
    openapi_extra=json_request_body(NewUser, {}),
)
async def add_user(request: Request, identity: IdentityDep, principal: PrincipalDep) -> UserObject:
    """A user signs in with keys that are made for them."""
    body = await read_json(request, NewUser)
    await _check_roles(identity, principal, body.roles)
    return UserObject.of(await identity.add_user(await actor_of(request, principal), body.email, body.name, body.roles))


@router.get("/users/{user_id}", summary="Retrieve a user", dependencies=[needs(Scope.USERS_READ)], responses=_ABSENT)
async def retrieve_user(user_id: str, identity: IdentityDep) -> UserObject:
    """By id."""
    return UserObject.of(await _user(identity, user_id))


@router.patch(
    "/users/{user_id}",
    summary="Change a user",
    dependencies=[needs(Scope.USERS_WRITE)],
    responses=_ERRORS,
    openapi_extra=json_request_body(ChangedUser, {}),
)
async def change_user(request: Request, user_id: str, identity: IdentityDep, principal: PrincipalDep) -> UserObject:
    """Other roles, or in and out."""
    body = await read_json(request, ChangedUser)
    user = await _user(identity, user_id)
    await _check_roles(identity, principal, {*user.roles, *(body.roles or ())})
    return UserObject.of(
        await identity.change_user(await actor_of(request, principal), user_id, body.is_active, body.roles)
    )


@router.get("/roles", summary="List roles", dependencies=[needs(Scope.USERS_READ)], responses=_BAD)
async def list_roles(identity: IdentityDep, after: _After = None, limit: _Limit = 50) -> RoleList:
    """Those that ship come with the first part."""
    page = await identity.page_roles(after, limit)
    shipped = [
        RoleObject(id=name, name=name, scopes=sorted(scopes), built_in=True) for name, scopes in BUILT_IN_ROLES.items()
    ]
    data = ([] if after else shipped) + [RoleObject.of(role) for role in page.items]
    return RoleList(data=data, has_more=page.next is not None, next=page.next)


@router.post(
    "/roles",
    summary="Make a role",
    status_code=201,
    dependencies=[needs(Scope.ROLES_WRITE)],
    responses=_BAD,
    openapi_extra=json_request_body(NewRole, {}),
)
async def add_role(request: Request, identity: IdentityDep, principal: PrincipalDep) -> RoleObject:
    """Of scopes that you hold."""
    body = await read_json(request, NewRole)
    check_held(principal, check_grants(body.scopes))
    return RoleObject.of(await identity.add_role(await actor_of(request, principal), body.name, body.scopes))


@router.delete(
    "/roles/{role_id}",
    summary="Take a role away",
    status_code=204,
    dependencies=[needs(Scope.ROLES_WRITE)],
    responses=_ABSENT,
)
async def remove_role(request: Request, role_id: str, identity: IdentityDep, principal: PrincipalDep) -> Response:
    """Also from those who have it."""
    await identity.remove_role(await actor_of(request, principal), role_id)
    return Response(status_code=204)


@router.get("/api-keys", summary="List API keys", dependencies=[needs(Scope.KEYS_READ)], responses=_ERRORS)
async def list_keys(
    identity: IdentityDep,
    principal: PrincipalDep,
    user_id: str | None = None,
    organization_id: str | None = None,
    after: _After = None,
    limit: _Limit = 50,
) -> KeyList:
    """Your own, the revoked ones too; another user's with the scope `users:read`.

    Where you name an organization, those that are for it: as its owner or administrator, or with that scope.
    """
    if organization_id is not None:
        _check_manager(principal, organization_id)
        found = await identity.page_organization_keys(organization_id, user_id, after, limit)
        return KeyList(
            data=[KeyObject.of(key) for key in found.items], has_more=found.next is not None, next=found.next
        )
    if user_id is not None and user_id != principal.user_id:
        decide(principal, Scope.USERS_READ)
    page = await identity.page_keys(user_id or principal.user_id or "", after, limit)
    return KeyList(data=[KeyObject.of(key) for key in page.items], has_more=page.next is not None, next=page.next)


@router.post(
    "/api-keys",
    summary="Make an API key",
    status_code=201,
    dependencies=[needs(Scope.KEYS_WRITE)],
    responses=_ERRORS,
    openapi_extra=json_request_body(NewKeyForm, {}),
)
async def add_key(request: Request, identity: IdentityDep, principal: PrincipalDep) -> MadeKey:
    """The answer holds the key's text, which is shown this once."""
    body = await read_json(request, NewKeyForm)
    owner = body.user_id or principal.user_id or ""
    scopes: frozenset[str] | None = None if body.scopes is None else check_grants(body.scopes)
    if owner == principal.user_id:
        scopes = await _within_own_key(identity, principal, scopes)
    else:
        decide(principal, Scope.USERS_WRITE)
        await _check_roles(identity, principal, (await _user(identity, owner)).roles)
    organization_id = body.organization_id or principal.organization_id
    if principal.organization_id not in {None, organization_id}:
        raise missing("organization", organization_id or "")
    actor = await actor_of(request, principal)
    key, text = await identity.add_key(actor, owner, body.name, scopes, body.expires_at, organization_id)
    return MadeKey(**KeyObject.of(key).model_dump(), key=text)


@router.delete(
    "/api-keys/{key_id}",
    summary="Revoke an API key",
    status_code=204,
    dependencies=[needs(Scope.KEYS_WRITE)],
    responses=_ABSENT,
)
async def revoke_key(request: Request, key_id: str, identity: IdentityDep, principal: PrincipalDep) -> Response:
    """Your own, or one of an organization that you manage; another user's with the scope `users:write`.

    It stops within two seconds, everywhere.
    """
    key = await identity.find_api_key(key_id)
    if key.user_id != principal.user_id and role_in(principal, key.organization_id) not in MANAGERS:
        if not principal.may(Scope.USERS_WRITE):
            decide_access(principal, Resource("api_key", key.id, key.user_id, key.organization_id), Access.WRITE)
        await _check_roles(identity, principal, (await _user(identity, key.user_id)).roles)
    await identity.revoke_key(await actor_of(request, principal), key.id)
    return Response(status_code=204)


@router.get("/audit", summary="Read the audit log", dependencies=[needs(Scope.AUDIT_READ)], responses=_BAD)
async def list_audit(
    identity: IdentityDep, actor_id: str | None = None, after: _After = None, limit: _Limit = 50
) -> AuditList:
    """Newest first."""
    page = await identity.page_audit(actor_id, after, limit)
    return AuditList(data=[AuditObject.of(each) for each in page.items], has_more=page.next is not None, next=page.next)


async def _user(identity: Identity, user_id: str) -> UserWithRoles:
    if "@" in user_id:
        raise NotFound(f"There is no user '{user_id[:64]}'.", "user_id")
    return await identity.find_user(user_id)


def _check_manager(principal: Principal, organization_id: str) -> None:
    role = role_in(principal, organization_id)
    if role is None and not principal.may(Scope.USERS_READ):
        raise missing("organization", organization_id)
    if role not in MANAGERS:
        decide(principal, Scope.USERS_READ)


async def _check_roles(identity: Identity, principal: Principal, roles: Collection[str]) -> None:
    check_held(principal, await identity.grants_of(roles))


async def _within_own_key(
    identity: Identity, principal: Principal, scopes: frozenset[str] | None
) -> frozenset[str] | None:
    """A key or a client that was limited makes no key that is less so."""
    if scopes is not None:
        check_held(principal, scopes)
        return scopes
    if principal.client_id is not None:
        return principal.scopes
    own = None if principal.key_id is None else (await identity.find_api_key(principal.key_id)).scopes
    return None if own is None else principal.scopes
