"""The files that a batch ends with, made of the blocks of its answers. Must not know who answered."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from smartlite.domain.batches import Batch
from smartlite.domain.files import BATCH_EXPIRY_S, FilePurpose, StoredFile
from smartlite.errors import SmartLiteError, StorageCorrupt
from smartlite.jobs.batch_answers import Result
from smartlite.jobs.files import Files, NewFile, Upload
from smartlite.storage import batches
from smartlite.storage.blobs import BlobStore
from smartlite.storage.database import Database, retried

GOOD: Final = b"+"
BAD: Final = b"-"
"""How the lines of a block begin, by the file that they go into."""
JSONL: Final = "application/jsonl"
_BLOCKS_AT_ONCE: Final = 100


def block_of(results: list[Result]) -> bytes:
    """Results as one object, in the order of their lines."""
    ordered = sorted(results, key=lambda result: result.number)
    return b"".join((GOOD if result.is_good else BAD) + result.text + b"\n" for result in ordered)


def block_key(batch_id: str, token: int, number: int) -> str:
    """Where a block is, in the tenant's part of the store: a worker that was slow writes to another place."""
    return f"batches/{batch_id}/{token}-{number}"


@dataclass(frozen=True, slots=True)
class Outputs:
    """What there is to download; None where it would be empty."""

    output: StoredFile | None
    errors: StoredFile | None


class OutputMaker:
    """Makes them, and removes the blocks.

    Args:
        database: Where the blocks are listed.
        blobs: Where they are.
        files: Where the files go.
    """

    def __init__(self, database: Database, blobs: BlobStore, files: Files) -> None:
        self._database = database
        self._blobs = blobs
        self._files = files

    async def make(self, batch: Batch, more: AsyncIterator[Result]) -> Outputs:
        """Store both files; they are there once ``Files.finish_within`` was done for each.

        Args:
            batch: Whose lines are all answered that will be.
            more: Results that no block holds.
        """
        new = NewFile(batch.user_id, batch.organization_id, is_bounded=False)
        async with AsyncExitStack() as unfinished:
            made = {kind: _Lazy(self._files, new, unfinished) for kind in (GOOD, BAD)}
            async for line in self._lines(batch):
                await made[line[:1]].write(line[1:] + b"\n")
            async for result in more:
                await made[GOOD if result.is_good else BAD].write(result.text + b"\n")
            expires_after_s = batch.output_expires_after_s or BATCH_EXPIRY_S
            output = await made[GOOD].close(f"{batch.id}_output.jsonl", expires_after_s)
            errors = await made[BAD].close(f"{batch.id}_error.jsonl", expires_after_s)
            unfinished.pop_all()
            return Outputs(output, errors)

    async def discard(self, outputs: Outputs) -> None:
        """Remove files that the batch did not end with."""
        for file in (outputs.output, outputs.errors):
            if file is not None:
                await self._files.remove(file)

    async def remove_blocks(self, batch: Batch) -> None:
        """Remove the blocks of a batch that has ended, of all its workers."""
        for key in await self._blobs.list(batch.user_id, f"batches/{batch.id}/"):
            await self._blobs.delete(batch.user_id, key)

        async def work() -> None:
            async with self._database.writing() as session:
                await batches.forget_blocks(session, batch.id)

        await retried(work)

    async def _lines(self, batch: Batch) -> AsyncIterator[bytes]:
        after = 0
        while True:
            async with self._database.reading() as session:
                found = await batches.blocks(session, batch.id, after, _BLOCKS_AT_ONCE)
            for block in found:
                data = await self._blobs.get(batch.user_id, block.key)
                if data is None:
                    raise StorageCorrupt(f"Answers of the batch '{batch.id}' are missing.")
                for line in data.split(b"\n")[:-1]:
                    yield line
            if len(found) < _BLOCKS_AT_ONCE:
                return
            after = found[-1].number


class _Lazy:
    """A file that is begun with its first line."""

    def __init__(self, files: Files, new: NewFile, unfinished: AsyncExitStack) -> None:
        self._files = files
        self._new = new
        self._unfinished = unfinished
        self._upload: Upload | None = None

    async def write(self, data: bytes) -> None:
        if self._upload is None:
            self._upload = await self._files.begin(self._new)
            self._unfinished.push_async_callback(self._discard, self._upload)
        await self._upload.write(data)

    async def close(self, filename: str, expires_after_s: int) -> StoredFile | None:
        if self._upload is None:
            return None
        return await self._upload.close(filename, JSONL, FilePurpose.BATCH_OUTPUT, expires_after_s)

    @staticmethod
    async def _discard(upload: Upload) -> None:
        try:
            await upload.discard()
        except SmartLiteError:
            return  # what is left is removed when uploads that were given up are
