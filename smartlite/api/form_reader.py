"""What a multipart form holds, from a parser's events, within hard limits. Must not know which route reads it."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from smartlite.errors import InvalidMultipart, InvalidRequest, SmartLiteError

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

FILE_FIELD: Final = "file"
MAX_FIELDS: Final = 256
"""A hundred keywords, a hundred languages, and the rest."""
MAX_FIELD_NAME_BYTES: Final = 256
MAX_FIELD_BYTES: Final = 64 * 1024
MAX_HEADERS: Final = 8
MAX_HEADER_BYTES: Final = 16 * 1024
"""Of one header line of a part: a file name of 10 kB passes and is then cut, a megabyte does not."""
MAX_FILENAME_CHARACTERS: Final = 255
_KEPT_SHORT: Final = frozenset({"known_speaker_references"})
"""Recordings as data URLs, longer than any other field: who knows no speakers needs only to see that they are there."""
_KEPT_BYTES: Final = 64

_IDENTITY_ENCODINGS: Final = frozenset({b"", b"7bit", b"8bit", b"binary"})


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A part that is a file."""

    data: bytes
    """As far as nobody took it."""
    filename: str
    content_type: str
    """As its sender says; empty where it is not said."""


@dataclass(frozen=True, slots=True)
class FilesForm:
    """A form as it was sent: files and text fields, each by its name."""

    files: Mapping[str, UploadedFile]
    fields: Mapping[str, tuple[str, ...]]


@dataclass(slots=True)
class _Part:
    """The part that is being read."""

    headers: dict[bytes, bytes] = field(default_factory=dict)
    header_name: bytearray = field(default_factory=bytearray)
    header_value: bytearray = field(default_factory=bytearray)
    name: str = ""
    filename: str = ""
    is_file: bool = False
    data: bytearray = field(default_factory=bytearray)


