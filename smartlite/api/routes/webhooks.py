"""``/v1/webhooks``: who is told when something has ended, and what was sent. Must not know how anything is sent.

One of a user is told of what that user does; one that was made for an organisation of what is done for that.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response

from smartlite.api.json_body import read_json
from smartlite.api.openapi import error_responses, json_request_body
from smartlite.api.permissions import needs
from smartlite.api.pipeline_access import owner_of, reader_of
from smartlite.api.principal import PrincipalDep
from smartlite.api.schemas.webhooks import (
    ChangedWebhook,
    DeliveryList,
    DeliveryObject,
    MadeWebhook,
    NewWebhook,
    SecretRotation,
    WebhookList,
    WebhookObject,
)
from smartlite.api.services import WebhooksDep
from smartlite.api.visitor import actor_of
from smartlite.auth.policies import Resource, decide_access, missing
from smartlite.auth.scopes import Scope
from smartlite.domain.organizations import Access
from smartlite.domain.principal import Principal
from smartlite.domain.webhooks import DeliveryState, WebhookEndpoint
from smartlite.jobs.webhook_sender import KIND
from smartlite.jobs.webhooks import Wanted, Webhooks

router = APIRouter(prefix="/webhooks", tags=["Webhooks"])

_After = Annotated[str | None, Query(max_length=128, description="`next` of the part before.")]
_Limit = Annotated[int, Query(ge=1, le=200, description="Most entries.")]
_BAD: Final = error_responses(400)
_ABSENT: Final = error_responses(404)
_ERRORS: Final = error_responses(400, 404)
_READ: Final = [needs(Scope.WEBHOOKS_READ)]
_WRITE: Final = [needs(Scope.WEBHOOKS_WRITE)]


async def _uncached(response: Response) -> None:
    response.headers["cache-control"] = "no-store"


@router.get("", summary="List webhooks", dependencies=_READ, responses=_BAD)
async def list_webhooks(
    webhooks: WebhooksDep, principal: PrincipalDep, after: _After = None, limit: _Limit = 50
) -> WebhookList:
    """Your own and those of your organizations, the newest first; everybody's with the scope `resources:admin`."""
    reader = reader_of(principal)
    owner, organizations = (None, ()) if reader is None else (reader.user_id, reader.organization_ids)
    page = await webhooks.page(owner, organizations, after, limit)
    return WebhookList(data=list(map(WebhookObject.of, page.items)), has_more=page.next is not None, next=page.next)


@router.post(
    "",
    summary="Make a webhook",
    status_code=201,
    dependencies=[*_WRITE, Depends(_uncached)],
    responses=_BAD,
    openapi_extra=json_request_body(NewWebhook, {}),
)
async def add_webhook(request: Request, webhooks: WebhooksDep, principal: PrincipalDep) -> MadeWebhook:
    """Of the organization that you ask for, if any. The answer holds its secret, which is shown this once."""
    body = await read_json(request, NewWebhook)
    actor = await actor_of(request, principal)
    owner = owner_of(principal)
    made, secret = await webhooks.add(
        actor, owner, principal.organization_id, body.url, body.name, list(body.event_types)
    )
    return MadeWebhook(**WebhookObject.of(made).model_dump(), signing_secret=secret)


@router.get("/{webhook_id}", summary="Retrieve a webhook", dependencies=_READ, responses=_ABSENT)
async def retrieve_webhook(webhook_id: str, webhooks: WebhooksDep, principal: PrincipalDep) -> WebhookObject:
    """With how it fares."""
    return WebhookObject.of(await _found(webhooks, principal, webhook_id, Access.READ))


