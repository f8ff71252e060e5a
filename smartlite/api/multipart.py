"""Multipart forms with one recording, or with files: read within hard limits, so that nothing is left.

Must not know which route reads or what the fields mean. A recording is spooled: a large one is never held as a whole.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from python_multipart.multipart import parse_options_header
from starlette.requests import Request

from smartlite.api.form_reader import FILE_FIELD, FilesForm, FormReader
from smartlite.api.spools import closed_with
from smartlite.domain.audio import AudioFile, EncodedAudio
from smartlite.errors import (
    AudioEmpty,
    InvalidMultipart,
    MissingParameter,
    RequestTooLarge,
    UnsupportedMediaType,
)
from smartlite.spool import Spool, SpooledAudio

IDLE_TIMEOUT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class MultipartForm:
    """A form as it was sent: one recording and its text fields."""

    audio: AudioFile
    """Held, or spooled until the request has been answered."""
    fields: Mapping[str, tuple[str, ...]]
    """Values by name in the order sent; ``name[]`` is kept under ``name``, empty values are left out."""


@dataclass(frozen=True, slots=True)
class SpooledFile:
    """A file of a form."""

    content: Spool
    """Until the request has been answered."""
    filename: str
    content_type: str
    """As its sender says; empty where it is not said."""


@dataclass(frozen=True, slots=True)
class SpooledForm:
    """A form as it was sent: files and text fields, each by its name."""

    files: Mapping[str, SpooledFile]
    fields: Mapping[str, tuple[str, ...]]


_Take = Callable[[str, bytes], Awaitable[None]]


async def read_form(request: Request, max_bytes: int, idle_timeout_s: float = IDLE_TIMEOUT_S) -> MultipartForm:
    """Read a whole form; its ``file`` part is required.

    Args:
        request: Its body must not have been read yet.
        max_bytes: Largest body, in bytes.
        idle_timeout_s: Longest wait for the next bytes, in seconds.

    Raises:
        UnsupportedMediaType: 415, another content type.
        RequestTooLarge: 413, found while reading.
        InvalidMultipart: 400, not the form it says it is, over a limit, or it stopped arriving.
        MissingParameter: 400, no ``file``.
        AudioEmpty: 400, a ``file`` of 0 bytes.
        Unavailable: 503, the disk takes no more.
        ClientDisconnect: The client hung up half-way.
    """
    spool = closed_with(request.scope, Spool())
    form = await read_streamed(request, max_bytes, spool.write, idle_timeout_s)
    if not spool.size_bytes:
        raise AudioEmpty(f"'{FILE_FIELD}' is empty.", FILE_FIELD)
    await spool.finish()
    filename = form.files[FILE_FIELD].filename
    if spool.is_held:
        return MultipartForm(EncodedAudio(await spool.read(), filename), form.fields)
    return MultipartForm(SpooledAudio(spool, filename), form.fields)


async def read_files(
    request: Request, max_bytes: int, most_files: int, idle_timeout_s: float = IDLE_TIMEOUT_S
) -> SpooledForm:
    """Likewise, where every part with a file name is a file.

    Raises:
        SmartLiteError: What ``read_form`` raises, but for a file that is missing or empty.
    """
    spools: dict[str, Spool] = {}

    async def take(name: str, data: bytes) -> None:
        if name not in spools:
            spools[name] = closed_with(request.scope, Spool())
        await spools[name].write(data)

    form = await _read(request, max_bytes, idle_timeout_s, most_files, take)
    files = {}
    for name, file in form.files.items():
        spool = spools.get(name) or Spool()
        await spool.finish()
        files[name] = SpooledFile(spool, file.filename, file.content_type)
    return SpooledForm(files, form.fields)


async def read_streamed(
    request: Request,
    max_bytes: int,
    take: Callable[[bytes], Awaitable[None]],
    idle_timeout_s: float = IDLE_TIMEOUT_S,
) -> FilesForm:
    """Read a form whose ``file`` is never held as a whole: ``take`` gets its bytes as they come, and the form none.

    Raises:
        SmartLiteError: What ``read_form`` raises, but for an empty file; and what ``take`` raises.
    """

    async def take_file(_: str, data: bytes) -> None:
        await take(data)

    form = await _read(request, max_bytes, idle_timeout_s, None, take_file)
    if FILE_FIELD not in form.files:
        raise MissingParameter(f"Missing required parameter: '{FILE_FIELD}'.", FILE_FIELD)
    return form


async def _read(
    request: Request, max_bytes: int, idle_timeout_s: float, most_files: int | None, take: _Take
) -> FilesForm:
    reader = FormReader(_boundary(request), most_files)
    async with aclosing(_body(request, max_bytes, idle_timeout_s)) as body:
        async for data in body:
            reader.feed(data)
            if not reader.has_fault:
                for name, taken in reader.taken():
                    await take(name, taken)
    return reader.finish()


async def _body(request: Request, max_bytes: int, idle_timeout_s: float) -> AsyncGenerator[bytes, None]:
    received_bytes = 0
    async with aclosing(request.stream()) as body:
        while data := await _next(body, idle_timeout_s):
            received_bytes += len(data)
            if received_bytes > max_bytes:
                raise RequestTooLarge(f"The request is larger than the limit of {max_bytes} bytes.", FILE_FIELD)
            yield data


async def _next(body: AsyncGenerator[bytes, None], idle_timeout_s: float) -> bytes:
    """The next bytes; none at the end, as Starlette's last piece is empty and no other is."""
    try:
        async with asyncio.timeout(idle_timeout_s):
            return await anext(body, b"")
    except TimeoutError:
        raise InvalidMultipart(f"The form stopped arriving for {idle_timeout_s:g} s.") from None


def _boundary(request: Request) -> bytes:
    content_types = request.headers.getlist("content-type")
    kind, options = parse_options_header(content_types[0] if len(content_types) == 1 else None)
    if kind != b"multipart/form-data":
        raise UnsupportedMediaType("The body must be multipart/form-data with the recording in 'file'.")
    boundary = options.get(b"boundary", b"")
    if not boundary:
        raise InvalidMultipart("The Content-Type header has no boundary.")
    return boundary
