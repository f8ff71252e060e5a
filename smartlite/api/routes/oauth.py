"""``/v1/oauth/authorize | token | revoke | introspect`` and OAuth's metadata; where authentication is on.

Must not know how anything is kept. What clients send and are answered is OAuth's own format, not OpenAI's.
"""

from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from smartlite.api.oauth_errors import OAuthRoute
from smartlite.api.oauth_forms import client_of, form_openapi, parameters_of, read_form
from smartlite.api.oauth_pages import consent_page, error_page, redirect
from smartlite.api.observation import observe
from smartlite.api.openapi import error_responses, oauth_error_responses, page_error_responses, query_openapi
from smartlite.api.permissions import public
from smartlite.api.schemas.oauth import (
    AuthorizationQuery,
    ClientForm,
    ConsentForm,
    IssuedTokens,
    ServerMetadata,
    TokenForm,
    TokenState,
    TokenToLookAt,
)
from smartlite.api.services import AccountsDep
from smartlite.api.visitor import visitor_of
from smartlite.auth.accounts import Accounts
from smartlite.auth.oauth.authorization import Asked, Redirect
from smartlite.auth.oauth.grants import Issued
from smartlite.domain.oauth import GrantType, OAuthClient
from smartlite.errors import (
    MissingParameter,
    SignInRefused,
    SmartLiteError,
    TooManySignIns,
    UnsupportedGrantType,
)

pages = APIRouter(prefix="/oauth", tags=["OAuth"], default_response_class=HTMLResponse)
router = APIRouter(prefix="/oauth", tags=["OAuth"], route_class=OAuthRoute)
well_known = APIRouter(tags=["OAuth"])

_ERRORS: Final = oauth_error_responses(400, 401, 413, 415, 429, 503)
_PAGES: Final[dict[int | str, dict[str, Any]]] = {
    303: {
        "description": "Back to the client, with a code or with an error of RFC 6749, section 4.1.2.1.",
        "headers": {"location": {"required": True, "schema": {"type": "string"}}},
        "content": {},
    },
    **page_error_responses(400, 401, 413, 415, 429, 503),
}
_WRONG: Final = "There is no user with this e-mail address and this password."
_TOO_MANY: Final = "Too many sign-ins have failed; try again in a while."


@pages.get(
    "/authorize",
    summary="Ask a user for their consent",
    dependencies=[public()],
    responses={200: {"description": "The page on which a user is asked."}, **_PAGES},
    openapi_extra=query_openapi(AuthorizationQuery),
)
async def authorize(request: Request, accounts: AccountsDep) -> Response:
    """A page for people; clients send a browser here (RFC 6749, section 4.1.1, with PKCE)."""
    try:
        asked = await accounts.oauth.authorization.ask(parameters_of(request))
        if isinstance(asked, Redirect):
            return redirect(asked)
        return await _consent(request, accounts, asked)
    except SmartLiteError as error:
        return _failed(request, error)


@pages.post(
    "/authorize",
    summary="Take a user's answer",
    status_code=303,
    response_class=Response,
    dependencies=[public()],
    responses=_PAGES,
    openapi_extra=form_openapi(ConsentForm),
)
async def answer(request: Request, accounts: AccountsDep) -> Response:
    """What the page sends back: what was asked for, sealed, and who says yes or no."""
    authorization = accounts.oauth.authorization
    try:
        form = await read_form(request, ConsentForm)
        asked = await authorization.unseal(form.request)
        if form.decision != "allow":
            return redirect(authorization.deny(asked))
        try:
            visitor = await visitor_of(request)
            return redirect(await authorization.allow(asked, form.email, form.password, visitor))
        except (SignInRefused, TooManySignIns) as error:
            observe(request).error_code = error.code
            problem = _WRONG if isinstance(error, SignInRefused) else _TOO_MANY
            return await _consent(request, accounts, asked, error, problem, form.email)
    except SmartLiteError as error:
        return _failed(request, error)


