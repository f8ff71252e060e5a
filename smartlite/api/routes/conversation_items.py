"""``/v1/conversations/{conversation_id}/items``: OpenAI's items. Must not know how they are kept."""

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Request

from smartlite.api.json_body import read_json
from smartlite.api.kept_items import contents_of
from smartlite.api.openapi import error_responses, json_request_body
from smartlite.api.permissions import needs
from smartlite.api.principal import PrincipalDep
from smartlite.api.prompt_access import conversation_of
from smartlite.api.schemas.conversations import ConversationObject, ItemList, ItemObject, NewItems, item_object
from smartlite.api.services import ConversationsDep, ServicesDep
from smartlite.auth.scopes import Scope
from smartlite.domain.organizations import Access

router = APIRouter(prefix="/conversations/{conversation_id}/items", tags=["Conversations"])

_READ: Final = [needs(Scope.CONVERSATIONS_READ)]
_WRITE: Final = [needs(Scope.CONVERSATIONS_WRITE)]
_EXAMPLE: Final = {
    "message": {
        "summary": "A message",
        "value": {"items": [{"type": "message", "role": "user", "content": "I like short answers."}]},
    }
}


@router.get("", summary="List items", dependencies=_READ, responses=error_responses(400, 404))
async def list_items(
    conversation_id: str,
    services: ServicesDep,
    kept: ConversationsDep,
    principal: PrincipalDep,
    after: Annotated[str | None, Query(max_length=64, description="Id of the last item of the part before.")] = None,
    limit: Annotated[int, Query(ge=1, le=100, description="Most items.")] = 20,
    order: Annotated[Literal["asc", "desc"], Query(description="`desc`: the newest first.")] = "desc",
) -> ItemList:
    """What was said."""
    found = await conversation_of(services, principal, conversation_id, Access.READ)
    items, has_more = await kept.page_items(found, after, limit, descending=order == "desc")
    return ItemList.of(items, has_more)


@router.post(
    "",
    summary="Add items",
    dependencies=_WRITE,
    responses=error_responses(400, 404, 409, 413, 415),
    openapi_extra=json_request_body(NewItems, _EXAMPLE),
)
async def add_items(
    request: Request, conversation_id: str, services: ServicesDep, kept: ConversationsDep, principal: PrincipalDep
) -> ItemList:
    """Up to 20 at the end; 409 while a turn goes on."""
    body = await read_json(request, NewItems)
    found = await conversation_of(services, principal, conversation_id, Access.WRITE)
    is_answer = any(item.type == "function_call_output" for item in body.items)
    contents = contents_of(body.items, await kept.called(found) if is_answer else {})
    return ItemList.of(await kept.add_items(found, contents), False)


@router.get(
    "/{item_id}",
    summary="Retrieve an item",
    dependencies=_READ,
    response_model=ItemObject,
    responses=error_responses(404),
)
async def retrieve_item(
    conversation_id: str, item_id: str, services: ServicesDep, kept: ConversationsDep, principal: PrincipalDep
) -> ItemObject:
    """One of them."""
    found = await conversation_of(services, principal, conversation_id, Access.READ)
    return item_object(await kept.item(found, item_id))


@router.delete("/{item_id}", summary="Delete an item", dependencies=_WRITE, responses=error_responses(404))
async def remove_item(
    conversation_id: str, item_id: str, services: ServicesDep, kept: ConversationsDep, principal: PrincipalDep
) -> ConversationObject:
    """A summary that it is in is made anew at the next turn."""
    found = await conversation_of(services, principal, conversation_id, Access.WRITE)
    await kept.remove_item(found, item_id)
    return ConversationObject.of(found)
