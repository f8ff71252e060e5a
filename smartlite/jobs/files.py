"""Files that users keep: stored part by part, read part by part, gone in time. Must not know HTTP, nor who may.

A file is kept in parts, each an object of its own, so that nobody ever holds a whole one and any range of it can be
read. Whoever calls has asked ``policies.decide_access`` before.
"""

import hashlib
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from smartlite.domain.files import FilePurpose, FileQuery, StoredFile
from smartlite.domain.identity import Page
from smartlite.domain.ids import new_id
from smartlite.errors import AlreadyExists, FileInUse, StorageCorrupt
from smartlite.storage import files
from smartlite.storage.blobs import BlobStore
from smartlite.storage.database import Database, WriteSession, retried

PART_BYTES: Final = 4 * 1024 * 1024
"""What an upload or a download holds at once; encryption and the store are quick enough with it."""
UPLOAD_S: Final = 24 * 3600
"""An upload that takes longer is given up."""
_REMOVED_AT_ONCE: Final = 100
_NO_BOUND: Final = 2**62


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file whose bytes come now."""

    owner_id: str
    organization_id: str | None
    id: str | None = None
    """None: a new one."""
    is_bounded: bool = True
    """Whether it is refused where as much is kept for its owner as may be; what the platform made is not."""


def made_file_id(maker_id: str, number: int) -> str:
    """The id of a file that is made once, however often that is tried; it sorts where its maker's id does."""
    digest = hashlib.sha256(f"{maker_id}/{number}".encode()).hexdigest()
    return f"file_{maker_id.partition('_')[2][:12]}{digest[:20]}"


class Upload:
    """Takes the bytes of one file; ``finish`` or ``discard`` ends it.

    Args:
        keeper: Whose files.
        file: As far as it is known by now.
    """

    def __init__(self, keeper: "Files", file: StoredFile) -> None:
        self._keeper = keeper
        self._file = file
        self._held = bytearray()
        self._parts = 0

    @property
    def id(self) -> str:
        """Of the file."""
        return self._file.id

    @property
    def size_bytes(self) -> int:
        """So many were written."""
        return self._parts * self._file.part_bytes + len(self._held)

    async def write(self, data: bytes) -> None:
        """Store what follows.

        Raises:
            StorageUnavailable: 503.
        """
        self._held += data
        while len(self._held) >= self._file.part_bytes:
            await self._store(bytes(self._held[: self._file.part_bytes]))
            del self._held[: self._file.part_bytes]

    async def close(
        self, filename: str, content_type: str, purpose: FilePurpose, expires_after_s: int | None
    ) -> StoredFile:
        """Store the rest; ``Files.finish`` then has the file be there."""
        if self._held:
            size_bytes, rest = self.size_bytes, bytes(self._held)
            self._held.clear()
            await self._store(rest)
        else:
            size_bytes = self.size_bytes
        at = self._file.created_at
        expires_at = None if expires_after_s is None else at + timedelta(seconds=expires_after_s)
        return replace(
            self._file,
            filename=filename,
            content_type=content_type,
            purpose=purpose,
            size_bytes=size_bytes,
            expires_at=expires_at,
        )

    async def discard(self) -> None:
        """Remove what was stored."""
        await self._keeper.remove(self._file)

    async def _store(self, data: bytes) -> None:
        await self._keeper.put_part(self._file, self._parts, data)
        self._parts += 1


