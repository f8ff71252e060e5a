"""The servers that a run compares."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.servers.noop import app, build_app
from benchmarks.servers.one_hop import build_app as build_one_hop
from benchmarks.servers.started import (
    fake_configuration,
    noop_configuration,
    one_hop_configuration,
    with_embeddings,
    write_configuration,
)
from graphs.config import read_serve_config
from graphs.dev import CATALOG


def with_vectors() -> dict[str, Any]:
    return with_embeddings(fake_configuration())


@pytest.mark.parametrize("configuration", [fake_configuration, noop_configuration, with_vectors, one_hop_configuration])
def test_configurations_are_ones_that_serve_takes(configuration: Callable[[], dict[str, Any]], tmp_path: Path) -> None:
    path = write_configuration(tmp_path / "serve_config.yaml", configuration())

    assert read_serve_config(path, CATALOG)


def test_the_no_op_app_has_as_many_replicas_as_the_platform_and_serves_own_logging() -> None:
    ours, noop = fake_configuration(), noop_configuration()

    def ingress(document: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = next(
            entry for entry in document["applications"][0]["deployments"] if entry["name"] == "ingress"
        )
        return {name: found[name] for name in ("num_replicas", "max_ongoing_requests")}

    assert ingress(ours) == ingress(noop)
    assert "logging_config" not in noop


def test_the_no_op_app_can_be_bound_for_serve() -> None:
    assert build_app({}) is not None
    assert build_one_hop({}) is not None


async def test_the_edge_takes_the_no_op_app_for_one_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMARTLITE_INSTANCE", "inst_1")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://noop") as client:
        answer = await client.get("/healthz")

        assert answer.headers["X-SmartLite-Instance"] == "inst_1"
        assert (await client.get("/readyz")).status_code == 200
        assert (await client.get("/v1/models")).json() == {"ok": True}
