"""``/v1/usage``, ``/v1/requests``, ``/v1/metering``: what was used and what happened; where authentication is on.

Everybody sees their own; all of it, who has the scope for it. Must not know how anything is kept.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Request

from smartlite.api.openapi import error_responses
from smartlite.api.permissions import needs, needs_principal
from smartlite.api.principal import PrincipalDep
from smartlite.api.resources import REQUEST, of_record, shared
from smartlite.api.schemas.times import in_utc
from smartlite.api.schemas.usage import MeteringObject, RequestList, RequestObject, UsageObject, UsageReport
from smartlite.api.services import HistoryDep, ServicesDep
from smartlite.auth.policies import decide_access, missing, role_in
from smartlite.auth.scopes import Scope
from smartlite.domain.metering import HistoryQuery, UsageQuery
from smartlite.domain.organizations import MANAGERS, Access
from smartlite.domain.principal import Principal
from smartlite.errors import InvalidRequest, NotFound

router = APIRouter(tags=["Usage"])

_After = Annotated[str | None, Query(max_length=128, description="`next` of the part before.")]
_Id = Annotated[str | None, Query(max_length=64)]
_Limit = Annotated[int, Query(ge=1, le=200, description="Most entries.")]
_Group = Literal["day", "model", "user", "key", "organization"]
_ERRORS: Final = error_responses(400, 404)
_ABSENT: Final = error_responses(404)
_LONGEST: Final = timedelta(days=3660)
_DEFAULT: Final = timedelta(days=29)


@router.get("/usage", summary="Report usage", dependencies=[needs_principal()], responses=_ERRORS)
async def report_usage(
    history: HistoryDep,
    principal: PrincipalDep,
    start_date: Annotated[
        date | None, Query(description="First day (UTC); by default 29 days before the last.")
    ] = None,
    end_date: Annotated[date | None, Query(description="Last day (UTC), included; by default today.")] = None,
    group_by: Annotated[list[_Group] | None, Query(description="Several make a finer group.")] = None,
    user_id: _Id = None,
    api_key_id: _Id = None,
    organization_id: _Id = None,
    model: Annotated[str | None, Query(max_length=256)] = None,
    after: _After = None,
    limit: _Limit = 100,
) -> UsageReport:
    """Your own by day; with the scope `usage:read` anybody's, or everybody's where no `user_id` is given.

    As owner or administrator of an organization, everybody's that is for it, where you name its `organization_id`.
    """
    last = end_date or datetime.now(UTC).date()
    first = start_date or max(last, date.min + _DEFAULT) - _DEFAULT
    if first > last or last - first > _LONGEST:
        raise InvalidRequest("'start_date' must be before 'end_date', and at most ten years.", "start_date")
    groups = tuple(dict.fromkeys(group_by or ["day"]))
    whose = _whose(principal, Scope.USAGE_READ, user_id, organization_id)
    query = UsageQuery(first, last, groups, whose, api_key_id, organization_id, model)
    offset = _offset(after)
    found = await history.usage(query, offset, limit + 1)
    more = str(offset + limit) if len(found) > limit else None
    return UsageReport(
        start_date=first,
        end_date=last,
        data=[UsageObject.of(each) for each in found[:limit]],
        has_more=more is not None,
        next=more,
    )


@router.get("/requests", summary="List requests", dependencies=[needs_principal()], responses=_ERRORS)
async def list_requests(
    history: HistoryDep,
    principal: PrincipalDep,
    user_id: _Id = None,
    api_key_id: _Id = None,
    organization_id: _Id = None,
    model: Annotated[str | None, Query(max_length=256)] = None,
    route: Annotated[str | None, Query(max_length=256, description="Such as `/v1/chat/completions`.")] = None,
    status: Annotated[int | None, Query(ge=100, le=599)] = None,
    failed: Annotated[bool | None, Query(description="Only those that failed, or only those that did not.")] = None,
    since: Annotated[datetime | None, Query(description="With its time zone.")] = None,
    until: Annotated[datetime | None, Query(description="With its time zone.")] = None,
    after: _After = None,
    limit: _Limit = 50,
) -> RequestList:
    """Newest first. Your own; with the scope `requests:read` anybody's, or everybody's where no `user_id` is given.

    As owner or administrator of an organization, everybody's that is for it, where you name its `organization_id`.
    """
    query = HistoryQuery(
        user_id=_whose(principal, Scope.REQUESTS_READ, user_id, organization_id),
        key_id=api_key_id,
        organization_id=organization_id,
        model=model,
        route=route,
        status=status,
        failed=failed,
        since=_aware(since, "since"),
        until=_aware(until, "until"),
    )
    page = await history.page(query, after, limit)
    data = [RequestObject.of(record) for record in page.items]
    return RequestList(data=data, has_more=page.next is not None, next=page.next)


@router.get("/requests/{record_id}", summary="Retrieve a request", dependencies=[needs_principal()], responses=_ABSENT)
async def retrieve_request(
    record_id: str, services: ServicesDep, history: HistoryDep, principal: PrincipalDep
) -> RequestObject:
    """By its id in the history: your own, one of an organization that you are in, or one that is shared with you."""
    record = await history.find(record_id)
    resource = await shared(services, REQUEST, record_id, None if record is None else of_record(record))
    if record is None:
        raise missing(REQUEST, record_id)
    if not principal.may(Scope.REQUESTS_READ):
        decide_access(principal, resource, Access.READ)
    return RequestObject.of(record)


@router.get("/metering", summary="Tell how far the history is behind", dependencies=[needs(Scope.USAGE_READ)])
async def tell_backlog(request: Request, history: HistoryDep) -> MeteringObject:
    """What is acknowledged and not in the database yet, on the machine that answers."""
    backlog = await history.backlog()
    return MeteringObject(
        backlog_segments=backlog.segments,
        backlog_bytes=backlog.size_bytes,
        lag_s=round(backlog.lag_s, 3),
        set_aside_bytes=backlog.set_aside_bytes,
    )


def _whose(principal: Principal, scope: Scope, user_id: str | None, organization_id: str | None) -> str | None:
    """Whose is asked for: None for everybody's; another's is nobody's for those who may not see it."""
    role = role_in(principal, organization_id)
    if principal.may(scope) or role in MANAGERS:
        return user_id
    if organization_id is not None and role is None:
        raise missing("organization", organization_id)
    if user_id not in {None, principal.user_id}:
        raise NotFound(f"There is no user '{user_id}'.", "user_id")
    return principal.user_id or ""


def _offset(after: str | None) -> int:
    if after is None:
        return 0
    if not after.isdecimal() or len(after) > 9:
        raise InvalidRequest("'after' must be what the page before gave.", "after")
    return int(after)


def _aware(value: datetime | None, param: str) -> datetime | None:
    if value is not None and value.tzinfo is None:
        raise InvalidRequest(f"'{param}' needs a time zone, such as 2026-11-26T12:00:00Z.", param)
    try:
        return None if value is None else in_utc(value)
    except ValueError as error:
        raise InvalidRequest(f"'{param}': {error}.", param) from None
