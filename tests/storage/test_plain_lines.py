"""Lines that are made from a pattern say what the whole record would say."""

import dataclasses
from datetime import UTC, datetime

import pytest

from smartlite.domain.metering import MeteredUsage, RequestRecord
from smartlite.storage.ledger import decode
from smartlite.storage.plain_lines import PlainLine, UsedLine

AT = datetime(2026, 11, 27, 5, 20, 1, 234567, UTC)
RECORD = RequestRecord(
    id="rec_1",
    at=AT,
    request_id="mine.A-1_b",
    user_id="user_1",
    key_id="key_1",
    organization_id=None,
    method="GET",
    route="/v1/models",
    status=200,
    error_code=None,
    duration_ms=3,
    response_bytes=412,
)


def line(alike: RequestRecord, wanted: RequestRecord) -> bytes:
    at_s = wanted.at.timestamp()
    return PlainLine(alike).line(wanted.id, at_s, wanted.request_id, wanted.duration_ms, wanted.response_bytes)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"user_id": None, "key_id": None},
        {"organization_id": "org_1"},
        {"route": '/odd"route,"id":"x",', "method": "GET"},
        {"request_bytes": 7},
    ],
)
def test_a_line_is_read_back_as_the_whole_record(changes: dict[str, object]) -> None:
    wanted = dataclasses.replace(RECORD, **changes)
    alike = dataclasses.replace(wanted, id="rec_other", at=datetime.now(UTC), request_id="x", duration_ms=9)
    assert decode(line(alike, wanted)) == wanted


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"usage": (MeteredUsage('a"model', 1, 2, 3, 4, 5, 6), MeteredUsage("another"))},
        {"stages_ms": {"llm": 12, "asr": 0}, "request_bytes": 77, "status": 404},
        {"user_id": None, "key_id": None, "organization_id": "org_1", "route": None},
    ],
)
def test_a_line_of_what_was_used_is_read_back_as_the_whole_record(changes: dict[str, object]) -> None:
    wanted = dataclasses.replace(RECORD, **changes)
    alike = dataclasses.replace(wanted, id="x", usage=(), stages_ms={"tts": 1}, request_bytes=1, response_bytes=1)
    made = UsedLine(alike).line(
        wanted.id,
        wanted.at.timestamp(),
        wanted.request_id,
        wanted.duration_ms,
        wanted.response_bytes,
        wanted.request_bytes,
        wanted.stages_ms,
        wanted.usage,
    )
    assert decode(made) == wanted