class Files:
    """Files on a database and an object store. One for each process.

    Args:
        database: Where they are listed.
        blobs: Where their bytes are.
        most_bytes_of_user: So much is kept for one user.
        clock: Tells the time in UTC.
        part_bytes: See ``PART_BYTES``.
    """

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        most_bytes_of_user: int,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        part_bytes: int = PART_BYTES,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._most_bytes = most_bytes_of_user
        self._clock = clock
        self._part_bytes = part_bytes

    async def begin(self, new: NewFile) -> Upload:
        """Begin a file.

        Raises:
            AlreadyExists: There is one of this id.
            FileStorageFull: 413, as much is kept for its owner as may be.
        """
        now = self._clock()
        purpose = FilePurpose.USER_DATA
        file = StoredFile(
            *(new.id or new_id("file"), new.owner_id, new.organization_id, "", "", purpose, 0, self._part_bytes, now)
        )

        most_bytes = self._most_bytes if new.is_bounded else _NO_BOUND

        async def work() -> None:
            async with self._database.writing() as session:
                await files.begin(session, file, now + timedelta(seconds=UPLOAD_S), most_bytes)

        await retried(work)
        return Upload(self, file)

    async def finish(self, file: StoredFile) -> StoredFile:
        """Have a file be there.

        Raises:
            FileStorageFull: 413, as much is kept for its owner as may be.
            NotFound: 404, the upload took too long.
        """

        async def work() -> None:
            async with self._database.writing() as session:
                await files.finish(session, file, self._most_bytes)

        await retried(work)
        return file

    @staticmethod
    async def finish_within(session: WriteSession, file: StoredFile) -> None:
        """Likewise of what the platform made, in a unit of work that does more; it is kept however much there is."""
        await files.finish(session, file, _NO_BOUND)

    async def add(
        self, new: NewFile, data: bytes, filename: str, content_type: str, expires_after_s: int | None
    ) -> StoredFile:
        """Keep bytes that the platform made; what is there under this id already is kept as it is."""
        try:
            upload = await self.begin(new)
        except AlreadyExists:
            if new.id is None:
                raise
            if (found := await self.get(new.id)) is not None:
                return found
            await self._remove(new.id, new.owner_id)  # it was begun by somebody who was lost
            upload = await self.begin(new)
        await upload.write(data)
        file = await upload.close(filename, content_type, FilePurpose.BATCH_OUTPUT, expires_after_s)

        async def work() -> None:
            async with self._database.writing() as session:
                await self.finish_within(session, file)

        await retried(work)
        return file

    async def get(self, file_id: str, *, also_expired: bool = False) -> StoredFile | None:
        """The file with an id; ``also_expired`` is for a batch that began to read it before."""
        async with self._database.reading() as session:
            return await files.get(session, file_id, None if also_expired else self._clock())

    async def page(self, query: FileQuery, after: str | None, limit: int) -> Page[StoredFile]:
        """Files by their age."""
        async with self._database.reading() as session:
            return await files.page(session, query, self._clock(), after=after, limit=limit)

    async def read(self, file: StoredFile, begin: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        """The bytes of a file from one place to before another, part by part.

        Raises:
            StorageCorrupt: 502, a part is missing or damaged.
            StorageUnavailable: 503.
        """
        end = file.size_bytes if end is None else min(end, file.size_bytes)
        while begin < end:
            number, skipped = divmod(begin, file.part_bytes)
            part = await self._blobs.get(file.owner_id, part_key(file, number))
            if part is None:
                raise StorageCorrupt(f"A part of the file '{file.id}' is missing.")
            data = part[skipped : skipped + end - begin]
            if not data:
                raise StorageCorrupt(f"A part of the file '{file.id}' is too short.")
            begin += len(data)
            yield data

    async def whole(self, file: StoredFile) -> bytes:
        """All bytes of a file that is small enough to be held."""
        return b"".join([data async for data in self.read(file)])

    async def put_part(self, file: StoredFile, number: int, data: bytes) -> None:
        """Store one part of an upload."""
        await self._blobs.put(file.owner_id, part_key(file, number), data)

    async def delete(self, file: StoredFile) -> None:
        """Remove a file.

        Raises:
            FileInUse: 400, a batch still reads it.
        """

        async def work() -> None:
            async with self._database.writing() as session:
                if (batch_id := await files.reader_of(session, file.id)) is not None:
                    raise FileInUse(
                        f"The batch '{batch_id}' reads this file. Cancel it, or wait for its end.", "file_id"
                    )
                await files.hide(session, file.id)

        await retried(work)
        await self.remove(file)

    async def remove(self, file: StoredFile) -> None:
        """Remove the bytes of a file that nobody is to see, and then its row."""
        await self._remove(file.id, file.owner_id)

    async def purge(self) -> int:
        """Remove what was deleted, has expired, or was never finished.

        Returns:
            How many files.
        """
        count = 0
        while True:
            async with self._database.reading() as session:
                found = await files.gone(session, self._clock(), _REMOVED_AT_ONCE)
            for file in found:
                await self.remove(file)
            count += len(found)
            if len(found) < _REMOVED_AT_ONCE:
                return count

    async def _remove(self, file_id: str, owner_id: str) -> None:
        async def hide() -> None:
            async with self._database.writing() as session:
                await files.hide(session, file_id)

        async def forget() -> None:
            async with self._database.writing() as session:
                await files.forget(session, file_id)

        await retried(hide)
        for key in await self._blobs.list(owner_id, f"files/{file_id}/"):
            await self._blobs.delete(owner_id, key)
        await retried(forget)


def part_key(file: StoredFile, number: int) -> str:
    """Where a part is, in the tenant's part of the store."""
    return f"files/{file.id}/{number:06}"
