"""An upload that is stored while it comes, and left behind by nobody. Must not know any route."""

import asyncio
import logging

from starlette.requests import Request

from smartlite.api.form_reader import FILE_FIELD
from smartlite.api.forms import check_fields
from smartlite.api.multipart import read_streamed
from smartlite.api.run_request import content_type_of
from smartlite.api.schemas.files import FileForm
from smartlite.domain.files import BATCH_EXPIRY_S, FilePurpose, StoredFile
from smartlite.errors import InvalidRequest, RequestTooLarge, SmartLiteError
from smartlite.jobs.files import Files, NewFile, Upload

_FORM_BYTES = 64 * 1024
"""What a form has beside its file."""
_UNNAMED = "file"
_logger = logging.getLogger(__name__)


async def receive_file(request: Request, files: Files, new: NewFile, max_bytes: int) -> StoredFile:
    """Store the file of a form.

    Args:
        request: Its body must not have been read yet.
        files: Where.
        new: Whose.
        max_bytes: Of a file.

    Raises:
        RequestTooLarge: 413, the file is larger, or as much is kept for its owner as may be (FileStorageFull).
        SmartLiteError: What ``read_streamed`` and ``check_fields`` raise.
    """
    receiver = _Receiver(files, new, max_bytes)
    try:
        return await receiver.receive(request)
    except BaseException:
        await asyncio.shield(receiver.discard())
        raise


class _Receiver:
    """Begins an upload with the first byte."""

    def __init__(self, files: Files, new: NewFile, max_bytes: int) -> None:
        self._files = files
        self._new = new
        self._max_bytes = max_bytes
        self._upload: Upload | None = None

    async def receive(self, request: Request) -> StoredFile:
        form = await read_streamed(request, self._max_bytes + _FORM_BYTES, self._take)
        fields = check_fields(form.fields, FileForm)
        if self._upload is None:
            raise InvalidRequest(f"'{FILE_FIELD}' is empty.", FILE_FIELD)
        file = form.files[FILE_FIELD]
        purpose = FilePurpose(fields.purpose)
        expires_after_s = None if fields.expires_after is None else fields.expires_after.seconds
        if expires_after_s is None and purpose is FilePurpose.BATCH:
            expires_after_s = BATCH_EXPIRY_S
        closed = await self._upload.close(
            file.filename or _UNNAMED, content_type_of(file)[:128], purpose, expires_after_s
        )
        return await self._files.finish(closed)

    async def discard(self) -> None:
        if self._upload is None:
            return
        try:
            await self._upload.discard()
        except SmartLiteError as error:  # it is removed when uploads that were given up are
            _logger.warning("an upload is left behind", extra={"file": self._upload.id, "reason": error.message})

    async def _take(self, data: bytes) -> None:
        if self._upload is None:
            self._upload = await self._files.begin(self._new)
        if self._upload.size_bytes + len(data) > self._max_bytes:
            raise RequestTooLarge(f"The file is larger than {self._max_bytes} bytes.", FILE_FIELD)
        await self._upload.write(data)
