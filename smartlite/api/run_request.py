"""The body that starts a run, JSON or a form with files; its files are stored first. Must not know any route."""

import mimetypes
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Final

from pydantic import ValidationError
from starlette.requests import Request

from smartlite.api.field_errors import error_of_fields
from smartlite.api.form_reader import UploadedFile
from smartlite.api.json_body import parse_json, read_json
from smartlite.api.multipart import SpooledFile, read_files
from smartlite.api.schemas.runs import NewRun
from smartlite.domain.pipelines import JSON, InputSpec, MediaRef
from smartlite.errors import AudioEmpty, InvalidRequest
from smartlite.jobs.media import MEDIA_PREFIX, TenantMedia
from smartlite.pipeline.execution.values import media_json

MOST_FILES: Final = 16
_UNKNOWN: Final = "application/octet-stream"
_MEDIA_TYPE: Final = re.compile(r"[A-Za-z0-9][\w.+-]{0,62}/[A-Za-z0-9][\w.+-]{0,62}", re.ASCII)
_WHOLE_NUMBERS: Final = frozenset({"version", "priority"})
_FLAGS: Final[Mapping[str, bool]] = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class AskedRun:
    """What somebody wants to have run."""

    body: NewRun
    files: Mapping[str, SpooledFile] = field(default_factory=dict)
    """By the name of the input."""


async def read_run(request: Request, max_upload_bytes: int) -> AskedRun:
    """Read the body.

    Raises:
        SmartLiteError: What ``read_json`` and ``read_files`` raise.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "multipart/form-data":
        return AskedRun(await read_json(request, NewRun))
    form = await read_files(request, max_upload_bytes, MOST_FILES)
    data = {name: _value(name, values) for name, values in form.fields.items()}
    try:
        return AskedRun(NewRun.model_validate(data), form.files)
    except ValidationError as error:
        raise error_of_fields(error.errors(include_url=False), data) from None


def media_of(asked: AskedRun, specs: Mapping[str, InputSpec], run_id: str) -> dict[str, MediaRef]:
    """Where each file of a request will be, by the name of its input.

    Raises:
        InvalidRequest: 400, a file is for no input of the pipeline that takes one, or its input is given twice.
        AudioEmpty: 400, a recording of 0 bytes.
    """
    found: dict[str, MediaRef] = {}
    for name, file in asked.files.items():
        shown, spec = name[:64], specs.get(name)
        if spec is None or spec.type not in {"audio", "file"}:
            raise InvalidRequest(f"The pipeline has no input '{shown}' that takes a file.", f"inputs.{shown}")
        if asked.body.inputs.get(name) is not None:
            raise InvalidRequest(f"The input '{shown}' was given both as a value and as a file.", f"inputs.{shown}")
        if spec.type == "audio" and not file.content.size_bytes:
            raise AudioEmpty(f"The file of the input '{shown}' is empty.", f"inputs.{shown}")
        key = f"{MEDIA_PREFIX}runs/{run_id}/inputs/{name}{_suffix(file)}"
        found[name] = MediaRef(key, content_type_of(file), file.content.size_bytes)
    return found


def given_inputs(asked: AskedRun, media: Mapping[str, MediaRef]) -> dict[str, JSON]:
    """What the run is given, files as the JSON of their places."""
    return {**asked.body.inputs, **{name: media_json(ref) for name, ref in media.items()}}


async def store(objects: TenantMedia, asked: AskedRun, media: Mapping[str, MediaRef]) -> None:
    """Keep the files.

    Raises:
        StorageUnavailable: 503.
    """
    for name, ref in media.items():
        await objects.put_spool(ref.key, asked.files[name].content)


async def discard(objects: TenantMedia, media: Mapping[str, MediaRef]) -> None:
    """Remove the files of a run that was not accepted."""
    for ref in media.values():
        await objects.delete_spool(ref.key)


def run_request_body() -> dict[str, Any]:
    """The ``openapi_extra`` of the route that reads one."""
    schema = NewRun.model_json_schema()
    form = {
        "type": "object",
        "properties": {**schema["properties"], "inputs": {"type": "string", "description": "A JSON object."}},
        "additionalProperties": {"type": "string", "format": "binary", "description": "A file for the input it names."},
    }
    content = {
        "application/json": {"schema": schema},
        "multipart/form-data": {"schema": form},
    }
    return {"requestBody": {"required": True, "content": content}}


def _value(name: str, values: tuple[str, ...]) -> object:
    """A field of a form, which has only text, as what JSON would hold; what it cannot be stays text."""
    if len(values) > 1:
        raise InvalidRequest(f"'{name[:64]}' was sent {len(values)} times; it takes one value.", name[:64])
    text = values[0]
    if name == "inputs":
        return parse_json(text.encode())
    if name in _WHOLE_NUMBERS and re.fullmatch(r"-?[0-9]{1,9}", text, re.ASCII):
        return int(text)
    return _FLAGS.get(text, text) if name in {"stream", "stream_audio"} else text


def content_type_of(file: SpooledFile | UploadedFile) -> str:
    """What kind of file it is, as its sender says, else as its name does."""
    said = file.content_type.partition(";")[0].strip().lower()
    if said != _UNKNOWN and _MEDIA_TYPE.fullmatch(said):
        return said
    return mimetypes.guess_type(file.filename)[0] or _UNKNOWN


def _suffix(file: SpooledFile) -> str:
    suffix = PurePath(file.filename).suffix.lower()
    return suffix if re.fullmatch(r"\.[a-z0-9]{1,8}", suffix, re.ASCII) else ""
