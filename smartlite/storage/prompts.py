"""Prompts and their versions, as rows. Must not know what a template says, nor who may see one."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, func, insert, select, update

from smartlite.domain.identity import Page
from smartlite.domain.prompts import Prompt, PromptVersion
from smartlite.errors import AlreadyExists, NotFound
from smartlite.storage.columns import fitting
from smartlite.storage.database import ReadSession, WriteSession
from smartlite.storage.organizations_tables import ShareRow
from smartlite.storage.prompts_tables import PROMPT_CHARACTERS, PromptRow, PromptVersionRow
from smartlite.storage.reach import Reader, within_reach

SHARED_AS: Final = "prompt"
"""The kind under which shares name one."""
_PROMPT: Final = (
    PromptRow.id,
    PromptRow.name,
    PromptRow.owner_id,
    PromptRow.organization_id,
    PromptRow.latest,
    PromptRow.created_at,
    PromptRow.updated_at,
)
_VERSION: Final = (
    PromptVersionRow.prompt_id,
    PromptVersionRow.version,
    PromptVersionRow.source,
    PromptVersionRow.sha256,
    PromptVersionRow.created_at,
    PromptVersionRow.created_by,
)


def sha256_of(source: str) -> str:
    """What tells one text from another, in hexadecimal."""
    return hashlib.sha256(source.encode()).hexdigest()


async def add(session: WriteSession, prompt: Prompt, source: str, created_by: str) -> None:
    """Add a prompt with its first version.

    Raises:
        AlreadyExists: Its owner has one of this name (``name``).
    """
    row = {column.key: getattr(prompt, column.key) for column in _PROMPT}
    row |= {"name": fitting(prompt.name, PROMPT_CHARACTERS, "name"), "latest": 1, "newest": 1}
    try:
        await session.write(insert(PromptRow).values(row))
    except AlreadyExists as error:
        raise AlreadyExists(f"There is a prompt '{prompt.name}' already.", "name") from error
    await _add_version(session, PromptVersion(prompt.id, 1, source, "", prompt.created_at, created_by))


async def get(session: ReadSession, prompt_id: str) -> Prompt | None:
    """The prompt with an id."""
    row = await session.row(select(*_PROMPT).where(PromptRow.id == prompt_id))
    return None if row is None else Prompt(*row)


async def named(session: ReadSession, owner_id: str, name: str) -> Prompt | None:
    """An owner's prompt of a name."""
    row = await session.row(select(*_PROMPT).where(PromptRow.owner_id == owner_id, PromptRow.name == name))
    return None if row is None else Prompt(*row)


async def reached(session: ReadSession, reference: str, reader: Reader) -> Prompt | None:
    """A prompt that somebody may read, by its id; else their own of this name."""
    reach = within_reach(reader, SHARED_AS, PromptRow.id, PromptRow.owner_id, PromptRow.organization_id)
    row = await session.row(select(*_PROMPT).where(PromptRow.id == reference, reach))
    return await named(session, reader.user_id, reference) if row is None else Prompt(*row)


async def count(session: ReadSession, owner_id: str) -> int:
    """How many prompts an owner has."""
    row = await session.row(select(func.count()).select_from(PromptRow).where(PromptRow.owner_id == owner_id))
    return 0 if row is None else int(row[0])


async def page(
    session: ReadSession, reader: Reader | None, *, after: str | None = None, limit: int = 50
) -> Page[Prompt]:
    """Prompts in the order of their ids; from after the prompt ``after``.

    Args:
        session: Reads.
        reader: Whose; None: everybody's.
        after: ``Page.next`` of the part before.
        limit: Most.
    """
    query = select(*_PROMPT).order_by(PromptRow.id).limit(limit + 1)
    if reader is not None:
        query = query.where(
            within_reach(reader, SHARED_AS, PromptRow.id, PromptRow.owner_id, PromptRow.organization_id)
        )
    if after is not None:
        query = query.where(PromptRow.id > after)
    found = tuple(Prompt(*row) for row in await session.rows(query))
    return Page(found[:limit], found[limit - 1].id if len(found) > limit else None)


