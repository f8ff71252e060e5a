"""Lines of a batch as requests to the gateway, and its answers as lines of the output. Must not know how they are kept.

A recording is named by a file's id or is a data URL; speech becomes a file, whose id is in the answer.
"""

import base64
import binascii
import json
import mimetypes
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final

from smartlite.domain.batches import NO_USAGE, RECOGNITION, Batch, BatchFault, BatchUsage
from smartlite.jobs.batch_lines import LineFaulty, LineRequest
from smartlite.jobs.files import Files, NewFile, made_file_id
from smartlite.jobs.gateway_calls import Caller, StoredAnswer, StoredRequest

_DATA_URL: Final = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w.+-]+=[\w.+-]+)*;base64,", re.ASCII)
_SUCCESS: Final = range(200, 300)
_SUFFIXES: Final[Mapping[str, str]] = {
    "audio/mpeg": ".mp3",
    "audio/wav": ".wav",
    "audio/flac": ".flac",
    "audio/aac": ".aac",
    "audio/ogg": ".ogg",
    "audio/opus": ".opus",
    "audio/pcm": ".pcm",
}


@dataclass(frozen=True, slots=True)
class Result:
    """What a line was answered."""

    number: int
    is_good: bool
    text: bytes
    """A line of the output file, or of the one with errors; without its end."""
    usage: BatchUsage = NO_USAGE


def caller_of(batch: Batch) -> Caller:
    """Who asks."""
    return Caller(batch.user_id, batch.organization_id, batch.key_id, batch.scopes)


def request_id_of(batch: Batch, number: int) -> str:
    """What names the request of a line, in its answer and in the history."""
    return f"batch_req_{batch.id.removeprefix('batch_')}_{number}"


class Answers:
    """Makes requests and results of one platform's batches.

    Args:
        files: Where recordings are, and where speech goes.
        most_upload_bytes: Of a recording.
    """

    def __init__(self, files: Files, most_upload_bytes: int) -> None:
        self._files = files
        self._most_upload_bytes = most_upload_bytes

    async def request(self, batch: Batch, number: int, asked: LineRequest) -> StoredRequest:
        """What is asked of the gateway.

        Raises:
            LineFaulty: There is no such recording, or it is too large.
            StorageUnavailable: 503.
        """
        headers = {"x-request-id": request_id_of(batch, number), "idempotency-key": f"{batch.id}-{number}"}
        if batch.endpoint not in RECOGNITION:
            body = json.dumps(asked.body).encode()
            return StoredRequest("POST", batch.endpoint, {**headers, "content-type": "application/json"}, body)
        filename, content_type, data = await self._recording(batch, number, asked)
        fields = [(name, value) for name, value in asked.body.items() if name not in {"file", "file_id"}]
        boundary = secrets.token_hex(16)
        form = b"".join(_field(boundary, name, value) for name, value in fields)
        form += _part(boundary, f'name="file"; filename="{filename}"', data, content_type)
        headers["content-type"] = f"multipart/form-data; boundary={boundary}"
        return StoredRequest("POST", batch.endpoint, headers, form + f"--{boundary}--\r\n".encode())

    async def result(self, batch: Batch, number: int, custom_id: str, answer: StoredAnswer) -> Result:
        """A line of the output; what is no text becomes a file.

        Raises:
            StorageUnavailable: 503.
        """
        body, usage = await self._body(batch, number, custom_id, answer)
        response = {
            "status_code": answer.status,
            "request_id": answer.headers.get("x-request-id", request_id_of(batch, number)),
            "body": body,
        }
        is_good = answer.status in _SUCCESS
        return Result(number, is_good, _output(batch, number, custom_id, response, None), usage)

    async def _body(self, batch: Batch, number: int, custom_id: str, answer: StoredAnswer) -> tuple[Any, BatchUsage]:
        content_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type == "application/json":
            body = _json(answer.body)
            return body, _usage(body)
        if content_type.startswith("text/"):
            return answer.body.decode("utf-8", "replace"), NO_USAGE
        new = NewFile(batch.user_id, batch.organization_id, made_file_id(batch.id, number), is_bounded=False)
        suffix = _SUFFIXES.get(content_type) or mimetypes.guess_extension(content_type) or ""
        filename = f"{_plain(custom_id)}{suffix}"
        file = await self._files.add(new, answer.body, filename, content_type, batch.output_expires_after_s)
        return {"file_id": file.id, "bytes": file.size_bytes, "content_type": content_type}, NO_USAGE

    async def _recording(self, batch: Batch, number: int, asked: LineRequest) -> tuple[str, str, bytes]:
        if "file_id" in asked.body:
            return await self._kept_recording(batch, number, asked.body["file_id"])
        text = asked.body["file"]
        begun = _DATA_URL.match(text)
        try:
            data = base64.b64decode(text[begun.end() :], validate=True) if begun else b""
        except (binascii.Error, ValueError):
            data = b""
        if begun is None or not data:
            message = "'body.file' must be a data URL, as in 'data:audio/wav;base64,...', and not be empty."
            raise LineFaulty(BatchFault("invalid_value", message, number, "body.file"))
        self._check_size(len(data), number, "body.file")
        content_type = begun[1] or "application/octet-stream"
        return f"recording{mimetypes.guess_extension(content_type) or ''}", content_type, data

    async def _kept_recording(self, batch: Batch, number: int, file_id: str) -> tuple[str, str, bytes]:
        file = await self._files.get(file_id)
        is_mine = file is not None and (
            file.owner_id == batch.user_id
            or (batch.organization_id is not None and file.organization_id == batch.organization_id)
        )
        if file is None or not is_mine:
            raise LineFaulty(BatchFault("not_found", f"There is no file '{file_id[:64]}'.", number, "body.file_id"))
        self._check_size(file.size_bytes, number, "body.file_id")
        suffix = PurePath(_plain(file.filename)).suffix
        return f"recording{suffix}", file.content_type or "application/octet-stream", await self._files.whole(file)

    def _check_size(self, size_bytes: int, number: int, param: str) -> None:
        if size_bytes > self._most_upload_bytes:
            message = f"The recording has {size_bytes} bytes; at most {self._most_upload_bytes} are allowed."
            raise LineFaulty(BatchFault("request_too_large", message, number, param))


