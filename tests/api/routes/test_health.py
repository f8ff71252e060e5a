"""Liveness and readiness."""

import asyncio
import dataclasses
from collections.abc import Callable

import httpx
import pytest

from smartlite.api.app import create_app
from smartlite.api.services import Services
from smartlite.config import Settings
from smartlite.domain.stages import StageStatus


class FixedStatus:
    def __init__(self, *statuses: StageStatus) -> None:
        self.statuses = statuses

    async def stages(self) -> tuple[StageStatus, ...]:
        return self.statuses


class BrokenStatus:
    async def stages(self) -> tuple[StageStatus, ...]:
        raise AssertionError("/healthz asks nobody")


def client_of(services: Services) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(create_app(services)), base_url="http://gateway")


async def test_healthz_asks_nobody_and_tells_whose_replica_it_is(
    build_services: Callable[..., Services], settings: Settings
) -> None:
    services = build_services(settings.model_copy(update={"instance": "start-1"}))
    async with client_of(dataclasses.replace(services, status=BrokenStatus())) as client:
        answer = await client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert answer.headers["x-smartlite-instance"] == "start-1"


async def test_healthz_has_no_instance_where_none_is_set(client: httpx.AsyncClient) -> None:
    assert "x-smartlite-instance" not in (await client.get("/healthz")).headers


async def test_readyz_tells_every_stage(client: httpx.AsyncClient) -> None:
    answer = await client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ready"
    assert answer.json()["stages"]["asr"] == {
        "state": "ready",
        "message": "",
        "replicas_ready": 1,
        "replicas_wanted": 1,
    }


@pytest.mark.parametrize("state", ["starting", "unhealthy"])
async def test_readyz_is_a_503_that_names_what_is_not_ready(services: Services, state: str) -> None:
    status = FixedStatus(
        StageStatus("asr", "ready", "", 1, 1),
        StageStatus("llm", state, "loading weights", 0, 2),  # type: ignore[arg-type]
    )
    async with client_of(dataclasses.replace(services, status=status)) as client:
        answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "2"
    body = answer.json()
    assert body["status"] == "not_ready"
    assert body["stages"]["llm"]["message"] == "loading weights"
    assert body["error"]["code"] == "service_unavailable"
    assert "llm" in body["error"]["message"]
    assert "asr" not in body["error"]["message"]


@pytest.mark.parametrize("state", ["asleep", "waking"])
async def test_a_stage_that_sleeps_or_wakes_leaves_the_platform_ready(services: Services, state: str) -> None:
    status = FixedStatus(
        StageStatus("asr", "ready", "", 1, 1),
        StageStatus("llm", state, "the next request starts a replica", 0, 0, may_sleep=True),  # type: ignore[arg-type]
    )
    async with client_of(dataclasses.replace(services, status=status)) as client:
        answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["stages"]["llm"]["state"]) == (200, state)


async def test_readyz_is_not_ready_before_any_stage_is_known(services: Services) -> None:
    async with client_of(dataclasses.replace(services, status=FixedStatus())) as client:
        assert (await client.get("/readyz")).status_code == 503


async def test_readyz_does_not_wait_for_ever(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    class SilentStatus:
        async def stages(self) -> tuple[StageStatus, ...]:
            await asyncio.Event().wait()
            return ()

    monkeypatch.setattr("smartlite.api.routes.health._STATUS_TIMEOUT_S", 0.01)
    async with client_of(dataclasses.replace(services, status=SilentStatus())) as client:
        answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "service_unavailable"
