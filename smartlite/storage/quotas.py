"""Limits of single subjects, as rows. Must not know who counts, nor who may set them."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import and_, delete, insert, or_, select

from smartlite.domain.identity import Page
from smartlite.domain.limits import LimitKind, Period, Quota, SubjectKind
from smartlite.errors import AlreadyExists, NotFound
from smartlite.storage.columns import fitting
from smartlite.storage.database import ReadSession, WriteSession
from smartlite.storage.metering_tables import MODEL_CHARACTERS
from smartlite.storage.quotas_tables import QuotaRow
from smartlite.storage.tables import Table

_QUOTA: Final = (
    QuotaRow.id,
    QuotaRow.subject_kind,
    QuotaRow.subject_id,
    QuotaRow.kind,
    QuotaRow.limit_amount,
    QuotaRow.period,
    QuotaRow.model,
    QuotaRow.without_redis,
)
_SUBJECTS: Final[Mapping[str, str]] = {"key": "api_keys", "user": "users", "organization": "organizations"}


async def put(session: WriteSession, quota: Quota, at: Any) -> None:
    """Set a limit; one of the same subject, kind, period and model is replaced.

    Raises:
        NotFound: There is no such subject (``subject_id``).
        InvalidRequest: The model's name is too long.
    """
    model = fitting(quota.model or "", MODEL_CHARACTERS, "model")
    await _check_subject(session, quota.subject_kind, quota.subject_id)
    same = (
        QuotaRow.subject_kind == quota.subject_kind,
        QuotaRow.subject_id == quota.subject_id,
        QuotaRow.kind == quota.kind,
        QuotaRow.period == quota.period,
        QuotaRow.model == model,
    )
    await session.write(delete(QuotaRow).where(*same))
    row = {
        "id": quota.id,
        "subject_kind": quota.subject_kind,
        "subject_id": quota.subject_id,
        "kind": str(quota.kind),
        "limit_amount": quota.limit,
        "period": str(quota.period),
        "model": model,
        "without_redis": quota.without_redis,
        "created_at": at,
    }
    try:
        await session.write(insert(QuotaRow).values(row))
    except AlreadyExists as error:
        raise AlreadyExists("Somebody sets the same limit at this moment; try again.", "subject_id") from error


async def of_subjects(session: ReadSession, subjects: Iterable[tuple[SubjectKind, str]]) -> tuple[Quota, ...]:
    """Every limit of these subjects."""
    named: dict[SubjectKind, list[str]] = {}
    for kind, name in subjects:
        named.setdefault(kind, []).append(name)
    if not named:
        return ()
    wanted = [and_(QuotaRow.subject_kind == kind, QuotaRow.subject_id.in_(names)) for kind, names in named.items()]
    rows = await session.rows(select(*_QUOTA).where(or_(*wanted)).order_by(QuotaRow.id))
    return tuple(_quota(row) for row in rows)


async def page(
    session: ReadSession, subject_id: str | None = None, *, after: str | None = None, limit: int = 50
) -> Page[Quota]:
    """Limits in the order in which they were set; from after the one with the id ``after``."""
    query = select(*_QUOTA).order_by(QuotaRow.id).limit(limit + 1)
    if subject_id is not None:
        query = query.where(QuotaRow.subject_id == subject_id)
    if after is not None:
        query = query.where(QuotaRow.id > after)
    found = tuple(_quota(row) for row in await session.rows(query))
    return Page(found[:limit], found[limit - 1].id if len(found) > limit else None)


async def remove(session: WriteSession, quota_id: str) -> Quota:
    """Take a limit away.

    Raises:
        NotFound: There is none (``quota_id``).
    """
    row = await session.row(select(*_QUOTA).where(QuotaRow.id == quota_id))
    if row is None:
        raise NotFound(f"There is no limit '{quota_id[:64]}'.", "quota_id")
    await session.write(delete(QuotaRow).where(QuotaRow.id == quota_id))
    return _quota(row)


async def _check_subject(session: ReadSession, kind: SubjectKind, subject_id: str) -> None:
    table = Table.metadata.tables[_SUBJECTS[kind]]
    if await session.row(select(table.c.id).where(table.c.id == subject_id)) is None:
        raise NotFound(f"There is no {kind} '{subject_id[:64]}'.", "subject_id")


def _quota(row: Any) -> Quota:
    return Quota(
        id=row.id,
        subject_kind=row.subject_kind,
        subject_id=row.subject_id,
        kind=LimitKind(row.kind),
        limit=row.limit_amount,
        period=Period(row.period),
        model=row.model or None,
        without_redis=row.without_redis,
    )