class FormReader:
    """Takes the parser's events; every limit is checked before the bytes are kept.

    The first fault is told by ``finish``: a client that still sends when it is answered would see its connection
    reset instead of the answer.
    """

    def __init__(self, boundary: bytes, most_files: int | None) -> None:
        """``most_files``: every part with a file name is one; None: only ``file`` is."""
        self._fault: SmartLiteError | None = None
        self._part = _Part()
        self._most_files = most_files
        self._files: dict[str, UploadedFile] = {}
        self._fields: dict[str, list[str]] = {}
        self._field_count = 0
        self._ended = False
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._begin_part,
            "on_header_field": self._take_header_name,
            "on_header_value": self._take_header_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": self._take_data,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }
        try:
            self._parser = MultipartParser(
                boundary, callbacks, max_header_count=MAX_HEADERS, max_header_size=MAX_HEADER_BYTES
            )
        except FormParserError as error:
            raise InvalidMultipart("The form's boundary is too long.") from error

    def feed(self, data: bytes) -> None:
        """Parse the next bytes of the body."""
        if self._fault is not None:
            return
        try:
            self._parser.write(data)
        except FormParserError as error:
            self._fault = InvalidMultipart("The body is not valid multipart/form-data.")
            self._fault.__cause__ = error
        except SmartLiteError as error:
            self._fault = error
        if self._fault is not None:
            self._files, self._part = {}, _Part()

    def taken(self) -> list[tuple[str, bytes]]:
        """What came of each file since it was asked last: for files that are larger than what may be held."""
        found = [(name, file.data) for name, file in self._files.items() if file.data]
        for name, _ in found:
            self._files[name] = replace(self._files[name], data=b"")
        if self._part.is_file and self._part.data:
            found.append((self._part.name, bytes(self._part.data)))
            self._part.data.clear()
        return found

    @property
    def has_fault(self) -> bool:
        """Whether ``finish`` will raise: nothing more of the body is of use."""
        return self._fault is not None

    def finish(self) -> FilesForm:
        """What was read; the parser itself does not notice a body that was cut off."""
        if self._fault is not None:
            raise self._fault
        if not self._ended:
            raise InvalidMultipart("The body ends before the form's last boundary.")
        fields = {name: tuple(values) for name, values in self._fields.items()}
        return FilesForm(MappingProxyType(self._files), MappingProxyType(fields))

    def _begin_part(self) -> None:
        self._part = _Part()

    def _take_header_name(self, data: bytes, start: int, end: int) -> None:
        self._part.header_name += data[start:end]

    def _take_header_value(self, data: bytes, start: int, end: int) -> None:
        self._part.header_value += data[start:end]

    def _end_header(self) -> None:
        part = self._part
        name = bytes(part.header_name).lower()
        if name in part.headers:
            raise InvalidMultipart("A part repeats a header.")
        part.headers[name] = bytes(part.header_value)
        part.header_name.clear()
        part.header_value.clear()

    def _end_headers(self) -> None:
        part = self._part
        disposition, options = parse_options_header(part.headers.get(b"content-disposition"))
        if disposition != b"form-data" or not options.get(b"name"):
            raise InvalidMultipart("A part has no 'Content-Disposition: form-data' with a name.")
        if part.headers.get(b"content-transfer-encoding", b"").strip().lower() not in _IDENTITY_ENCODINGS:
            raise InvalidMultipart("Parts must not have a Content-Transfer-Encoding (RFC 7578, section 4.7).")
        if len(options[b"name"]) > MAX_FIELD_NAME_BYTES:
            raise InvalidMultipart(f"A field's name is longer than {MAX_FIELD_NAME_BYTES} bytes.")
        part.name = _decode(options[b"name"], "A field's name")
        part.is_file = part.name == FILE_FIELD if self._most_files is None else b"filename" in options
        if part.is_file:
            if part.name in self._files:
                raise InvalidMultipart(f"The form has more than one '{part.name}'.", _echo(part.name))
            if len(self._files) == (self._most_files or 1):
                raise InvalidMultipart(f"The form has more than {self._most_files} files.")
            part.filename = clean_filename(options.get(b"filename", b"").decode("utf-8", "replace"))
            return
        if b"filename" in options:
            raise InvalidMultipart(f"Only '{FILE_FIELD}' may be a file.")
        self._field_count += 1
        if self._field_count > MAX_FIELDS:
            raise InvalidMultipart(f"The form has more than {MAX_FIELDS} fields.")

    def _take_data(self, data: bytes, start: int, end: int) -> None:
        part = self._part
        if part.name.removesuffix("[]") in _KEPT_SHORT:
            end = min(end, start + _KEPT_BYTES - len(part.data))
        if not part.is_file and len(part.data) + end - start > MAX_FIELD_BYTES:
            raise InvalidMultipart(f"A field is longer than {MAX_FIELD_BYTES} bytes.", _echo(part.name))
        part.data += memoryview(data)[start : max(start, end)]

    def _end_part(self) -> None:
        part = self._part
        if part.is_file:
            content_type = part.headers.get(b"content-type", b"").decode("latin-1")
            self._files[part.name] = UploadedFile(bytes(part.data), part.filename, content_type)
        elif value := _decode(part.data, "A field's value", _echo(part.name)):
            self._fields.setdefault(part.name.removesuffix("[]"), []).append(value)
        self._part = _Part()

    def _end(self) -> None:
        self._ended = True


def clean_filename(name: str) -> str:
    """Keep what may be shown of a sender's file name: no folders, no control or direction characters, at most 255."""
    name = re.split(r"[/\\]", name)[-1]
    shown = "".join(character for character in name if unicodedata.category(character)[0] != "C")
    return shown.strip()[:MAX_FILENAME_CHARACTERS]


def _decode(data: bytes | bytearray, what: str, param: str | None = None) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"{what} is not valid UTF-8.", param) from error
    if "\0" in text:
        raise InvalidRequest(f"{what} holds a NUL character.", param)
    return text


def _echo(name: str) -> str | None:
    """A sender's field name as ``param`` of an error, where it is fit to be shown."""
    return name if re.fullmatch(r"[A-Za-z0-9_.\[\]-]{1,64}", name) else None