@router.post(
    "/token",
    summary="Get tokens",
    dependencies=[public()],
    responses=_ERRORS,
    response_model_exclude_none=True,
    openapi_extra=form_openapi(TokenForm),
)
async def token(request: Request, accounts: AccountsDep, response: Response) -> IssuedTokens:
    """For a code, for a refresh token, or for the client itself; errors are those of RFC 6749, section 5.2."""
    response.headers["cache-control"] = "no-store"
    form = await read_form(request, TokenForm)
    client = await _client(request, accounts, form)
    return IssuedTokens.of(await _issued(request, accounts, client, form))


@router.post(
    "/revoke",
    summary="Give a token back",
    dependencies=[public()],
    response_class=Response,
    responses=_ERRORS,
    openapi_extra=form_openapi(TokenToLookAt),
)
async def revoke(request: Request, accounts: AccountsDep) -> Response:
    """Ends what it stands for, within two seconds, everywhere (RFC 7009); one that is not good is no error."""
    form = await read_form(request, TokenToLookAt)
    client = await _client(request, accounts, form)
    await accounts.oauth.inspection.revoke(client, form.token, (await visitor_of(request)).address)
    return Response(headers={"cache-control": "no-store"})


@router.post(
    "/introspect",
    summary="Ask about a token",
    dependencies=[public()],
    responses=_ERRORS,
    response_model_exclude_none=True,
    openapi_extra=form_openapi(TokenToLookAt),
)
async def introspect(request: Request, accounts: AccountsDep, response: Response) -> TokenState:
    """For clients with a secret, about their own tokens; about those of others with the scope `users:read`."""
    response.headers["cache-control"] = "no-store"
    form = await read_form(request, TokenToLookAt)
    client = await _client(request, accounts, form)
    return TokenState.of(await accounts.oauth.inspection.tell(client, form.token), accounts.oauth.issuer)


@well_known.get(
    "/.well-known/oauth-authorization-server", summary="OAuth's metadata", responses=error_responses(405, 503)
)
async def metadata(accounts: AccountsDep, response: Response) -> ServerMetadata:
    """What clients need to know of this server (RFC 8414)."""
    response.headers["cache-control"] = "public, max-age=300"
    return ServerMetadata.of(accounts.oauth.issuer)


async def _client(request: Request, accounts: Accounts, form: ClientForm) -> OAuthClient:
    return await accounts.oauth.clients.authenticate(*client_of(request, form))


async def _issued(request: Request, accounts: Accounts, client: OAuthClient, form: TokenForm) -> Issued:
    grants, visitor = accounts.oauth.grants, await visitor_of(request)
    if form.grant_type == GrantType.AUTHORIZATION_CODE:
        code, uri = _needed(form.code, "code"), _needed(form.redirect_uri, "redirect_uri")
        return await grants.exchange(client, code, uri, _needed(form.code_verifier, "code_verifier"), visitor)
    if form.grant_type == GrantType.REFRESH_TOKEN:
        return await grants.refresh(client, _needed(form.refresh_token, "refresh_token"), form.scope, visitor)
    if form.grant_type == GrantType.CLIENT_CREDENTIALS:
        return await grants.for_itself(client, form.scope)
    raise UnsupportedGrantType("'grant_type' must be authorization_code, refresh_token or client_credentials.")


def _needed(value: str | None, name: str) -> str:
    if value is None:
        raise MissingParameter(f"'{name}' is needed.", name)
    return value


async def _consent(
    request: Request,
    accounts: Accounts,
    asked: Asked,
    error: SmartLiteError | None = None,
    problem: str = "",
    email: str = "",
) -> Response:
    sealed = await accounts.oauth.authorization.seal(asked)
    path = request.scope.get("root_path", "").rstrip("/") + "/v1/oauth/authorize"
    page = consent_page(asked, sealed, path, error.status_code if error else 200, problem, email)
    if error is not None and error.retry_after_s is not None:
        page.headers["retry-after"] = str(error.retry_after_s)
    return page


def _failed(request: Request, error: SmartLiteError) -> Response:
    if error.status_code == HTTPStatus.INTERNAL_SERVER_ERROR:
        raise error
    observe(request).error_code = error.code
    headers = {} if error.retry_after_s is None else {"retry-after": str(error.retry_after_s)}
    return error_page(error.message, error.status_code, headers)
