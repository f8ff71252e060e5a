"""``/v1/quotas``: limits and budgets of keys, users and organisations; where authentication is on.

Must not know who counts, nor how anything is kept.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response

from smartlite.api.json_body import read_json
from smartlite.api.openapi import error_responses, json_request_body
from smartlite.api.permissions import needs
from smartlite.api.principal import PrincipalDep
from smartlite.api.schemas.quotas import NewQuota, QuotaList, QuotaObject
from smartlite.api.services import QuotasDep
from smartlite.api.visitor import actor_of
from smartlite.auth.quota_book import subject_kind_of
from smartlite.auth.scopes import Scope
from smartlite.domain.limits import LimitKind, Period, Quota

router = APIRouter(tags=["Usage"])

_ERRORS: Final = error_responses(400, 404)
_BAD: Final = error_responses(400)
_ABSENT: Final = error_responses(404)
_EXAMPLES: Final = {
    "A month's money": {
        "summary": "A month's money",
        "value": {"subject": "user_0", "kind": "cost", "limit": 50_000_000, "period": "month"},
    },
    "Audio of one model": {
        "summary": "Audio of one model",
        "value": {"subject": "key_0", "kind": "audio-seconds", "limit": 600, "model": "whisper-base"},
    },
}


@router.get("/quotas", summary="List limits that were set", dependencies=[needs(Scope.QUOTAS_READ)], responses=_BAD)
async def list_quotas(
    quotas: QuotasDep,
    subject: Annotated[str | None, Query(max_length=64)] = None,
    after: Annotated[str | None, Query(max_length=128, description="`next` of the part before.")] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="Most entries.")] = 50,
) -> QuotaList:
    """In the order in which they were set; those of the settings are not among them (`/v1/limits` tells both)."""
    page = await quotas.page(subject, after, limit)
    data = [QuotaObject.of(quota) for quota in page.items]
    return QuotaList(data=data, has_more=page.next is not None, next=page.next)


@router.post(
    "/quotas",
    summary="Set a limit",
    status_code=201,
    dependencies=[needs(Scope.QUOTAS_WRITE)],
    responses=_ERRORS,
    openapi_extra=json_request_body(NewQuota, _EXAMPLES),
)
async def set_quota(request: Request, quotas: QuotasDep, principal: PrincipalDep) -> QuotaObject:
    """In place of the one of the same subject, kind, period and model; it holds within two seconds, everywhere."""
    body = await read_json(request, NewQuota)
    quota = Quota(
        id="",
        subject_kind=subject_kind_of(body.subject),
        subject_id=body.subject,
        kind=LimitKind(body.kind),
        limit=body.limit,
        period=Period(body.period),
        model=body.model,
        without_redis=body.without_redis,
    )
    return QuotaObject.of(await quotas.put(await actor_of(request, principal), quota))


@router.delete(
    "/quotas/{quota_id}",
    summary="Take a limit away",
    status_code=204,
    dependencies=[needs(Scope.QUOTAS_WRITE)],
    responses=_ABSENT,
)
async def remove_quota(request: Request, quota_id: str, quotas: QuotasDep, principal: PrincipalDep) -> Response:
    """Whoever was under it is under the settings' limits again."""
    await quotas.remove(await actor_of(request, principal), quota_id)
    return Response(status_code=204)
