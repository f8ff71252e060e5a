"""Files of users, as rows. Must not know where their bytes are, nor who may see one.

A row is there before the first byte is stored, so that what an upload left behind is always found and removed.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, func, insert, or_, select, update

from smartlite.domain.batches import OPEN
from smartlite.domain.files import FilePurpose, FileQuery, FileState, StoredFile
from smartlite.domain.identity import Page
from smartlite.errors import FileStorageFull, NotFound
from smartlite.storage.batches_tables import BatchRow
from smartlite.storage.columns import fitting
from smartlite.storage.database import ReadSession, WriteSession
from smartlite.storage.files_tables import FILENAME_CHARACTERS, FileRow
from smartlite.storage.organizations_tables import ShareRow

SHARED_AS: Final = "file"
"""The kind under which shares name one."""
_FILE: Final = (
    FileRow.id,
    FileRow.owner_id,
    FileRow.organization_id,
    FileRow.filename,
    FileRow.content_type,
    FileRow.purpose,
    FileRow.size_bytes,
    FileRow.part_bytes,
    FileRow.created_at,
    FileRow.expires_at,
)


async def begin(session: WriteSession, file: StoredFile, until: datetime, most_bytes: int) -> None:
    """Add a file whose bytes come now; nobody sees it before ``finish``.

    Args:
        session: Writes.
        file: As far as it is known.
        until: Then it is given up.
        most_bytes: So much may its owner keep.

    Raises:
        AlreadyExists: There is one of this id.
        FileStorageFull: 413, so much is kept already.
    """
    await _check_room(session, file, most_bytes)
    values = {column.key: getattr(file, column.key) for column in _FILE}
    values |= {"purpose": str(file.purpose), "state": str(FileState.UPLOADING), "expires_at": until}
    await session.write(insert(FileRow).values(values))


async def finish(session: WriteSession, file: StoredFile, most_bytes: int) -> None:
    """Have a file be there whose bytes are all stored; the same once more changes nothing.

    Args:
        session: Writes.
        file: As it is to be.
        most_bytes: So much may its owner keep.

    Raises:
        FileStorageFull: 413, its owner would keep more.
        NotFound: The upload took too long and was given up.
    """
    await _check_room(session, file, most_bytes)
    values = {
        "filename": fitting(file.filename, FILENAME_CHARACTERS, "filename"),
        "content_type": file.content_type,
        "purpose": str(file.purpose),
        "size_bytes": file.size_bytes,
        "state": str(FileState.READY),
        "created_at": file.created_at,
        "expires_at": file.expires_at,
    }
    is_open = FileRow.state != FileState.DELETED
    if not await session.write(update(FileRow).where(FileRow.id == file.id, is_open).values(values)):
        raise NotFound("The upload took too long and was given up; send the file again.", "file")


async def kept_bytes(session: ReadSession, owner_id: str, besides: str = "") -> int:
    """How much is kept for somebody, but for one file."""
    total = func.coalesce(func.sum(FileRow.size_bytes), 0)
    query = select(total).where(FileRow.owner_id == owner_id, FileRow.state == FileState.READY, FileRow.id != besides)
    row = await session.row(query)
    return 0 if row is None else int(row[0])


async def get(session: ReadSession, file_id: str, now: datetime | None) -> StoredFile | None:
    """The file with an id; ``now`` None: also one that has expired and is still there."""
    query = select(*_FILE).where(FileRow.id == file_id, FileRow.state == FileState.READY)
    if now is not None:
        query = query.where(_is_valid(now))
    row = await session.row(query)
    return None if row is None else _read(row)


async def page(
    session: ReadSession, query: FileQuery, now: datetime, *, after: str | None = None, limit: int = 100
) -> Page[StoredFile]:
    """Files by their age, the newest first unless it is asked for otherwise; from after the file ``after``."""
    order = FileRow.id.asc() if query.oldest_first else FileRow.id.desc()
    statement = select(*_FILE).where(FileRow.state == FileState.READY, _is_valid(now)).order_by(order).limit(limit + 1)
    for column, wanted in (
        (FileRow.owner_id, query.owner_id),
        (FileRow.organization_id, query.organization_id),
        (FileRow.purpose, query.purpose),
    ):
        if wanted is not None:
            statement = statement.where(column == wanted)
    if after is not None:
        statement = statement.where(FileRow.id > after if query.oldest_first else FileRow.id < after)
    found = tuple(map(_read, await session.rows(statement)))
    return Page(found[:limit], found[limit - 1].id if len(found) > limit else None)


async def hide(session: WriteSession, file_id: str) -> None:
    """Have a file be there no more, and nobody share it; its bytes are removed after."""
    await session.write(update(FileRow).where(FileRow.id == file_id).values(state=str(FileState.DELETED)))
    wanted = (ShareRow.resource_kind == SHARED_AS, ShareRow.resource_id == file_id)
    await session.write(delete(ShareRow).where(*wanted))


async def forget(session: WriteSession, file_id: str) -> None:
    """Remove the row of a file whose bytes are gone."""
    await session.write(delete(FileRow).where(FileRow.id == file_id))


async def gone(session: ReadSession, now: datetime, limit: int) -> Sequence[StoredFile]:
    """Files whose bytes may go: deleted, expired or given up, and read by no batch any more."""
    is_read = select(BatchRow.id).where(BatchRow.input_file_id == FileRow.id, BatchRow.state.in_(list(OPEN))).exists()
    is_over = or_(FileRow.state == FileState.DELETED, FileRow.expires_at <= now)
    query = select(*_FILE).where(is_over, ~is_read).order_by(FileRow.id).limit(limit)
    return tuple(map(_read, await session.rows(query)))


async def reader_of(session: ReadSession, file_id: str) -> str | None:
    """A batch that still reads a file; None: there is none."""
    query = select(BatchRow.id).where(BatchRow.input_file_id == file_id, BatchRow.state.in_(list(OPEN))).limit(1)
    row = await session.row(query)
    return None if row is None else str(row.id)


async def _check_room(session: ReadSession, file: StoredFile, most_bytes: int) -> None:
    kept = await kept_bytes(session, file.owner_id, file.id)
    if kept + max(1, file.size_bytes) > most_bytes:
        raise FileStorageFull(
            f"{kept} bytes of files are kept for you, and {most_bytes} are allowed with this one. "
            "Delete some, or have them expire."
        )


def _is_valid(now: datetime) -> ColumnElement[bool]:
    return or_(FileRow.expires_at.is_(None), FileRow.expires_at > now)


def _read(row: Sequence[Any]) -> StoredFile:
    values = dict(zip((column.key for column in _FILE), row, strict=True))
    values["purpose"] = FilePurpose(values["purpose"])
    return StoredFile(**values)
