"""Requests that were sent with a key, as rows. Must not know what is in an answer, nor when one is kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import and_, delete, insert, or_, select, tuple_, update

from smartlite.storage.database import ReadSession, WriteSession
from smartlite.storage.idempotency_tables import IdempotencyRow

RUNNING: Final = "running"
DONE: Final = "done"

_ROW: Final = (
    IdempotencyRow.tenant,
    IdempotencyRow.key_hash,
    IdempotencyRow.id,
    IdempotencyRow.request_hash,
    IdempotencyRow.scopes,
    IdempotencyRow.locked_until,
    IdempotencyRow.created_at,
    IdempotencyRow.expires_at,
    IdempotencyRow.state,
    IdempotencyRow.status,
    IdempotencyRow.headers,
    IdempotencyRow.salt,
    IdempotencyRow.body,
)


@dataclass(frozen=True, slots=True)
class Run:
    """A request with a key, while it runs and after."""

    tenant: str
    key_hash: bytes
    """SHA-256 of the key."""
    id: str
    request_hash: bytes
    """HMAC-SHA-256, under the key, of what tells one request from another."""
    scopes: frozenset[str] | None
    """What the credential granted; None where nobody is asked for one."""
    locked_until: datetime
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer as it is stored."""

    status: int
    headers: Sequence[tuple[str, str]]
    salt: bytes
    body: bytes | None
    """Encrypted; None where it is in the object store."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a key stands for."""

    run: Run
    kept: Kept | None
    """None while the request runs."""


async def add(session: WriteSession, run: Run) -> None:
    """Begin a run.

    Raises:
        AlreadyExists: The key stands for a run already.
    """
    await session.write(insert(IdempotencyRow).values(**_columns(run)))


async def find(session: ReadSession, tenant: str, key_hash: bytes) -> Found | None:
    """What a key stands for, also after it expired."""
    wanted = (IdempotencyRow.tenant == tenant, IdempotencyRow.key_hash == key_hash)
    row = await session.row(select(*_ROW).where(*wanted))
    return None if row is None else _found(row)


async def take_over(session: WriteSession, before: Run, run: Run, now: datetime) -> bool:
    """Put a run in the place of one that expired, or that nobody works on any more.

    Returns:
        Whether it is there now; of several that try, one has it.
    """
    is_free = or_(
        IdempotencyRow.expires_at <= now,
        and_(IdempotencyRow.state == RUNNING, IdempotencyRow.locked_until <= now),
    )
    nothing = {"status": None, "headers": None, "salt": None, "body": None}
    statement = update(IdempotencyRow).where(*_is(before), is_free)
    return bool(await session.write(statement.values(**_columns(run), **nothing)))


async def renew(session: WriteSession, run: Run, locked_until: datetime) -> bool:
    """Say that a run goes on.

    Returns:
        Whether it is still its own: False where another took over.
    """
    statement = update(IdempotencyRow).where(*_is(run), IdempotencyRow.state == RUNNING)
    return bool(await session.write(statement.values(locked_until=locked_until)))


async def finish(session: WriteSession, run: Run, kept: Kept) -> bool:
    """Keep the answer of a run.

    Returns:
        Whether it is kept: False where another took over.
    """
    statement = update(IdempotencyRow).where(*_is(run), IdempotencyRow.state == RUNNING)
    headers = [list(pair) for pair in kept.headers]
    values = {"state": DONE, "status": kept.status, "headers": headers, "salt": kept.salt, "body": kept.body}
    return bool(await session.write(statement.values(**values)))


async def release(session: WriteSession, run: Run) -> bool:
    """Forget a run that ended without an answer to be kept; the key stands for nothing then.

    Returns:
        Whether it was there and running.
    """
    return bool(await session.write(delete(IdempotencyRow).where(*_is(run), IdempotencyRow.state == RUNNING)))


async def expired(session: ReadSession, now: datetime, limit: int) -> Sequence[Found]:
    """So many of those that are kept no longer."""
    query = select(*_ROW).where(IdempotencyRow.expires_at <= now).order_by(IdempotencyRow.expires_at).limit(limit)
    return [_found(row) for row in await session.rows(query)]


async def remove(session: WriteSession, runs: Sequence[Run], now: datetime) -> int:
    """Remove those of these that have expired and were not taken over.

    Returns:
        How many they were.
    """
    keys = [(run.tenant, run.key_hash) for run in runs]
    which = tuple_(IdempotencyRow.tenant, IdempotencyRow.key_hash).in_(keys)
    return await session.write(delete(IdempotencyRow).where(which, IdempotencyRow.expires_at <= now))


def _is(run: Run) -> tuple[Any, ...]:
    return (
        IdempotencyRow.tenant == run.tenant,
        IdempotencyRow.key_hash == run.key_hash,
        IdempotencyRow.id == run.id,
    )


def _columns(run: Run) -> dict[str, object]:
    return {
        "tenant": run.tenant,
        "key_hash": run.key_hash,
        "id": run.id,
        "request_hash": run.request_hash,
        "scopes": run.scopes,
        "state": RUNNING,
        "locked_until": run.locked_until,
        "created_at": run.created_at,
        "expires_at": run.expires_at,
    }


def _found(row: Sequence[Any]) -> Found:
    run = Run(*row[:8])
    state, status, headers, salt, body = row[8:]
    if state == RUNNING:
        return Found(run, None)
    return Found(run, Kept(status, [(name, value) for name, value in headers], salt, body))
