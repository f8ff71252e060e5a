"""History and usage, as rows: written in batches from a journal, each record exactly once. Must not know who reads.

A batch, the sums that it adds to and how far its segment was read are one unit of work: whether or not anybody learns
that it was committed, what is read next time begins after it.
"""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from sqlalchemy import Insert, delete, insert, select, update
from sqlalchemy.dialects import mysql, sqlite

from smartlite.domain.metering import MeteredUsage, RequestRecord
from smartlite.errors import AlreadyExists
from smartlite.storage.database import ReadSession, WriteSession
from smartlite.storage.metering_tables import (
    MODEL_CHARACTERS,
    ROUTE_CHARACTERS,
    ContentRow,
    JournalRow,
    RequestRow,
    UsageRow,
)

SUMS: Final = (
    "requests",
    "failed_requests",
    "prompt_tokens",
    "completion_tokens",
    "audio_input_ms",
    "audio_output_ms",
    "characters",
    "cost_micros",
)
_AMOUNTS: Final = SUMS[2:]
_USED: Final = tuple(field.name for field in fields(MeteredUsage))
_NAMES: Final = frozenset(field.name for field in fields(RequestRecord))
_NO_MODEL: Final = (MeteredUsage(""),)
_KEY: Final = ("user_id", "day", "key_id", "organization_id", "model")


async def offset_of(session: ReadSession, segment_id: str) -> int:
    """How far a segment was read, in bytes."""
    row = await session.row(select(JournalRow.offset_bytes).where(JournalRow.id == segment_id))
    return 0 if row is None else int(row.offset_bytes)


async def keep(session: WriteSession, records: Sequence[RequestRecord], segment_id: str, begin: int, end: int) -> bool:
    """Write what a part of a segment holds, in one unit of work.

    Args:
        session: Writes.
        records: Of the segment, from ``begin`` to ``end``.
        segment_id: Whose part it is.
        begin: Offset of the part, which has to be where reading ended before.
        end: Offset of what follows it.

    Returns:
        False where somebody has read on meanwhile: nothing was written.
    """
    now = datetime.now(UTC)
    if begin == 0:
        try:
            row = {"id": segment_id, "offset_bytes": end, "updated_at": now}
            await session.write(insert(JournalRow).values(row))
        except AlreadyExists:
            return False
    else:
        wanted = (JournalRow.id == segment_id, JournalRow.offset_bytes == begin)
        if not await session.write(update(JournalRow).where(*wanted).values(offset_bytes=end, updated_at=now)):
            return False
    if records:
        is_sqlite = session.dialect == "sqlite"
        rows = [_row(record, is_sqlite=is_sqlite) for record in records]
        await session.write_many(RequestRow.metadata.tables[RequestRow.__tablename__], rows)
        contents = [(record.id, record.content) for record in records if record.content is not None]
        if contents:
            await session.write_many(ContentRow.metadata.tables[ContentRow.__tablename__], contents)
        await session.write_all(_adding(is_sqlite=is_sqlite), list(_sums(records)))
    return True


async def forget_segments(session: WriteSession, before: datetime) -> int:
    """Drop how far segments were read that nobody has read since a time: their files are gone."""
    return await session.write(delete(JournalRow).where(JournalRow.updated_at < before))


def encode(record: RequestRecord) -> bytes:
    """As one line of a journal."""
    line: dict[str, Any] = {
        "id": record.id,
        "at": record.at.timestamp(),
        "request_id": record.request_id,
        "user_id": record.user_id,
        "key_id": record.key_id,
        "organization_id": record.organization_id,
        "method": record.method,
        "route": record.route,
        "status": record.status,
        "error_code": record.error_code,
        "duration_ms": record.duration_ms,
        "stages_ms": record.stages_ms,
        "request_bytes": record.request_bytes,
        "response_bytes": record.response_bytes,
        "client_gone": record.client_gone,
        "usage": [[getattr(used, name) for name in _USED] for used in record.usage],
    }
    if record.content is not None:
        line["content"] = base64.b64encode(record.content).decode()
    return orjson.dumps(line)


def decode(line: bytes) -> RequestRecord:
    """From a line of a journal, which a replica of another version may have written: what it lacks is as by default,
    and what it has more is passed over.

    Raises:
        ValueError: It is none of ``encode``'s.
    """
    try:
        found = orjson.loads(line)
        if not found.keys() <= _NAMES:
            found = {name: value for name, value in found.items() if name in _NAMES}
        found["at"] = datetime.fromtimestamp(found["at"], UTC)
        found["usage"] = tuple([MeteredUsage(*used[: len(_USED)]) for used in found.get("usage", ())])
        if found.get("content") is not None:
            found["content"] = base64.b64decode(found["content"])
        return RequestRecord(**found)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        msg = "a line of a journal is no record of a request"
        raise ValueError(msg) from error


def _row(record: RequestRecord, *, is_sqlite: bool) -> tuple[object, ...]:
    """In the order of the table's columns, and as the drivers take it (see the types in ``columns``)."""
    at = record.at.astimezone(UTC).replace(tzinfo=None)
    return (
        record.id,
        at.isoformat(" ", "microseconds") if is_sqlite else at,
        record.request_id[:128],
        record.user_id,
        record.key_id,
        record.organization_id,
        record.method[:16],
        record.route and record.route[:ROUTE_CHARACTERS],
        next((used.model[:MODEL_CHARACTERS] for used in record.usage), None),
        record.status,
        record.error_code and record.error_code[:64],
        record.duration_ms,
        orjson.dumps(dict(record.stages_ms)).decode() if record.stages_ms else None,
        record.request_bytes,
        record.response_bytes,
        record.client_gone,
        orjson.dumps([_usage_json(used) for used in record.usage]).decode() if record.usage else None,
    )


def _usage_json(used: MeteredUsage) -> dict[str, Any]:
    found: dict[str, Any] = {"model": used.model}
    for name in _AMOUNTS:
        if amount := getattr(used, name):
            found[name] = amount
    return found


def _sums(records: Iterable[RequestRecord]) -> Iterable[dict[str, Any]]:
    """Rows to add to, in one order for everybody who locks several."""
    found: dict[tuple[Any, ...], list[int]] = {}
    for record in records:
        failed = int(record.status is None or record.status >= 400)
        day = record.at.astimezone(UTC).date()
        for used in record.usage or _NO_MODEL:
            model = used.model[:MODEL_CHARACTERS]
            key = (record.user_id or "", day, record.key_id or "", record.organization_id or "", model)
            sums = found.get(key) or found.setdefault(key, [0] * len(SUMS))
            sums[0] += 1
            sums[1] += failed
            if record.usage:
                for place, name in enumerate(_AMOUNTS, 2):
                    sums[place] += getattr(used, name)
    for key in sorted(found):
        yield dict(zip((*_KEY, *SUMS), (*key, *found[key]), strict=True))


def _adding(*, is_sqlite: bool) -> Insert:
    if is_sqlite:
        lite = sqlite.insert(UsageRow)
        return lite.on_conflict_do_update(
            index_elements=_KEY,
            set_={name: getattr(UsageRow, name) + getattr(lite.excluded, name) for name in SUMS},
        )
    my = mysql.insert(UsageRow)
    return my.on_duplicate_key_update({name: getattr(UsageRow, name) + getattr(my.inserted, name) for name in SUMS})
