"""What is shared with whom, as rows. Must not know what can be shared, nor who may."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import delete, insert, select, update

from smartlite.domain.organizations import Access, Share, SubjectKind
from smartlite.storage.database import ReadSession, WriteSession
from smartlite.storage.organizations_tables import ShareRow

_SHARE: Final = (
    ShareRow.resource_kind,
    ShareRow.resource_id,
    ShareRow.subject_kind,
    ShareRow.subject_id,
    ShareRow.access,
    ShareRow.created_by,
    ShareRow.created_at,
)


async def of_resource(session: ReadSession, kind: str, resource_id: str) -> tuple[Share, ...]:
    """With whom one thing is shared, in the order of the subjects."""
    wanted = (ShareRow.resource_kind == kind, ShareRow.resource_id == resource_id)
    rows = await session.rows(select(*_SHARE).where(*wanted).order_by(ShareRow.subject_kind, ShareRow.subject_id))
    return tuple(map(_share, rows))


async def put(session: WriteSession, share: Share) -> None:
    """Share something, or have another access be the one that is shared.

    Raises:
        AlreadyExists: Somebody else did it at the same time; the whole unit of work may be done again.
    """
    values = {"access": share.access.value, "created_by": share.created_by, "created_at": share.created_at}
    if await session.write(update(ShareRow).where(*_key(share)).values(values)):
        return
    row = {
        "resource_kind": share.resource_kind,
        "resource_id": share.resource_id,
        "subject_kind": share.subject_kind.value,
        "subject_id": share.subject_id,
    }
    await session.write(insert(ShareRow).values({**row, **values}))


async def remove(session: WriteSession, share: Share) -> bool:
    """Share something no more with somebody, whatever the access was.

    Returns:
        Whether it was shared.
    """
    return bool(await session.write(delete(ShareRow).where(*_key(share))))


async def forget_subject(session: WriteSession, kind: SubjectKind, subject_id: str) -> None:
    """Share nothing more with somebody, who is about to be no more: another one may get the same name."""
    wanted = (ShareRow.subject_kind == kind.value, ShareRow.subject_id == subject_id)
    await session.write(delete(ShareRow).where(*wanted))


def _key(share: Share) -> tuple[Any, ...]:
    return (
        ShareRow.resource_kind == share.resource_kind,
        ShareRow.resource_id == share.resource_id,
        ShareRow.subject_kind == share.subject_kind.value,
        ShareRow.subject_id == share.subject_id,
    )


def _share(row: Sequence[Any]) -> Share:
    kind, resource_id, subject_kind, subject_id, access, created_by, created_at = row
    return Share(kind, resource_id, SubjectKind(subject_kind), subject_id, Access(access), created_by, created_at)
