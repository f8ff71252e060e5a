"""How a request ended, as a table of faults tells it."""

import pytest

from benchmarks.in_flight import Log, ending

_LOST = b'{"error":{"message":"gone","type":"server_error","param":null,"code":"replica_lost"}}'


@pytest.mark.parametrize(
    ("status_code", "content_type", "body", "expected"),
    [
        (200, "application/json", b"{}", "200"),
        (503, "application/json", _LOST, "503 replica_lost"),
        (502, "text/html", b"<html>", "502"),
        (200, "text/event-stream", b'data: {"delta":"a"}\n\ndata: [DONE]\n\n', "200"),
        (
            200,
            "text/event-stream; charset=utf-8",
            b'data: {"delta":"a"}\n\ndata: ' + _LOST + b"\n\n",
            "200, then error event replica_lost",
        ),
    ],
)
def test_an_ending_tells_status_and_code(status_code: int, content_type: str, body: bytes, expected: str) -> None:
    assert ending(status_code, content_type, body) == expected


def test_whatever_is_not_200_has_failed() -> None:
    log = Log()
    log.endings.update({"200": 5, "503 replica_lost": 2, "silence": 1})

    assert (log.sent, log.failed) == (8, 3)
