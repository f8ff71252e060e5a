"""``/v1/auth``: signing in with a password, and the sessions that come of it; where authentication is on.

Must not know how anything is kept. A key that is limited does to its owner's sessions what it may do to keys.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response

from smartlite.api.json_body import read_json
from smartlite.api.openapi import error_responses, json_request_body
from smartlite.api.permissions import needs_principal, public
from smartlite.api.principal import PrincipalDep
from smartlite.api.schemas.auth import (
    LoginForm,
    Me,
    PasswordForm,
    PublicKeys,
    RefreshForm,
    SessionList,
    SessionObject,
    Tokens,
)
from smartlite.api.services import AccountsDep
from smartlite.api.visitor import actor_of, visitor_of
from smartlite.auth.permissions import check_held, decide, decide_on_own
from smartlite.auth.scopes import Scope
from smartlite.errors import InvalidRequest

router = APIRouter(prefix="/auth", tags=["Sign-in"])
well_known = APIRouter(tags=["Sign-in"])

_After = Annotated[str | None, Query(max_length=128, description="`next` of the part before.")]
_Limit = Annotated[int, Query(ge=1, le=200, description="Most entries.")]
_BAD: Final = error_responses(400)
_ABSENT: Final = error_responses(404)
_BODY_ERRORS: Final = error_responses(400, 401)


async def _uncached(response: Response) -> None:
    """RFC 6749, section 5.1: no cache keeps tokens."""
    response.headers["cache-control"] = "no-store"


@router.post(
    "/login",
    summary="Sign in",
    dependencies=[public(), Depends(_uncached)],
    responses=_BODY_ERRORS,
    openapi_extra=json_request_body(LoginForm, {}),
)
async def login(request: Request, accounts: AccountsDep) -> Tokens:
    """With e-mail address and password."""
    body = await read_json(request, LoginForm)
    return Tokens.of(await accounts.sign_in.sign_in(body.email, body.password, await visitor_of(request)))


@router.post(
    "/refresh",
    summary="Refresh the tokens",
    dependencies=[public(), Depends(_uncached)],
    responses=_BODY_ERRORS,
    openapi_extra=json_request_body(RefreshForm, {}),
)
async def refresh(request: Request, accounts: AccountsDep) -> Tokens:
    """A request that is repeated within 30 seconds gets the same refresh token; later, the session ends."""
    body = await read_json(request, RefreshForm)
    return Tokens.of(await accounts.sessions.refresh(body.refresh_token, await visitor_of(request)))


@router.post("/logout", summary="Sign out", status_code=204, dependencies=[needs_principal()], responses=_BAD)
async def logout(request: Request, accounts: AccountsDep, principal: PrincipalDep) -> Response:
    """Ends the session that asks; its tokens stop within two seconds, everywhere."""
    if principal.session_id is None:
        raise InvalidRequest("There is no session to end: this request was sent with an API key.")
    await accounts.sessions.revoke(await actor_of(request, principal), principal.session_id, principal.user_id)
    return Response(status_code=204)


@router.get("/me", summary="Who am I?", dependencies=[needs_principal()])
async def me(principal: PrincipalDep) -> Me:
    """And what this credential may do."""
    return Me.of(principal)


@router.get("/sessions", summary="List sessions", dependencies=[needs_principal()], responses=_BAD)
async def list_sessions(
    accounts: AccountsDep,
    principal: PrincipalDep,
    user_id: str | None = None,
    after: _After = None,
    limit: _Limit = 50,
) -> SessionList:
    """Your own that have not ended; another user's with the scope `users:read`."""
    if user_id is not None and user_id != principal.user_id:
        decide(principal, Scope.USERS_READ)
    else:
        decide_on_own(principal, Scope.KEYS_READ)
    page = await accounts.sessions.page(user_id or principal.user_id or "", after, limit)
    data = [SessionObject.of(each, principal.session_id) for each in page.items]
    return SessionList(data=data, has_more=page.next is not None, next=page.next)


@router.delete(
    "/sessions/{session_id}",
    summary="End a session",
    status_code=204,
    dependencies=[needs_principal()],
    responses=_ABSENT,
)
async def end_session(request: Request, session_id: str, accounts: AccountsDep, principal: PrincipalDep) -> Response:
    """Your own; another user's with the scope `users:write`, unless they may do more than you.

    Its tokens stop within two seconds, everywhere.
    """
    owner = None if principal.may(Scope.USERS_WRITE) else principal.user_id or ""
    if owner is not None:
        decide_on_own(principal, Scope.KEYS_WRITE)
    elif (found := await accounts.sessions.find(session_id)) and found.held.user.id != principal.user_id:
        check_held(principal, found.role_scopes)
    await accounts.sessions.revoke(await actor_of(request, principal), session_id, owner)
    return Response(status_code=204)


@router.post(
    "/password",
    summary="Change your password",
    status_code=204,
    dependencies=[needs_principal()],
    responses={**_BODY_ERRORS, **error_responses(422)},
    openapi_extra=json_request_body(PasswordForm, {}),
)
async def change_password(request: Request, accounts: AccountsDep, principal: PrincipalDep) -> Response:
    """Ends your other sessions."""
    decide_on_own(principal, Scope.KEYS_WRITE)
    body = await read_json(request, PasswordForm)
    visitor = await visitor_of(request)
    await accounts.sign_in.change_password(
        principal.user_id or "", body.current_password, body.new_password, visitor, principal.session_id
    )
    return Response(status_code=204)


@well_known.get(
    "/.well-known/jwks.json", summary="Public keys of the access tokens", responses=error_responses(405, 503)
)
async def public_keys(accounts: AccountsDep, response: Response) -> PublicKeys:
    """For services that check access tokens by themselves; those do not learn of a session that has ended."""
    response.headers["cache-control"] = "public, max-age=300"
    return PublicKeys.of(list(await accounts.keys.published()))
