"""Webhooks over HTTP: made, changed, tried, their deliveries looked at and sent again; who may is in the matrix."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from smartlite.api.services import Services
from tests.api.pipelined import Kitchen, a_kitchen
from tests.api.plain_means import FIXED

NEW = {"url": "https://receiver.example/hook", "name": "Captions", "event_types": ["run.succeeded", "run.cancelled"]}


@pytest.fixture
async def kitchen(services: Services, tmp_path: Path) -> AsyncIterator[Kitchen]:
    async with a_kitchen(services, tmp_path) as kitchen:
        yield kitchen


async def actions(kitchen: Kitchen) -> list[tuple[str, str]]:
    """What the audit log tells, the oldest first."""
    entries = (await kitchen("root", "GET", "/audit?limit=200", 200))["data"]
    return [(entry["action"], entry["target_id"]) for entry in reversed(entries)]


async def test_the_secret_of_a_webhook_is_shown_once(kitchen: Kitchen) -> None:
    answer = await kitchen.ask("ana", "POST", "/webhooks", NEW)
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    made = answer.json()
    assert made["signing_secret"].startswith("whsec_")
    found = await kitchen("ana", "GET", f"/webhooks/{made['id']}", 200)
    assert found == {key: value for key, value in made.items() if key != "signing_secret"}
    assert (found["signing_secret_hint"], found["is_active"]) == (f"whsec_…{made['signing_secret'][-4:]}", True)
    listed = await kitchen("ana", "GET", "/webhooks", 200)
    assert listed["data"] == [found]
    assert (await kitchen("ben", "GET", "/webhooks", 200))["data"] == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"url": "http://receiver.example/"}, "https://"),
        ({"url": "ftp://receiver.example/"}, "https://"),
        ({"url": "https://ana:secret@receiver.example/"}, "without a user"),
        ({"url": "https://10.0.0.5/"}, "not at a public address"),
        ({"url": "https://169.254.169.254/latest/meta-data"}, "not at a public address"),
        ({"url": "https://[::1]/"}, "not at a public address"),
        ({"url": "https://[::1"}, "cannot be read"),
        ({"url": "https://receiver.example:99999/"}, "cannot be read"),
        ({"url": "https://receiver.example/a b"}, "percent-encoding"),
        ({"url": "https://"}, "a host"),
        ({"event_types": []}, "event_types"),
        ({"event_types": ["run.started"]}, "run.succeeded"),
        ({"secret": "whsec_x"}, "secret"),
    ],
)
async def test_a_webhook_that_cannot_be_is_refused(kitchen: Kitchen, changed: dict[str, Any], said: str) -> None:
    error = (await kitchen("ana", "POST", "/webhooks", 400, {**NEW, **changed}))["error"]
    assert said in error["message"]
    assert error["param"].partition("[")[0].partition(".")[0] == next(iter(changed))


async def test_a_webhook_is_changed_and_switched_off_and_removed(kitchen: Kitchen) -> None:
    made = await kitchen("ana", "POST", "/webhooks", 201, NEW)
    path = f"/webhooks/{made['id']}"
    changed = await kitchen("ana", "PATCH", path, 200, {"event_types": ["run.failed"], "is_active": False})
    assert (changed["event_types"], changed["is_active"], changed["url"]) == (["run.failed"], False, NEW["url"])
    assert "switched off" in (await kitchen("ana", "POST", f"{path}/test", 400))["error"]["message"]
    assert (await kitchen("ana", "PATCH", path, 400, {"url": "https://127.0.0.1/"}))["error"]["param"] == "url"
    await kitchen("ana", "DELETE", path, 204)
    await kitchen("ana", "GET", path, 404)


async def test_the_end_of_a_run_is_among_the_deliveries_whoever_ends_it(kitchen: Kitchen) -> None:
    made = await kitchen("ana", "POST", "/webhooks", 201, NEW)
    await kitchen("ana", "POST", "/pipelines", 201, FIXED)
    run = await kitchen.run("ana", "fixed")
    await kitchen.works.worker.close()
    waiting = (await kitchen.ask("ana", "POST", "/pipelines/fixed/runs", {})).json()
    await kitchen("ana", "POST", f"/runs/{waiting['id']}/cancel", 200)
    found = await kitchen("ana", "GET", f"/webhooks/{made['id']}/deliveries?state=pending", 200)
    assert [each["type"] for each in found["data"]] == ["run.cancelled", "run.succeeded"]
    assert [run["id"] in found["data"][1]["payload"], waiting["id"] in found["data"][0]["payload"]] == [True, True]
    first = await kitchen("ana", "GET", f"/webhooks/{made['id']}/deliveries?limit=1", 200)
    rest = await kitchen("ana", "GET", f"/webhooks/{made['id']}/deliveries?limit=1&after={first['next']}", 200)
    assert [*first["data"], *rest["data"]] == found["data"]
    assert rest["has_more"] is False


async def test_a_delivery_that_ended_is_sent_again_with_the_id_that_its_event_had(kitchen: Kitchen) -> None:
    made = await kitchen("ana", "POST", "/webhooks", 201, NEW)
    path = f"/webhooks/{made['id']}"
    tried = await kitchen("ana", "POST", f"{path}/test", 202)
    assert (tried["type"], tried["state"], tried["attempts"]) == ("webhook.test", "pending", 0)
    again = f"{path}/deliveries/{tried['id']}/redeliver"
    assert "by itself" in (await kitchen("ana", "POST", again, 400))["error"]["message"]
    for is_active in (False, True):
        await kitchen("ana", "PATCH", path, 200, {"is_active": is_active})
    sent = await kitchen("ana", "POST", again, 202)
    assert (sent["event_id"], sent["payload"], sent["state"]) == (tried["event_id"], tried["payload"], "pending")
    assert sent["id"] != tried["id"]
    await kitchen("ana", "POST", f"{path}/deliveries/whd_0/redeliver", 404)


async def test_there_is_a_most_of_webhooks(kitchen: Kitchen) -> None:
    for _ in range(20):
        await kitchen("ana", "POST", "/webhooks", 201, NEW)
    assert "20 webhook" in (await kitchen("ana", "POST", "/webhooks", 400, NEW))["error"]["message"]
    await kitchen("ben", "POST", "/webhooks", 201, NEW)


async def test_whoever_changes_a_webhook_is_in_the_audit_log(kitchen: Kitchen) -> None:
    made = await kitchen("ana", "POST", "/webhooks", 201, NEW)
    path = f"/webhooks/{made['id']}"
    await kitchen("ana", "PATCH", path, 200, {"name": "Another"})
    await kitchen("ana", "PATCH", path, 200, {"name": "Another"})
    await kitchen("ana", "POST", f"{path}/rotate-secret", 200, {})
    await kitchen("ana", "DELETE", path, 204)
    noted = [action for action, target in await actions(kitchen) if target == made["id"]]
    assert noted == ["webhook.add", "webhook.change", "webhook.rotate_secret", "webhook.remove"]