def refused(batch: Batch, number: int, custom_id: str | None, fault: BatchFault) -> Result:
    """The line for what was not asked."""
    error = {"code": fault.code, "message": fault.message}
    return Result(number, False, _output(batch, number, custom_id, None, error))


def _output(batch: Batch, number: int, custom_id: str | None, response: Mapping[str, Any] | None, error: Any) -> bytes:
    line = {
        "id": request_id_of(batch, number),
        "custom_id": custom_id,
        "response": response,
        "error": error,
    }
    return json.dumps(line, ensure_ascii=False).encode("utf-8", "replace")


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return data.decode("utf-8", "replace")


def _usage(body: Any) -> BatchUsage:
    told = body.get("usage") if isinstance(body, dict) else None
    if not isinstance(told, dict):
        return BatchUsage()

    def number(value: Any) -> int:
        return value if isinstance(value, int) and value > 0 else 0

    def inner(name: str, *places: str) -> int:
        return max((number((told.get(place) or {}).get(name)) for place in places), default=0)

    return BatchUsage(
        number(told.get("input_tokens", told.get("prompt_tokens"))),
        inner("cached_tokens", "input_tokens_details", "prompt_tokens_details"),
        number(told.get("output_tokens", told.get("completion_tokens"))),
        inner("reasoning_tokens", "output_tokens_details", "completion_tokens_details"),
    )


def _field(boundary: str, name: str, value: Any) -> bytes:
    """A value of JSON as a form has it: a list is sent item by item, an object as JSON, null not at all."""
    if value is None:
        return b""
    values = value if isinstance(value, list) else [value]
    shown = re.sub(r"[^\w.\[\]-]", "_", name, flags=re.ASCII)[:64]
    repeated = f"{shown}[]" if isinstance(value, list) else shown
    texts = (each if isinstance(each, str) else json.dumps(each) for each in values)
    return b"".join(_part(boundary, f'name="{repeated}"', text.encode("utf-8", "replace"), None) for text in texts)


def _part(boundary: str, names: str, data: bytes, content_type: str | None) -> bytes:
    kind = "" if content_type is None else f"Content-Type: {content_type}\r\n"
    return f"--{boundary}\r\nContent-Disposition: form-data; {names}\r\n{kind}\r\n".encode() + data + b"\r\n"


def _plain(name: str) -> str:
    """A name of a file that nobody mistakes for anything else."""
    return re.sub(r"[^\w.-]", "_", name, flags=re.ASCII)[-100:] or "answer"
