"""The audit log, as rows: added and read, never changed. Must not know which actions there are."""

from collections.abc import Collection
from datetime import datetime
from typing import Final

from sqlalchemy import insert, or_, select

from smartlite.domain.identity import AuditEntry, Page
from smartlite.errors import InvalidRequest
from smartlite.storage.database import ReadSession, WriteSession
from smartlite.storage.tables import AuditRow

_ENTRY: Final = (
    AuditRow.id,
    AuditRow.at,
    AuditRow.actor_id,
    AuditRow.action,
    AuditRow.target_kind,
    AuditRow.target_id,
    AuditRow.address,
    AuditRow.details,
)


async def add(session: WriteSession, entry: AuditEntry) -> None:
    """Note something, in the unit of work that does it: then neither is there without the other."""
    row = {
        "id": entry.id,
        "at": entry.at,
        "actor_id": entry.actor_id,
        "action": entry.action,
        "target_kind": entry.target_kind,
        # Cut and not refused: what clients make up must not keep it out of the log.
        "target_id": entry.target_id[:255],
        "address": entry.address and entry.address[:64],
        "details": dict(entry.details),
    }
    await session.write(insert(AuditRow).values(row))


async def page(
    session: ReadSession, *, actor_id: str | None = None, after: str | None = None, limit: int = 50
) -> Page[AuditEntry]:
    """Entries, newest first.

    Args:
        session: Where to read.
        actor_id: Only what this user did; None: what anybody did.
        after: ``Page.next`` of the part before.
        limit: Most entries.

    Raises:
        InvalidRequest: ``after`` is not what a page gave.
    """
    query = select(*_ENTRY).order_by(AuditRow.at.desc(), AuditRow.id.desc()).limit(limit + 1)
    if actor_id is not None:
        query = query.where(AuditRow.actor_id == actor_id)
    if after is not None:
        at, entry_id = _read_cursor(after)
        # Said twice, so that the index finds where to begin: neither MySQL nor MariaDB does for (at, id) < (x, y).
        query = query.where(AuditRow.at <= at, or_(AuditRow.at < at, AuditRow.id < entry_id))
    entries = tuple(AuditEntry(*row) for row in await session.rows(query))
    return Page(entries[:limit], _cursor(entries[limit - 1]) if len(entries) > limit else None)


async def ids_from(session: ReadSession, first: str, without: Collection[str], limit: int) -> list[str]:
    """Ids of entries from one id on, newest first.

    Args:
        session: Where to read.
        first: See ``smartlite.domain.ids.first_id``.
        without: Actions that are passed over.
        limit: Most ids.
    """
    query = select(AuditRow.id).where(AuditRow.id >= first, AuditRow.action.not_in(sorted(without)))
    return [row.id for row in await session.rows(query.order_by(AuditRow.id.desc()).limit(limit))]


def _cursor(entry: AuditEntry) -> str:
    return f"{entry.at.isoformat()}~{entry.id}"


def _read_cursor(cursor: str) -> tuple[datetime, str]:
    time, mark, entry_id = cursor.partition("~")
    try:
        at = datetime.fromisoformat(time)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None or not mark:
        raise InvalidRequest("after must be what the page before gave.", "after")
    return at, entry_id
