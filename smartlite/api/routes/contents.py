"""``/v1/requests/{record_id}/content``: what was asked and answered, where that is kept. Must not know how."""

from typing import Final

from fastapi import APIRouter, Response

from smartlite.api.openapi import error_responses
from smartlite.api.permissions import needs_principal
from smartlite.api.principal import PrincipalDep
from smartlite.api.schemas.usage import ContentObject
from smartlite.api.services import HistoryDep, ServicesDep
from smartlite.auth.policies import missing
from smartlite.auth.scopes import Scope
from smartlite.domain.metering import RequestRecord
from smartlite.domain.principal import Principal
from smartlite.errors import NotFound
from smartlite.metering.history import History

router = APIRouter(tags=["Usage"])

_ERRORS: Final = error_responses(404)


@router.get(
    "/requests/{record_id}/content",
    summary="Retrieve what was asked and answered",
    dependencies=[needs_principal()],
    responses=_ERRORS,
)
async def retrieve_content(record_id: str, history: HistoryDep, principal: PrincipalDep) -> ContentObject:
    """Your own; anybody's with the scope `content:read`. 404 where it is not kept (`SMARTLITE_HISTORY_CONTENT`)."""
    record = await _record(history, principal, record_id)
    content = await history.content(record)
    if content is None:
        raise NotFound("What was asked and answered in this request is not kept, or not any more.", "record_id")
    return ContentObject.read(record_id, content)


@router.delete(
    "/requests/{record_id}/content",
    summary="Delete what was asked and answered",
    status_code=204,
    dependencies=[needs_principal()],
    responses=_ERRORS,
)
async def delete_content(
    record_id: str, history: HistoryDep, principal: PrincipalDep, services: ServicesDep
) -> Response:
    """Your own; anybody's with the scope `content:read`. The request itself stays in the history.

    With it go all results of that user that are kept to be given again (`cache`).
    """
    record = await _record(history, principal, record_id)
    await history.remove_content(record.id)
    if services.results is not None:
        await services.results.clear(record.user_id or "")
    return Response(status_code=204)


async def _record(history: History, principal: Principal, record_id: str) -> RequestRecord:
    """Neither an organisation nor who is allowed to see the history may read what somebody said."""
    record = await history.find(record_id)
    if record is None or not (principal.may(Scope.CONTENT_READ) or principal.user_id == record.user_id):
        raise missing("request", record_id)
    return record
