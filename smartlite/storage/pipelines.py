"""Pipelines and their versions, as rows. Must not know what a document says, nor who may see one."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, func, insert, select, update

from smartlite.domain.identity import Page
from smartlite.domain.pipelines import Pipeline, PipelineVersion
from smartlite.errors import AlreadyExists, NotFound
from smartlite.storage.columns import fitting
from smartlite.storage.database import ReadSession, WriteSession
from smartlite.storage.organizations_tables import ShareRow
from smartlite.storage.pipelines_tables import PIPELINE_CHARACTERS, PipelineRow, PipelineVersionRow
from smartlite.storage.reach import Reader, within_reach

SHARED_AS: Final = "pipeline"
"""The kind under which shares name one."""
_PIPELINE: Final = (
    PipelineRow.id,
    PipelineRow.name,
    PipelineRow.owner_id,
    PipelineRow.organization_id,
    PipelineRow.latest,
    PipelineRow.created_at,
    PipelineRow.updated_at,
)
_VERSION: Final = (
    PipelineVersionRow.pipeline_id,
    PipelineVersionRow.version,
    PipelineVersionRow.source,
    PipelineVersionRow.sha256,
    PipelineVersionRow.created_at,
    PipelineVersionRow.created_by,
)


def sha256_of(source: str) -> str:
    """What tells one text from another, in hexadecimal."""
    return hashlib.sha256(source.encode()).hexdigest()


async def add(session: WriteSession, pipeline: Pipeline, source: str, created_by: str) -> None:
    """Add a pipeline with its first version.

    Raises:
        AlreadyExists: Its owner has one of this name (``name``).
    """
    row = {column.key: getattr(pipeline, column.key) for column in _PIPELINE}
    row |= {"name": fitting(pipeline.name, PIPELINE_CHARACTERS, "name"), "latest": 1, "newest": 1}
    try:
        await session.write(insert(PipelineRow).values(row))
    except AlreadyExists as error:
        raise AlreadyExists(f"There is a pipeline '{pipeline.name}' already.", "name") from error
    await _add_version(session, PipelineVersion(pipeline.id, 1, source, "", pipeline.created_at, created_by))


async def get(session: ReadSession, pipeline_id: str) -> Pipeline | None:
    """The pipeline with an id."""
    row = await session.row(select(*_PIPELINE).where(PipelineRow.id == pipeline_id))
    return None if row is None else Pipeline(*row)


async def named(session: ReadSession, owner_id: str, name: str) -> Pipeline | None:
    """An owner's pipeline of a name."""
    row = await session.row(select(*_PIPELINE).where(PipelineRow.owner_id == owner_id, PipelineRow.name == name))
    return None if row is None else Pipeline(*row)


async def count(session: ReadSession, owner_id: str) -> int:
    """How many pipelines an owner has."""
    row = await session.row(select(func.count()).select_from(PipelineRow).where(PipelineRow.owner_id == owner_id))
    return 0 if row is None else int(row[0])


async def page(
    session: ReadSession, reader: Reader | None, *, after: str | None = None, limit: int = 50
) -> Page[Pipeline]:
    """Pipelines in the order of their ids; from after the pipeline ``after``.

    Args:
        session: Reads.
        reader: Whose; None: everybody's.
        after: ``Page.next`` of the part before.
        limit: Most.
    """
    query = select(*_PIPELINE).order_by(PipelineRow.id).limit(limit + 1)
    if reader is not None:
        query = query.where(
            within_reach(reader, SHARED_AS, PipelineRow.id, PipelineRow.owner_id, PipelineRow.organization_id)
        )
    if after is not None:
        query = query.where(PipelineRow.id > after)
    found = tuple(Pipeline(*row) for row in await session.rows(query))
    return Page(found[:limit], found[limit - 1].id if len(found) > limit else None)


