"""Times and the access log."""

import logging
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from smartlite.api.middleware.headers import HeadersMiddleware
from smartlite.api.middleware.observation import AccessLog, ObservationMiddleware
from smartlite.api.observation import Observation, ObservationDep


def noted_once(caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    """The fields of the only line of the access log."""
    (record,) = [record for record in caplog.records if record.name == "smartlite.access"]
    return vars(record)


async def test_stages_are_in_server_timing_in_milliseconds(app: FastAPI, client: httpx.AsyncClient) -> None:
    @app.get("/timed")
    async def timed(observation: ObservationDep) -> None:
        observation.record("asr", 0.1234)
        observation.record("odd name;x", 1.0)

    timing = (await client.get("/timed")).headers["server-timing"]
    assert timing.startswith("asr;dur=123.4, odd-name-x;dur=1000.0, total;dur=")


def test_a_time_that_is_no_number_is_not_noted() -> None:
    observation = Observation()
    observation.record("asr", float("nan"))
    assert observation.stages_s == {}


async def test_one_log_line_tells_each_request_and_nothing_of_its_text(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "smartlite.access")
    await client.get("/v1/models/s3cr3t?token=s3cr3t")
    noted = noted_once(caplog)
    assert (noted["method"], noted["status"], noted["error_code"]) == ("GET", 404, "model_not_found")
    assert noted["route"] == "/v1/models/{model:path}"
    assert noted["seconds"] >= 0
    assert noted["client_gone"] is False
    assert "s3cr3t" not in str(noted)


async def test_an_unknown_address_is_logged_without_its_path(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "smartlite.access")
    await client.get("/s3cr3t")
    noted = noted_once(caplog)
    assert noted["route"] is None
    assert noted["status"] == 404


async def test_health_checks_are_logged_for_debugging_only(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "smartlite.access")
    await client.get("/healthz")
    noted = noted_once(caplog)
    assert (noted["levelname"], noted["route"]) == ("DEBUG", "/healthz")


async def test_headers_that_steer_ray_serve_are_removed() -> None:
    seen: list[tuple[bytes, bytes]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.extend(scope["headers"])

    scope = {
        "type": "http",
        "headers": [
            (b"x-request-timeout-seconds", b"0"),
            (b"X-Request-Disconnect-Disabled", b"?1"),
            (b"accept", b"*/*"),
        ],
    }
    await HeadersMiddleware(app)(scope, None, None)  # type: ignore[arg-type]
    assert seen == [(b"accept", b"*/*")]


async def test_of_what_goes_well_so_many_lines_a_second_are_written(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "smartlite.access")
    await ask(["/ok"] * 5, lines_per_second=2)
    assert len(caplog.records) == 2


async def test_every_failure_is_logged_and_tells_how_many_lines_were_left_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "smartlite.access")
    await ask(["/ok", "/ok", "/ok", "/bad", "/bad"], lines_per_second=1)
    noted = [vars(record) for record in caplog.records]
    assert [each["status"] for each in noted] == [200, 500, 500]
    assert [each.get("unlogged_before") for each in noted] == [None, 2, None]


async def test_no_line_is_written_of_what_goes_well_where_none_is_wanted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "smartlite.access")
    await ask(["/ok"], lines_per_second=0)
    assert caplog.records == []


async def ask(paths: list[str], lines_per_second: float) -> None:
    """Send requests through the middleware alone; ``/bad`` fails."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        status = 500 if scope["path"] == "/bad" else 200
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body"})

    app = ObservationMiddleware(answer, AccessLog((), frozenset(), lines_per_second))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        for path in paths:
            await client.get(path)
