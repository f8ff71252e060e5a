"""``/v1/api-keys/{key_id}/rotate``: a key in place of another. Must not know how keys are kept."""

from typing import Final

from fastapi import APIRouter, Request

from smartlite.api.json_body import read_json
from smartlite.api.openapi import error_responses, json_request_body
from smartlite.api.permissions import needs
from smartlite.api.principal import PrincipalDep
from smartlite.api.schemas.identity import KeyObject, KeyRotation, MadeKey
from smartlite.api.services import IdentityDep
from smartlite.api.visitor import actor_of
from smartlite.auth.permissions import check_held
from smartlite.auth.policies import missing
from smartlite.auth.scopes import Scope

router = APIRouter(tags=["Identity"])

_ERRORS: Final = error_responses(400, 404)


@router.post(
    "/api-keys/{key_id}/rotate",
    summary="Rotate an API key",
    status_code=201,
    dependencies=[needs(Scope.KEYS_WRITE)],
    responses=_ERRORS,
    openapi_extra=json_request_body(KeyRotation, {}),
)
async def rotate_key(request: Request, key_id: str, identity: IdentityDep, principal: PrincipalDep) -> MadeKey:
    """A new key with the same name, scopes and limits; both are good until the old one's `expires_at`.

    Your own, if you hold all that it grants; another user's with the scope `users:write`, if you hold all that they do.
    """
    body = await read_json(request, KeyRotation)
    old = await identity.find_api_key(key_id)
    if old.user_id != principal.user_id and not principal.may(Scope.USERS_WRITE):
        raise missing("api_key", key_id)
    if principal.organization_id not in {None, old.organization_id}:
        raise missing("api_key", key_id)  # made for one organisation, it makes nothing outside of it
    owner = await identity.find_user(old.user_id)
    check_held(principal, old.scopes if old.scopes is not None else await identity.grants_of(owner.roles))
    key, text = await identity.rotate_key(await actor_of(request, principal), key_id, body.overlap_s)
    return MadeKey(**KeyObject.of(key).model_dump(), key=text)