async def put_version(
    session: WriteSession, pipeline_id: str, source: str, created_by: str, at: datetime
) -> tuple[PipelineVersion, bool]:
    """Have a text be the latest version; the same text is the version that it was before.

    Returns:
        The version, and whether it is new.

    Raises:
        NotFound: There is no such pipeline.
    """
    newest = await _locked(session, pipeline_id)
    sha256 = bytes.fromhex(sha256_of(source))
    wanted = (PipelineVersionRow.pipeline_id == pipeline_id, PipelineVersionRow.sha256 == sha256)
    row = await session.row(select(*_VERSION).where(*wanted))
    if row is None:
        found = PipelineVersion(pipeline_id, newest + 1, source, sha256.hex(), at, created_by)
        await _add_version(session, found)
    else:
        found = _version(row)
    values = {"latest": found.version, "newest": max(newest, found.version), "updated_at": at}
    await session.write(update(PipelineRow).where(PipelineRow.id == pipeline_id).values(values))
    return found, row is None


async def set_latest(session: WriteSession, pipeline_id: str, version: int, at: datetime) -> None:
    """Have another version be meant where none is named.

    Raises:
        NotFound: There is no such pipeline, or no such version of it.
    """
    await _locked(session, pipeline_id)
    if await get_version(session, pipeline_id, version) is None:
        raise NotFound(f"There is no version {version} of this pipeline.", "version")
    values = {"latest": version, "updated_at": at}
    await session.write(update(PipelineRow).where(PipelineRow.id == pipeline_id).values(values))


async def remove(session: WriteSession, pipeline_id: str) -> None:
    """Remove a pipeline with its versions; runs keep the document that they run.

    Raises:
        NotFound: There is no such pipeline.
    """
    if not await session.write(delete(PipelineRow).where(PipelineRow.id == pipeline_id)):
        raise _unknown(pipeline_id)
    wanted = (ShareRow.resource_kind == SHARED_AS, ShareRow.resource_id == pipeline_id)
    await session.write(delete(ShareRow).where(*wanted))


async def get_version(session: ReadSession, pipeline_id: str, version: int) -> PipelineVersion | None:
    """A version of a pipeline."""
    wanted = (PipelineVersionRow.pipeline_id == pipeline_id, PipelineVersionRow.version == version)
    row = await session.row(select(*_VERSION).where(*wanted))
    return None if row is None else _version(row)


async def page_versions(
    session: ReadSession, pipeline_id: str, *, after: str | None = None, limit: int = 50
) -> Page[PipelineVersion]:
    """Versions, the newest first; from after the version ``after``."""
    query = (
        select(*_VERSION)
        .where(PipelineVersionRow.pipeline_id == pipeline_id)
        .order_by(PipelineVersionRow.version.desc())
        .limit(limit + 1)
    )
    if after is not None:
        query = query.where(PipelineVersionRow.version < int(after))
    found = tuple(map(_version, await session.rows(query)))
    return Page(found[:limit], str(found[limit - 1].version) if len(found) > limit else None)


async def latest_of(session: ReadSession, pipeline_ids: Iterable[str]) -> dict[str, PipelineVersion]:
    """The latest version of each pipeline, by its id."""
    is_latest = PipelineRow.latest == PipelineVersionRow.version
    query = select(*_VERSION).join(PipelineRow, PipelineRow.id == PipelineVersionRow.pipeline_id)
    rows = await session.rows(query.where(is_latest, PipelineRow.id.in_(list(pipeline_ids))))
    return {row[0]: _version(row) for row in rows}


async def _locked(session: WriteSession, pipeline_id: str) -> int:
    """The highest version; nobody else changes the pipeline until this unit of work ends."""
    row = await session.row(select(PipelineRow.newest).where(PipelineRow.id == pipeline_id).with_for_update())
    if row is None:
        raise _unknown(pipeline_id)
    return int(row.newest)


async def _add_version(session: WriteSession, version: PipelineVersion) -> None:
    row = {column.key: getattr(version, column.key) for column in _VERSION}
    row["sha256"] = bytes.fromhex(sha256_of(version.source))
    await session.write(insert(PipelineVersionRow).values(row))


def _version(row: Sequence[Any]) -> PipelineVersion:
    pipeline_id, version, source, sha256, created_at, created_by = row
    return PipelineVersion(pipeline_id, version, source, sha256.hex(), created_at, created_by)


def _unknown(pipeline_id: str) -> NotFound:
    return NotFound(f"There is no pipeline '{pipeline_id[:64]}'.", "pipeline_id")