@router.patch(
    "/{webhook_id}",
    summary="Change a webhook",
    dependencies=_WRITE,
    responses=_ERRORS,
    openapi_extra=json_request_body(ChangedWebhook, {}),
)
async def change_webhook(
    request: Request, webhook_id: str, webhooks: WebhooksDep, principal: PrincipalDep
) -> WebhookObject:
    """Also to switch it on again, if the platform has switched it off."""
    body = await read_json(request, ChangedWebhook)
    found = await _found(webhooks, principal, webhook_id, Access.WRITE)
    types = None if body.event_types is None else list(body.event_types)
    wanted = Wanted(body.url, body.name, types, body.is_active)
    return WebhookObject.of(await webhooks.change(await actor_of(request, principal), found, wanted))


@router.delete("/{webhook_id}", summary="Remove a webhook", status_code=204, dependencies=_WRITE, responses=_ABSENT)
async def remove_webhook(request: Request, webhook_id: str, webhooks: WebhooksDep, principal: PrincipalDep) -> Response:
    """With the log of its deliveries; what waits for it is not sent."""
    found = await _found(webhooks, principal, webhook_id, Access.WRITE)
    await webhooks.remove(await actor_of(request, principal), found)
    return Response(status_code=204)


@router.post(
    "/{webhook_id}/rotate-secret",
    summary="Make a webhook another secret",
    dependencies=[*_WRITE, Depends(_uncached)],
    responses=_ERRORS,
    openapi_extra=json_request_body(SecretRotation, {}),
)
async def rotate_secret(
    request: Request, webhook_id: str, webhooks: WebhooksDep, principal: PrincipalDep
) -> MadeWebhook:
    """For a while every event carries two signatures, one by each secret, so that none is refused meanwhile."""
    body = await read_json(request, SecretRotation)
    found = await _found(webhooks, principal, webhook_id, Access.WRITE)
    changed, secret = await webhooks.rotate_secret(await actor_of(request, principal), found, body.overlap_s)
    return MadeWebhook(**WebhookObject.of(changed).model_dump(), signing_secret=secret)


@router.post("/{webhook_id}/test", summary="Try a webhook", status_code=202, dependencies=_WRITE, responses=_ERRORS)
async def test_webhook(webhook_id: str, webhooks: WebhooksDep, principal: PrincipalDep) -> DeliveryObject:
    """An event of the type `webhook.test` is sent to it; what came of that is among its deliveries."""
    found = await _found(webhooks, principal, webhook_id, Access.WRITE)
    return DeliveryObject.of(await webhooks.test(found))


@router.get("/{webhook_id}/deliveries", summary="List deliveries", dependencies=_READ, responses=_ERRORS)
async def list_deliveries(
    webhook_id: str,
    webhooks: WebhooksDep,
    principal: PrincipalDep,
    state: Annotated[list[DeliveryState] | None, Query(description="Several: any of them.")] = None,
    after: _After = None,
    limit: _Limit = 50,
) -> DeliveryList:
    """What was sent to it, and what is to be sent, the newest first."""
    found = await _found(webhooks, principal, webhook_id, Access.READ)
    page = await webhooks.page_deliveries(found, tuple(state or ()), after, limit)
    return DeliveryList(data=list(map(DeliveryObject.of, page.items)), has_more=page.next is not None, next=page.next)


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/redeliver",
    summary="Send an event again",
    status_code=202,
    dependencies=_WRITE,
    responses=_ERRORS,
)
async def redeliver(
    request: Request, webhook_id: str, delivery_id: str, webhooks: WebhooksDep, principal: PrincipalDep
) -> DeliveryObject:
    """As a new delivery, with the same id of the event; as often as a new one, if it fails again."""
    found = await _found(webhooks, principal, webhook_id, Access.WRITE)
    return DeliveryObject.of(await webhooks.redeliver(await actor_of(request, principal), found, delivery_id))


async def _found(webhooks: Webhooks, principal: Principal, webhook_id: str, access: Access) -> WebhookEndpoint:
    found = await webhooks.find(webhook_id)
    if found is None:
        raise missing(KIND, webhook_id)
    decide_access(principal, Resource(KIND, found.id, found.owner_id, found.organization_id), access)
    return found
