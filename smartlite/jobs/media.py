"""Media of tenants: where they are, and only they. Must not know what is in them, nor which steps make them."""

from collections.abc import Sequence
from typing import Final

from smartlite.domain.pipelines import Run
from smartlite.errors import NotFound
from smartlite.spool import Spool
from smartlite.storage.blobs import BlobStore

MEDIA_PREFIX: Final = "media/"
"""All keys of media begin so: a value of a run cannot name what else is kept for its tenant."""
PART_BYTES: Final = 4 * 1024 * 1024
"""Of a file that is too large to be held: it is stored in parts."""


def tenant_of(run: Run) -> str:
    """Whose media a run's are."""
    return run.user_id


class TenantMedia:
    """The media of one tenant; what the executor calls Objects.

    Args:
        blobs: Where they are.
        tenant: Whose.
    """

    def __init__(self, blobs: BlobStore, tenant: str) -> None:
        self._blobs = blobs
        self._tenant = tenant

    async def get(self, key: str) -> bytes:
        """See Objects."""
        found = await self._blobs.get(self._tenant, key) if _is_media_key(key) else None
        if found is None:
            raise NotFound(f"There is no file '{key[:128]}'.", "key")
        return found

    async def put(self, key: str, data: bytes) -> None:
        """See Objects."""
        if not _is_media_key(key):
            raise NotFound(f"No file can be kept as '{key[:128]}'.", "key")
        await self._blobs.put(self._tenant, key, data)

    async def put_spool(self, key: str, content: Spool) -> None:
        """As ``put``, of which one part is held at a time."""
        if content.is_held:
            await self.put(key, await content.read())
            return
        if not _is_media_key(key):
            raise NotFound(f"No file can be kept as '{key[:128]}'.", "key")
        await self._blobs.put_pieces(self._tenant, key, content.pieces(PART_BYTES))

    async def delete_spool(self, key: str) -> None:
        """Remove what ``put_spool`` kept; nothing where there is none."""
        if _is_media_key(key):
            await self._blobs.delete_pieces(self._tenant, key)

    async def delete(self, key: str) -> None:
        """Remove a file; nothing where there is none."""
        if _is_media_key(key):
            await self._blobs.delete(self._tenant, key)

    async def list(self, prefix: str) -> Sequence[str]:
        """Keys that begin so, sorted; ``prefix`` is the whole of a folder's path.

        Raises:
            StorageUnavailable: 503.
        """
        return await self._blobs.list(self._tenant, prefix)


def _is_media_key(key: str) -> bool:
    return key.startswith(MEDIA_PREFIX) and len(key) <= 512 and not {"", ".", ".."} & set(key.split("/"))
