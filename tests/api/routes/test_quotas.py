"""Limits and budgets that an administrator sets over HTTP, and what they do to whoever is under them."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from smartlite.api.services import Services
from smartlite.auth import remembered
from smartlite.storage.database import Database
from smartlite.storage.schema import migrate
from tests.api.metered import Platform

CHAT: Any = {"model": "fake-llm", "messages": [{"role": "user", "content": "Hello."}], "max_completion_tokens": 50}
SPEECH = {"model": "tts-1", "voice": "alloy", "input": "Hello there."}


@pytest.fixture
async def platform(services: Services, tmp_path: Path) -> AsyncIterator[Platform]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/smartlite.db")
    await migrate(database)
    yield Platform(services, database, tmp_path / "journal")
    await database.close()


@pytest.fixture
async def root(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    async with await platform.add("root", {"admin"}) as client:
        yield client


@pytest.fixture
async def ana(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    async with await platform.add("ana", {"user"}) as client:
        yield client


async def put(root: httpx.AsyncClient, subject: str, kind: str, limit: int, **more: Any) -> dict[str, Any]:
    answer = await root.post("/v1/quotas", json={"subject": subject, "kind": kind, "limit": limit, **more})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_limit_is_set_listed_and_taken_away(platform: Platform, root: httpx.AsyncClient) -> None:
    user = platform.users["root"]
    first = await put(root, user, "tokens", 100)
    second = await put(root, user, "tokens", 200)
    other = await put(root, user, "tokens", 300, model="fake-llm")
    listed = (await root.get(f"/v1/quotas?subject={user}")).json()["data"]
    assert [each["id"] for each in listed] == [second["id"], other["id"]]
    assert (await root.delete(f"/v1/quotas/{other['id']}")).status_code == 204
    assert (await root.delete(f"/v1/quotas/{first['id']}")).status_code == 404
    actions = [entry["action"] for entry in (await root.get("/v1/audit")).json()["data"]]
    assert actions[:4] == ["quota.remove", "quota.set", "quota.set", "quota.set"]


async def test_a_months_budget_stops_whoever_has_used_it_up_and_says_not_to_come_again(
    platform: Platform, root: httpx.AsyncClient, ana: httpx.AsyncClient
) -> None:
    await put(root, platform.users["ana"], "cost", 10, period="month")
    first = await ana.post("/v1/audio/speech", json=SPEECH)
    assert first.status_code == 200  # 12 characters at 10 micro-units each: one request goes beyond
    assert first.headers["x-ratelimit-limit-cost-month"] == "10"
    refused = await ana.post("/v1/audio/speech", json=SPEECH)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "insufficient_quota")
    assert refused.headers["x-should-retry"] == "false"
    assert int(refused.headers["retry-after"]) > 0
    assert (await ana.get("/v1/models")).status_code == 200
    (budget,) = [each for each in (await ana.get("/v1/limits")).json()["data"] if each["kind"] == "cost"]
    assert (budget["period"], budget["remaining"], budget["subject"]) == ("month", 0, platform.users["ana"])


async def test_a_budget_counts_what_was_used_before_it_was_set(
    platform: Platform, root: httpx.AsyncClient, ana: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "FRESH", remembered.FRESH * 0)
    await ana.post("/v1/audio/speech", json=SPEECH)
    await platform.drain.read_all()
    await put(root, platform.users["ana"], "characters", 15, period="day")
    (budget,) = [each for each in (await ana.get("/v1/limits")).json()["data"] if each["kind"] == "characters"]
    assert budget["remaining"] == 15 - len(SPEECH["input"])


async def test_a_limit_holds_for_those_who_were_let_in_before(
    platform: Platform, root: httpx.AsyncClient, ana: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "FRESH", remembered.FRESH * 0)
    assert (await ana.post("/v1/chat/completions", json=CHAT)).status_code == 200
    await put(root, platform.users["ana"], "requests", 1)
    assert [(await ana.post("/v1/chat/completions", json=CHAT)).status_code for _ in range(2)] == [200, 429]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"subject": "role_1", "kind": "tokens", "limit": 1}, "subject"),
        ({"subject": "user_0", "kind": "tokens", "limit": 0}, "limit"),
        ({"subject": "user_0", "kind": "gold", "limit": 1}, "kind"),
        ({"subject": "user_0", "kind": "cost", "limit": 1}, "period"),
        ({"subject": "user_0", "kind": "concurrent-requests", "limit": 1, "period": "day"}, "period"),
        ({"subject": "user_0", "kind": "tokens", "limit": 1, "id": "quota_1"}, "id"),
        ({"subject": "user_0", "kind": "tokens", "limit": True}, "limit"),
    ],
)
async def test_a_limit_that_cannot_be_counted_is_refused(
    root: httpx.AsyncClient, body: dict[str, Any], param: str
) -> None:
    answer = await root.post("/v1/quotas", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param), answer.text


async def test_nobody_without_the_right_sees_or_sets_limits(root: httpx.AsyncClient, ana: httpx.AsyncClient) -> None:
    assert (await root.post("/v1/quotas", json={"subject": "user_0", "kind": "tokens", "limit": 1})).status_code == 404
    assert (await ana.get("/v1/quotas")).status_code == 403
    assert (await ana.post("/v1/quotas", json={"subject": "user_0", "kind": "tokens", "limit": 1})).status_code == 403
