"""``/v1/auth/oidc``: signing in through another provider; where authentication is on.

Must not know how a provider is asked. Cookies are for this alone: one, for ten minutes, that says which browser began.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import RedirectResponse

from smartlite.api.openapi import error_responses
from smartlite.api.permissions import public
from smartlite.api.schemas.auth import Tokens
from smartlite.api.schemas.oidc import ProviderList, ProviderObject
from smartlite.api.services import AccountsDep
from smartlite.api.visitor import visitor_of
from smartlite.auth.oidc.sign_in import LASTS, Returned

router = APIRouter(prefix="/auth/oidc", tags=["Sign-in"])

_COOKIE: Final = "smartlite-sign-in"
_ERRORS: Final = error_responses(400, 403, 404, 502)
_Text = Annotated[str | None, Query(max_length=4096)]


@router.get("", summary="List identity providers", dependencies=[public()])
async def list_providers(accounts: AccountsDep) -> ProviderList:
    """That people may sign in through."""
    issuer = accounts.oauth.issuer
    return ProviderList(data=[ProviderObject.of(each, issuer) for each in accounts.external.providers])


@router.get(
    "/{provider_id}/login",
    summary="Sign in through another provider",
    status_code=302,
    response_class=Response,
    dependencies=[public()],
    responses={
        302: {
            "description": "To the provider.",
            "headers": {"location": {"required": True, "schema": {"type": "string"}}},
        },
        **error_responses(404, 502),
    },
)
async def login(request: Request, provider_id: str, accounts: AccountsDep) -> Response:
    """For browsers: sends them there."""
    begun = await accounts.external.begin(provider_id, await visitor_of(request))
    response = RedirectResponse(begun.location, 302, {"cache-control": "no-store", "referrer-policy": "no-referrer"})
    response.headers["location"] = begun.location  # as it is: Starlette would quote it once more
    is_secure = accounts.oauth.issuer.startswith("https:")
    response.set_cookie(
        _cookie(is_secure),
        begun.browser_secret,
        max_age=int(LASTS.total_seconds()),
        path="/",
        secure=is_secure,
        httponly=True,
        samesite="lax",  # it has to come back with the provider's redirect
    )
    return response


@router.get(
    "/{provider_id}/callback", summary="Come back from another provider", dependencies=[public()], responses=_ERRORS
)
async def callback(
    request: Request,
    response: Response,
    provider_id: str,
    accounts: AccountsDep,
    state: _Text = None,
    code: _Text = None,
    iss: _Text = None,
    error: _Text = None,
) -> Tokens:
    """Where the provider sends the browser; answers as `POST /v1/auth/login` does."""
    is_secure = accounts.oauth.issuer.startswith("https:")
    secret = request.cookies.get(_cookie(is_secure))
    returned = Returned(state, code, iss, error)
    signed_in = await accounts.external.finish(provider_id, returned, secret, await visitor_of(request))
    response.headers["cache-control"] = "no-store"
    response.headers["referrer-policy"] = "no-referrer"
    response.delete_cookie(_cookie(is_secure), path="/", secure=is_secure, httponly=True, samesite="lax")
    return Tokens.of(signed_in)


def _cookie(is_secure: bool) -> str:
    """The prefix binds it to this host (RFC 6265bis, section 4.1.3.2); browsers refuse it without https."""
    return f"__Host-{_COOKIE}" if is_secure else _COOKIE
