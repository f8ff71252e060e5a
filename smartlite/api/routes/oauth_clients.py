"""``/v1/oauth/clients`` and ``/v1/auth/grants``: programs that act for users, and what they were given.

Where authentication is on. Nobody gives a client more than they hold, nor a secret of one that may do more. Must not
know how anything is kept.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response

from smartlite.api.json_body import read_json
from smartlite.api.openapi import error_responses, json_request_body
from smartlite.api.permissions import needs, needs_principal
from smartlite.api.principal import PrincipalDep
from smartlite.api.schemas.oauth_clients import (
    ClientList,
    ClientObject,
    GrantList,
    GrantObject,
    MadeClient,
    NewClient,
)
from smartlite.api.services import AccountsDep
from smartlite.api.visitor import actor_of
from smartlite.auth.accounts import Accounts
from smartlite.auth.permissions import check_held, decide, decide_on_own
from smartlite.auth.scopes import Scope, check_grants
from smartlite.domain.oauth import ClientKind, GrantType, OAuthClient
from smartlite.domain.principal import Principal

router = APIRouter(prefix="/oauth/clients", tags=["OAuth"])
grants = APIRouter(prefix="/auth/grants", tags=["OAuth"])

_After = Annotated[str | None, Query(max_length=128, description="`next` of the part before.")]
_Limit = Annotated[int, Query(ge=1, le=200, description="Most entries.")]
_ERRORS: Final = error_responses(400, 404)
_BAD: Final = error_responses(400)
_ABSENT: Final = error_responses(404)


async def _uncached(response: Response) -> None:
    response.headers["cache-control"] = "no-store"


@router.get("", summary="List clients", dependencies=[needs(Scope.OAUTH_READ)], responses=_BAD)
async def list_clients(
    accounts: AccountsDep, principal: PrincipalDep, user_id: str | None = None, after: _After = None, limit: _Limit = 50
) -> ClientList:
    """Your own, the revoked ones too; another user's with the scope `users:write`."""
    if user_id is not None and user_id != principal.user_id:
        decide(principal, Scope.USERS_WRITE)
    page = await accounts.oauth.clients.page(user_id or principal.user_id or "", after, limit)
    data = [ClientObject.of(client) for client in page.items]
    return ClientList(data=data, has_more=page.next is not None, next=page.next)


@router.post(
    "",
    summary="Register a client",
    status_code=201,
    dependencies=[needs(Scope.OAUTH_WRITE), Depends(_uncached)],
    responses=_BAD,
    openapi_extra=json_request_body(NewClient, {}),
)
async def add_client(request: Request, accounts: AccountsDep, principal: PrincipalDep) -> MadeClient:
    """The answer holds the secret of a confidential client, which is shown this once."""
    body = await read_json(request, NewClient)
    check_held(principal, check_grants(body.scopes))
    client, secret = await accounts.oauth.clients.add(
        await actor_of(request, principal),
        principal.user_id or "",
        body.name,
        ClientKind(body.kind),
        frozenset(map(GrantType, body.grant_types)),
        body.scopes,
        body.redirect_uris,
    )
    return MadeClient(**ClientObject.of(client).model_dump(), client_secret=secret)


@router.get("/{client_id}", summary="Retrieve a client", dependencies=[needs(Scope.OAUTH_READ)], responses=_ABSENT)
async def retrieve_client(client_id: str, accounts: AccountsDep, principal: PrincipalDep) -> ClientObject:
    """Your own; another user's with the scope `users:write`."""
    return ClientObject.of(await _client(accounts, principal, client_id))


@router.delete(
    "/{client_id}",
    summary="Revoke a client",
    status_code=204,
    dependencies=[needs(Scope.OAUTH_WRITE)],
    responses=_ABSENT,
)
async def revoke_client(request: Request, client_id: str, accounts: AccountsDep, principal: PrincipalDep) -> Response:
    """With everything that users gave it; it stops within two seconds, everywhere."""
    client = await _client(accounts, principal, client_id)
    await _check_owner(accounts, principal, client)
    await accounts.oauth.clients.revoke(await actor_of(request, principal), client.id)
    return Response(status_code=204)


@router.post(
    "/{client_id}/secret",
    summary="Make a client another secret",
    dependencies=[needs(Scope.OAUTH_WRITE), Depends(_uncached)],
    responses=_ERRORS,
)
async def renew_secret(request: Request, client_id: str, accounts: AccountsDep, principal: PrincipalDep) -> MadeClient:
    """The one before is good no more; what was given by it goes on."""
    client = await _client(accounts, principal, client_id)
    check_held(principal, client.scopes)
    await _check_owner(accounts, principal, client)
    client, secret = await accounts.oauth.clients.renew_secret(await actor_of(request, principal), client)
    return MadeClient(**ClientObject.of(client).model_dump(), client_secret=secret)


@grants.get("", summary="List what you gave to clients", dependencies=[needs_principal()], responses=_BAD)
async def list_grants(
    accounts: AccountsDep, principal: PrincipalDep, user_id: str | None = None, after: _After = None, limit: _Limit = 50
) -> GrantList:
    """What you have not taken back; another user's with the scope `users:read`."""
    if user_id is not None and user_id != principal.user_id:
        decide(principal, Scope.USERS_READ)
    else:
        decide_on_own(principal, Scope.KEYS_READ)
    page = await accounts.oauth.grants.page(user_id or principal.user_id or "", after, limit)
    data = [GrantObject.of(*each) for each in page.items]
    return GrantList(data=data, has_more=page.next is not None, next=page.next)


@grants.delete(
    "/{grant_id}",
    summary="Take back what you gave to a client",
    status_code=204,
    dependencies=[needs_principal()],
    responses=_ABSENT,
)
async def revoke_grant(request: Request, grant_id: str, accounts: AccountsDep, principal: PrincipalDep) -> Response:
    """Its tokens stop within two seconds, everywhere.

    Another user's with the scope `users:write`, unless they may do more than you.
    """
    owner = None if principal.may(Scope.USERS_WRITE) else principal.user_id or ""
    if owner is not None:
        decide_on_own(principal, Scope.KEYS_WRITE)
    elif (found := await accounts.oauth.grants.find(grant_id)) and found.held.user.id != principal.user_id:
        check_held(principal, found.role_scopes)
    await accounts.oauth.grants.revoke(await actor_of(request, principal), grant_id, owner)
    return Response(status_code=204)


async def _client(accounts: Accounts, principal: Principal, client_id: str) -> OAuthClient:
    owner = None if principal.may(Scope.USERS_WRITE) else principal.user_id or ""
    return await accounts.oauth.clients.get(client_id, owner)


async def _check_owner(accounts: Accounts, principal: Principal, client: OAuthClient) -> None:
    """What belongs to somebody who may do more is not touched."""
    if client.user_id != principal.user_id:
        check_held(principal, await accounts.oauth.clients.owner_scopes(client))
