"""What has a name, an owner and versions that never change, as rows. Must not know what a version says.

Each kind of such things has two tables of the same columns: the things, and their versions. One highest version is
counted on the thing's own row, whose lock keeps two who add a version at the same time apart.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import delete, func, insert, select, update

from smartlite.domain.identity import Page
from smartlite.errors import AlreadyExists, NotFound
from smartlite.storage.columns import fitting
from smartlite.storage.database import ReadSession, WriteSession
from smartlite.storage.organizations_tables import ShareRow
from smartlite.storage.reach import Reader, within_reach

T = TypeVar("T")
V = TypeVar("V")


def sha256_of(source: str) -> str:
    """What tells one text from another, in hexadecimal."""
    return hashlib.sha256(source.encode()).hexdigest()


class Versioned(Generic[T, V]):
    """Reads and writes one kind of things.

    Args:
        kind: Its name, under which shares and messages know it.
        row: The table of the things.
        version_row: Of their versions; the column ``{kind}_id`` names the thing.
        made: A thing from its id, name, owner, organisation, latest version and two times.
        version_made: A version from the thing's id, its number, text, hash in hexadecimal, time and maker.
        name_characters: The longest name.
    """

    def __init__(
        self,
        kind: str,
        row: Any,
        version_row: Any,
        made: Callable[..., T],
        version_made: Callable[..., V],
        name_characters: int,
    ) -> None:
        self.kind = kind
        self._row = row
        self._version_row = version_row
        self._made = made
        self._version_made = version_made
        self._name_characters = name_characters
        self._thing_id = getattr(version_row, f"{kind}_id")
        names = ("id", "name", "owner_id", "organization_id", "latest", "created_at", "updated_at")
        self._columns = tuple([getattr(row, name) for name in names])
        of_version = ("version", "source", "sha256", "created_at", "created_by")
        self._version_columns = (self._thing_id, *[getattr(version_row, name) for name in of_version])

    async def add(self, session: WriteSession, thing: T, source: str, created_by: str) -> None:
        """Add a thing with its first version.

        Raises:
            AlreadyExists: Its owner has one of this name (``name``).
        """
        row = {column.key: getattr(thing, column.key) for column in self._columns}
        name = row["name"]
        row |= {"name": fitting(name, self._name_characters, "name"), "latest": 1, "newest": 1}
        try:
            await session.write(insert(self._row).values(row))
        except AlreadyExists as error:
            raise AlreadyExists(f"There is a {self.kind} '{name}' already.", "name") from error
        await self._add_version(session, row["id"], 1, source, row["created_at"], created_by)

    async def get(self, session: ReadSession, thing_id: str) -> T | None:
        """The one with an id."""
        row = await session.row(select(*self._columns).where(self._row.id == thing_id))
        return None if row is None else self._made(*row)

    async def named(self, session: ReadSession, owner_id: str, name: str) -> T | None:
        """An owner's own of a name."""
        wanted = (self._row.owner_id == owner_id, self._row.name == name)
        row = await session.row(select(*self._columns).where(*wanted))
        return None if row is None else self._made(*row)

    async def reached(self, session: ReadSession, reference: str, reader: Reader) -> T | None:
        """One that somebody may read, by its id; else their own of this name."""
        row = await session.row(select(*self._columns).where(self._row.id == reference, self._within_reach(reader)))
        return await self.named(session, reader.user_id, reference) if row is None else self._made(*row)

    async def count(self, session: ReadSession, owner_id: str) -> int:
        """How many an owner has."""
        row = await session.row(select(func.count()).select_from(self._row).where(self._row.owner_id == owner_id))
        return 0 if row is None else int(row[0])

    async def page(
        self, session: ReadSession, reader: Reader | None, *, after: str | None = None, limit: int = 50
    ) -> Page[T]:
        """In the order of their ids; from after the one with the id ``after``.

        Args:
            session: Reads.
            reader: Whose; None: everybody's.
            after: ``Page.next`` of the part before.
            limit: Most.
        """
        query = select(*self._columns).order_by(self._row.id).limit(limit + 1)
        if reader is not None:
            query = query.where(self._within_reach(reader))
        if after is not None:
            query = query.where(self._row.id > after)
        rows = await session.rows(query)
        return Page(
            tuple([self._made(*row) for row in rows[:limit]]), rows[limit - 1][0] if len(rows) > limit else None
        )

    async def put_version(
        self, session: WriteSession, thing_id: str, source: str, created_by: str, at: datetime
    ) -> tuple[V, bool]:
        """Have a text be the latest version; the same text is the version that it was before.

        Returns:
            The version, and whether it is new.

        Raises:
            NotFound: There is no such thing.
        """
        newest = await self._locked(session, thing_id)
        is_same = self._version_row.sha256 == bytes.fromhex(sha256_of(source))
        row = await session.row(select(*self._version_columns).where(self._thing_id == thing_id, is_same))
        number = newest + 1 if row is None else int(row[1])
        if row is None:
            await self._add_version(session, thing_id, number, source, at, created_by)
            found = self._version_made(thing_id, number, source, sha256_of(source), at, created_by)
        else:
            found = self._version(row)
        values = {"latest": number, "newest": max(newest, number), "updated_at": at}
        await session.write(update(self._row).where(self._row.id == thing_id).values(values))
        return found, row is None

    async def set_latest(self, session: WriteSession, thing_id: str, version: int, at: datetime) -> None:
        """Have another version be meant where none is named.

        Raises:
            NotFound: There is no such thing, or no such version of it.
        """
        await self._locked(session, thing_id)
        if await self.get_version(session, thing_id, version) is None:
            raise NotFound(f"There is no version {version} of this {self.kind}.", "version")
        await session.write(
            update(self._row).where(self._row.id == thing_id).values({"latest": version, "updated_at": at})
        )

    async def remove(self, session: WriteSession, thing_id: str) -> None:
        """Remove a thing with its versions and shares.

        Raises:
            NotFound: There is no such thing.
        """
        if not await session.write(delete(self._row).where(self._row.id == thing_id)):
            raise self._unknown(thing_id)
        wanted = (ShareRow.resource_kind == self.kind, ShareRow.resource_id == thing_id)
        await session.write(delete(ShareRow).where(*wanted))

    async def get_version(self, session: ReadSession, thing_id: str, version: int) -> V | None:
        """A version."""
        wanted = (self._thing_id == thing_id, self._version_row.version == version)
        row = await session.row(select(*self._version_columns).where(*wanted))
        return None if row is None else self._version(row)

    async def page_versions(
        self, session: ReadSession, thing_id: str, *, after: str | None = None, limit: int = 50
    ) -> Page[V]:
        """Versions, the newest first; from after the version ``after``."""
        query = select(*self._version_columns).where(self._thing_id == thing_id)
        query = query.order_by(self._version_row.version.desc()).limit(limit + 1)
        if after is not None:
            query = query.where(self._version_row.version < int(after))
        rows = await session.rows(query)
        last = str(rows[limit - 1][1]) if len(rows) > limit else None
        return Page(tuple(map(self._version, rows[:limit])), last)

    async def latest_of(self, session: ReadSession, thing_ids: Iterable[str]) -> dict[str, V]:
        """The latest version of each, by its id."""
        is_latest = self._row.latest == self._version_row.version
        query = select(*self._version_columns).join(self._row, self._row.id == self._thing_id)
        rows = await session.rows(query.where(is_latest, self._row.id.in_(list(thing_ids))))
        return {row[0]: self._version(row) for row in rows}

    def _within_reach(self, reader: Reader) -> Any:
        return within_reach(reader, self.kind, self._row.id, self._row.owner_id, self._row.organization_id)

    async def _locked(self, session: WriteSession, thing_id: str) -> int:
        """The highest version; nobody else changes the thing until this unit of work ends."""
        row = await session.row(select(self._row.newest).where(self._row.id == thing_id).with_for_update())
        if row is None:
            raise self._unknown(thing_id)
        return int(row[0])

    async def _add_version(
        self, session: WriteSession, thing_id: str, version: int, source: str, at: datetime, created_by: str
    ) -> None:
        values = (thing_id, version, source, bytes.fromhex(sha256_of(source)), at, created_by)
        row = {column.key: value for column, value in zip(self._version_columns, values, strict=True)}
        await session.write(insert(self._version_row).values(row))

    def _version(self, row: Sequence[Any]) -> V:
        thing_id, version, source, sha256, created_at, created_by = row
        return self._version_made(thing_id, version, source, sha256.hex(), created_at, created_by)

    def _unknown(self, thing_id: str) -> NotFound:
        return NotFound(f"There is no {self.kind} '{thing_id[:64]}'.", f"{self.kind}_id")
