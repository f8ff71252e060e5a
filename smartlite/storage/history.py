"""History and usage, read and tidied up. Must not know who may read which, nor how they are written."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, func, or_, select

from smartlite.domain.identity import Page
from smartlite.domain.metering import HistoryQuery, MeteredUsage, RequestRecord, UsageQuery, UsageSum
from smartlite.storage.database import ReadSession, WriteSession
from smartlite.storage.ledger import SUMS
from smartlite.storage.metering_tables import ContentRow, RequestRow, UsageRow

_RECORD: Final = (
    RequestRow.id,
    RequestRow.at,
    RequestRow.request_id,
    RequestRow.user_id,
    RequestRow.key_id,
    RequestRow.organization_id,
    RequestRow.method,
    RequestRow.route,
    RequestRow.status,
    RequestRow.error_code,
    RequestRow.duration_ms,
    RequestRow.stages_ms,
    RequestRow.request_bytes,
    RequestRow.response_bytes,
    RequestRow.client_gone,
    RequestRow.usage,
)
_GROUPS: Final = {
    "day": UsageRow.day,
    "model": UsageRow.model,
    "user": UsageRow.user_id,
    "key": UsageRow.key_id,
    "organization": UsageRow.organization_id,
}
_PURGED_AT_ONCE: Final = 1000
"""Rows of one unit of work: nobody waits long for its locks."""


async def page(
    session: ReadSession, query: HistoryQuery, *, after: str | None = None, limit: int = 50
) -> Page[RequestRecord]:
    """Requests, newest first; from after the request ``after``."""
    wanted = select(*_RECORD).where(*_conditions(query)).order_by(RequestRow.id.desc()).limit(limit + 1)
    if after is not None:
        wanted = wanted.where(RequestRow.id < after)
    records = tuple(_record(row._mapping) for row in await session.rows(wanted))
    return Page(records[:limit], records[limit - 1].id if len(records) > limit else None)


async def get(session: ReadSession, record_id: str) -> RequestRecord | None:
    """The request with an id of the history."""
    row = await session.row(select(*_RECORD).where(RequestRow.id == record_id))
    return None if row is None else _record(row._mapping)


async def content(session: ReadSession, record_id: str) -> bytes | None:
    """What was asked and answered, as it was stored; None where it is not kept, or not any more."""
    row = await session.row(select(ContentRow.content).where(ContentRow.id == record_id))
    return None if row is None else row.content


async def purge_contents(session: WriteSession, before_id: str) -> int:
    """As ``purge_requests``, of what was asked and answered."""
    return await _purge(session, ContentRow, ContentRow.id < before_id)


async def remove_content(session: WriteSession, record_id: str) -> None:
    """Delete what was asked and answered in one request."""
    await session.write(delete(ContentRow).where(ContentRow.id == record_id))


async def usage(session: ReadSession, query: UsageQuery, *, offset: int = 0, limit: int = 100) -> list[UsageSum]:
    """Sums by group, in the groups' order."""
    columns = [_GROUPS[name] for name in query.group_by]
    sums = [func.coalesce(func.sum(getattr(UsageRow, name)), 0).label(name) for name in SUMS]
    wanted = select(*columns, *sums).where(UsageRow.day >= query.first, UsageRow.day <= query.last)
    for column, value in (
        (UsageRow.user_id, query.user_id),
        (UsageRow.key_id, query.key_id),
        (UsageRow.organization_id, query.organization_id),
        (UsageRow.model, query.model),
    ):
        if value is not None:
            wanted = wanted.where(column == value)
    if columns:
        wanted = wanted.group_by(*columns).order_by(*columns).offset(offset).limit(limit)
    rows = await session.rows(wanted)
    return [_sum(query.group_by, row) for row in rows]


async def spent(session: ReadSession, column: str, first: date, *, model: str | None = None, **subject: str) -> int:
    """What somebody used of one thing since a day.

    Args:
        session: Reads.
        column: Of ``SUMS``; several are added up where they are joined by ``+``.
        first: That day included.
        model: Of this one only.
        subject: ``user_id``, ``key_id`` or ``organization_id``.
    """
    amount = sum((getattr(UsageRow, name) for name in column.split("+")), start=0)
    conditions = [getattr(UsageRow, name) == value for name, value in subject.items()]
    if model is not None:
        conditions.append(UsageRow.model == model)
    row = await session.row(select(func.coalesce(func.sum(amount), 0)).where(UsageRow.day >= first, *conditions))
    return 0 if row is None else int(row[0])


async def purge_requests(session: WriteSession, before_id: str) -> int:
    """Delete some of the requests older than one would be that was made with this id.

    Returns:
        So many; as long as it is not 0 there may be more.
    """
    return await _purge(session, RequestRow, RequestRow.id < before_id)


async def purge_usage(session: WriteSession, before: date) -> int:
    """Delete the sums of days before a day."""
    return await session.write(delete(UsageRow).where(UsageRow.day < before))


async def _purge(
    session: WriteSession, table: type[RequestRow] | type[ContentRow], condition: ColumnElement[bool]
) -> int:
    rows = await session.rows(select(table.id).where(condition).order_by(table.id).limit(_PURGED_AT_ONCE))
    if not rows:
        return 0
    return await session.write(delete(table).where(table.id.in_([row.id for row in rows])))


def _conditions(query: HistoryQuery) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    for column, value in (
        (RequestRow.user_id, query.user_id),
        (RequestRow.key_id, query.key_id),
        (RequestRow.organization_id, query.organization_id),
        (RequestRow.model, query.model),
        (RequestRow.route, query.route),
        (RequestRow.status, query.status),
    ):
        if value is not None:
            found.append(column == value)
    if query.failed is not None:
        failed = or_(RequestRow.status.is_(None), RequestRow.status >= 400)
        found.append(failed if query.failed else ~failed)
    if query.since is not None:
        found.append(RequestRow.at >= query.since)
    if query.until is not None:
        found.append(RequestRow.at < query.until)
    return found


def _record(row: Mapping[Any, Any]) -> RequestRecord:
    values = dict(zip((column.key for column in _RECORD), row.values(), strict=True))
    used = tuple(MeteredUsage(**each) for each in values.pop("usage") or ())
    return RequestRecord(**{**values, "stages_ms": values["stages_ms"] or {}}, usage=used)


def _sum(groups: tuple[str, ...], row: Any) -> UsageSum:
    by = {name: str(value) for name, value in zip(groups, row, strict=False)}
    return UsageSum(by, *(int(value) for value in row[len(groups) :]))
