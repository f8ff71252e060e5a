"""Records for the tests of metering. Must not know any test."""

from datetime import UTC, datetime
from typing import Any

from smartlite.domain.ids import new_id
from smartlite.domain.metering import MeteredUsage, RequestRecord

NOON = datetime(2026, 11, 26, 12, 0, 0, 123456, tzinfo=UTC)


def record(number: int = 0, **more: Any) -> RequestRecord:
    """A transcription by ``key_1`` of ``user_1``."""
    values: dict[str, Any] = {
        "id": new_id("rec"),
        "at": NOON,
        "request_id": f"req-{number}",
        "user_id": "user_1",
        "key_id": "key_1",
        "organization_id": None,
        "method": "POST",
        "route": "/v1/audio/transcriptions",
        "status": 200,
        "error_code": None,
        "duration_ms": 42,
        "stages_ms": {"asr": 40},
        "usage": (MeteredUsage("whisper", audio_input_ms=1500, cost_micros=7),),
    }
    return RequestRecord(**{**values, **more})
