"""``/v1/conversations``: OpenAI's conversations, and a list and an export of ours. Must not know how they are kept."""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response, StreamingResponse

from smartlite.api.json_body import read_json
from smartlite.api.kept_items import contents_of
from smartlite.api.openapi import error_responses, json_request_body
from smartlite.api.permissions import needs
from smartlite.api.pipeline_access import owner_of
from smartlite.api.principal import PrincipalDep
from smartlite.api.prompt_access import conversation_of
from smartlite.api.schemas.conversations import (
    ConversationChange,
    ConversationDeleted,
    ConversationExport,
    ConversationList,
    ConversationObject,
    NewConversation,
    item_object,
)
from smartlite.api.services import ConversationsDep, ServicesDep
from smartlite.auth.scopes import Scope
from smartlite.domain.conversations import Conversation, Truncation
from smartlite.domain.organizations import Access
from smartlite.jobs.conversations import Conversations

router = APIRouter(prefix="/conversations", tags=["Conversations"])

_After = Annotated[str | None, Query(max_length=128, description="`next` of the part before.")]
_Limit = Annotated[int, Query(ge=1, le=200, description="Most entries.")]
_BAD: Final = error_responses(400, 413, 415)
_READ: Final = [needs(Scope.CONVERSATIONS_READ)]
_WRITE: Final = [needs(Scope.CONVERSATIONS_WRITE)]
_NEW: Final = {
    "assistant": {
        "summary": "One that sums up what is long ago",
        "value": {
            "metadata": {"topic": "demo"},
            "items": [{"type": "message", "role": "user", "content": "My name is Ada."}],
            "truncation": {"strategy": "summary"},
        },
    }
}


@router.get("", summary="List conversations", dependencies=_READ, responses=error_responses(400))
async def list_conversations(
    kept: ConversationsDep, principal: PrincipalDep, after: _After = None, limit: _Limit = 50
) -> ConversationList:
    """Your own, the newest first. Our own route."""
    page = await kept.page(owner_of(principal), after, limit)
    data = list(map(ConversationObject.of, page.items))
    return ConversationList(data=data, has_more=page.next is not None, next=page.next)


@router.post(
    "",
    summary="Begin a conversation",
    dependencies=_WRITE,
    responses=_BAD,
    openapi_extra=json_request_body(NewConversation, _NEW),
)
async def add_conversation(request: Request, kept: ConversationsDep, principal: PrincipalDep) -> ConversationObject:
    """With up to 20 items; it belongs to the organization that you ask for, if any."""
    body = await read_json(request, NewConversation)
    contents = contents_of(body.items or [])
    truncation = Truncation() if body.truncation is None else body.truncation.truncation
    made = await kept.add(owner_of(principal), principal.organization_id, body.metadata or {}, truncation, contents)
    return ConversationObject.of(made)


@router.get("/{conversation_id}", summary="Retrieve a conversation", dependencies=_READ, responses=error_responses(404))
async def retrieve_conversation(
    conversation_id: str, services: ServicesDep, principal: PrincipalDep
) -> ConversationObject:
    """Without what is said in it."""
    return ConversationObject.of(await conversation_of(services, principal, conversation_id, Access.READ))


@router.post(
    "/{conversation_id}",
    summary="Change a conversation",
    dependencies=_WRITE,
    responses=error_responses(400, 404, 413, 415),
    openapi_extra=json_request_body(ConversationChange, {}),
)
async def change_conversation(
    request: Request, conversation_id: str, services: ServicesDep, kept: ConversationsDep, principal: PrincipalDep
) -> ConversationObject:
    """What is written about it, and how it is trimmed."""
    body = await read_json(request, ConversationChange)
    found = await conversation_of(services, principal, conversation_id, Access.WRITE)
    truncation = None if body.truncation is None else body.truncation.truncation
    return ConversationObject.of(await kept.change(found, body.metadata, truncation))


@router.delete(
    "/{conversation_id}", summary="Delete a conversation", dependencies=_WRITE, responses=error_responses(404)
)
async def remove_conversation(
    conversation_id: str, services: ServicesDep, kept: ConversationsDep, principal: PrincipalDep
) -> ConversationDeleted:
    """With everything that was said in it."""
    found = await conversation_of(services, principal, conversation_id, Access.WRITE)
    await kept.remove(found)
    return ConversationDeleted(id=found.id)


@router.get(
    "/{conversation_id}/export",
    summary="Export a conversation",
    dependencies=_READ,
    response_class=Response,
    responses={
        200: {"model": ConversationExport, "description": "Everything that is kept of it."},
        **error_responses(404),
    },
)
async def export_conversation(
    conversation_id: str, services: ServicesDep, kept: ConversationsDep, principal: PrincipalDep
) -> Response:
    """With all its items and its summary, as one JSON object. Our own route."""
    found = await conversation_of(services, principal, conversation_id, Access.READ)
    _, summary = await kept.summary(found)
    headers = {"content-disposition": f'attachment; filename="{found.id}.json"'}
    return StreamingResponse(_exported(kept, found, summary), media_type="application/json", headers=headers)


async def _exported(kept: Conversations, found: Conversation, summary: str | None) -> AsyncGenerator[str, None]:
    """Piece by piece: all items together may be more than fits into memory."""
    empty = ConversationExport(conversation=ConversationObject.of(found), summary=summary, items=[])
    yield empty.model_dump_json().removesuffix("]}")
    between = ""
    async with aclosing(kept.every_item(found)) as items:
        async for item in items:
            yield between + json.dumps(item_object(item), ensure_ascii=False)
            between = ","
    yield "]}"