async def put_version(
    session: WriteSession, prompt_id: str, source: str, created_by: str, at: datetime
) -> tuple[PromptVersion, bool]:
    """Have a text be the latest version; the same text is the version that it was before.

    Returns:
        The version, and whether it is new.

    Raises:
        NotFound: There is no such prompt.
    """
    newest = await _locked(session, prompt_id)
    sha256 = bytes.fromhex(sha256_of(source))
    wanted = (PromptVersionRow.prompt_id == prompt_id, PromptVersionRow.sha256 == sha256)
    row = await session.row(select(*_VERSION).where(*wanted))
    if row is None:
        found = PromptVersion(prompt_id, newest + 1, source, sha256.hex(), at, created_by)
        await _add_version(session, found)
    else:
        found = _version(row)
    values = {"latest": found.version, "newest": max(newest, found.version), "updated_at": at}
    await session.write(update(PromptRow).where(PromptRow.id == prompt_id).values(values))
    return found, row is None


async def set_latest(session: WriteSession, prompt_id: str, version: int, at: datetime) -> None:
    """Have another version be meant where none is named.

    Raises:
        NotFound: There is no such prompt, or no such version of it.
    """
    await _locked(session, prompt_id)
    if await get_version(session, prompt_id, version) is None:
        raise NotFound(f"There is no version {version} of this prompt.", "version")
    values = {"latest": version, "updated_at": at}
    await session.write(update(PromptRow).where(PromptRow.id == prompt_id).values(values))


async def remove(session: WriteSession, prompt_id: str) -> None:
    """Remove a prompt with its versions.

    Raises:
        NotFound: There is no such prompt.
    """
    if not await session.write(delete(PromptRow).where(PromptRow.id == prompt_id)):
        raise _unknown(prompt_id)
    wanted = (ShareRow.resource_kind == SHARED_AS, ShareRow.resource_id == prompt_id)
    await session.write(delete(ShareRow).where(*wanted))


async def get_version(session: ReadSession, prompt_id: str, version: int) -> PromptVersion | None:
    """A version of a prompt."""
    wanted = (PromptVersionRow.prompt_id == prompt_id, PromptVersionRow.version == version)
    row = await session.row(select(*_VERSION).where(*wanted))
    return None if row is None else _version(row)


async def page_versions(
    session: ReadSession, prompt_id: str, *, after: str | None = None, limit: int = 50
) -> Page[PromptVersion]:
    """Versions, the newest first; from after the version ``after``."""
    query = (
        select(*_VERSION)
        .where(PromptVersionRow.prompt_id == prompt_id)
        .order_by(PromptVersionRow.version.desc())
        .limit(limit + 1)
    )
    if after is not None:
        query = query.where(PromptVersionRow.version < int(after))
    found = tuple(map(_version, await session.rows(query)))
    return Page(found[:limit], str(found[limit - 1].version) if len(found) > limit else None)


async def _locked(session: WriteSession, prompt_id: str) -> int:
    """The highest version; nobody else changes the prompt until this unit of work ends."""
    row = await session.row(select(PromptRow.newest).where(PromptRow.id == prompt_id).with_for_update())
    if row is None:
        raise _unknown(prompt_id)
    return int(row.newest)


async def _add_version(session: WriteSession, version: PromptVersion) -> None:
    row = {column.key: getattr(version, column.key) for column in _VERSION}
    row["sha256"] = bytes.fromhex(sha256_of(version.source))
    await session.write(insert(PromptVersionRow).values(row))


def _version(row: Sequence[Any]) -> PromptVersion:
    prompt_id, version, source, sha256, created_at, created_by = row
    return PromptVersion(prompt_id, version, source, sha256.hex(), created_at, created_by)


def _unknown(prompt_id: str) -> NotFound:
    return NotFound(f"There is no prompt '{prompt_id[:64]}'.", "prompt_id")
