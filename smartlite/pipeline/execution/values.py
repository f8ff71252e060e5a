"""Values that steps give: their size, and media among them. Must not know steps."""

import json
from dataclasses import asdict
from typing import Final

from smartlite.domain.pipelines import JSON, MediaRef
from smartlite.errors import InvalidType, Unprocessable
from smartlite.pipeline.spec.fields import MEDIA_KEY, is_media

MAX_OUTPUT_BYTES: Final = 1024 * 1024
"""Of an output of a step or of a run, as JSON."""


def json_bytes(value: JSON) -> bytes:
    """A value as JSON, compact.

    Raises:
        Unprocessable: 422, it is nothing that JSON can hold.
    """
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise Unprocessable("An output is nothing that JSON can hold.") from error


def check_size(value: JSON, what: str) -> None:
    """Refuse what is larger than an output may be.

    Raises:
        Unprocessable: 422.
    """
    size_bytes = len(json_bytes(value))
    if size_bytes > MAX_OUTPUT_BYTES:
        raise Unprocessable(f"{what} has {size_bytes} bytes of JSON; at most {MAX_OUTPUT_BYTES} are allowed.")


def media_json(ref: MediaRef) -> JSON:
    """Media as a value."""
    return {MEDIA_KEY: {name: each for name, each in asdict(ref).items() if each is not None}}


def read_media(value: JSON, param: str | None = None) -> MediaRef:
    """Media from a value.

    Raises:
        InvalidType: 400, it is none.
    """
    found = value[MEDIA_KEY] if is_media(value) else {}
    key, content_type, size_bytes = found.get("key"), found.get("content_type"), found.get("size_bytes")
    if not (isinstance(key, str) and isinstance(content_type, str) and isinstance(size_bytes, int)):
        raise InvalidType("The value is no audio and no file.", param)
    duration_s = found.get("duration_s")
    return MediaRef(key, content_type, size_bytes, float(duration_s) if isinstance(duration_s, int | float) else None)
