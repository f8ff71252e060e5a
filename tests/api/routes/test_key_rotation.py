"""A key in place of another: both are good for a while, with the same rights and limits, and nobody gains by it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from smartlite.api.services import Services
from smartlite.auth import remembered
from smartlite.storage.database import Database
from smartlite.storage.schema import migrate
from tests.api.metered import Platform


@pytest.fixture
async def platform(services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Platform]:
    monkeypatch.setattr(remembered, "FRESH", remembered.FRESH * 0)
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/smartlite.db")
    await migrate(database)
    yield Platform(services, database, tmp_path / "journal")
    await database.close()


async def ask(platform: Platform, key: str, method: str, path: str, body: Any = None) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(platform.app), base_url="http://gateway") as client:
        return await client.request(method, f"/v1{path}", json=body, headers={"Authorization": f"Bearer {key}"})


async def made(platform: Platform, key: str, **form: Any) -> dict[str, Any]:
    answer = await ask(platform, key, "POST", "/api-keys", {"name": "app", **form})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_both_keys_are_good_until_the_overlap_ends(platform: Platform) -> None:
    await platform.add("ana", {"developer"})
    ana = platform.keys["ana"]
    old = await made(platform, ana, scopes=["models:read", "keys:write"])
    answer = await ask(platform, ana, "POST", f"/api-keys/{old['id']}/rotate", {"overlap_s": 3600})
    assert answer.status_code == 201
    new = answer.json()
    assert (new["scopes"], new["name"], new["expires_at"]) == (old["scopes"], "app", None)
    assert new["id"] != old["id"]
    for key in (old["key"], new["key"]):
        assert (await ask(platform, key, "GET", "/models")).status_code == 200
    listed = {each["id"]: each for each in (await ask(platform, ana, "GET", "/api-keys")).json()["data"]}
    ends = datetime.fromisoformat(listed[old["id"]]["expires_at"])
    assert timedelta(minutes=59) < ends - datetime.now(UTC) <= timedelta(hours=1)
    at_once = await ask(platform, ana, "POST", f"/api-keys/{new['id']}/rotate", {"overlap_s": 0})
    assert (await ask(platform, new["key"], "GET", "/models")).status_code == 401
    assert (await ask(platform, at_once.json()["key"], "GET", "/models")).status_code == 200
    again = await ask(platform, ana, "POST", f"/api-keys/{new['id']}/rotate", {})
    assert (again.status_code, again.json()["error"]["param"]) == (400, "key_id")


async def test_limits_of_the_old_keys_own_are_the_new_ones_too(platform: Platform) -> None:
    await platform.add("root", {"admin"})
    root = platform.keys["root"]
    old = await made(platform, root)
    quota = {"subject": old["id"], "kind": "tokens", "limit": 7}
    assert (await ask(platform, root, "POST", "/quotas", quota)).status_code == 201
    new = (await ask(platform, root, "POST", f"/api-keys/{old['id']}/rotate", {})).json()
    limits = (await ask(platform, new["key"], "GET", "/limits")).json()["data"]
    assert [each["limit"] for each in limits if each["kind"] == "tokens"] == [7]


async def test_nobody_gains_by_rotating(platform: Platform) -> None:
    for name, role in (("ana", "developer"), ("ben", "developer"), ("root", "admin")):
        await platform.add(name, {role})
    whole = await made(platform, platform.keys["ana"])
    limited = await made(platform, platform.keys["ana"], scopes=["keys:write"])
    of_root = await made(platform, platform.keys["root"])
    refused = await ask(platform, limited["key"], "POST", f"/api-keys/{whole['id']}/rotate", {})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "insufficient_scope")
    for key in (platform.keys["ben"], platform.keys["ana"]):
        unknown = await ask(platform, key, "POST", "/api-keys/key_0/rotate", {})
        another = await ask(platform, key, "POST", f"/api-keys/{of_root['id']}/rotate", {})
        assert (unknown.status_code, another.status_code) == (404, 404)
        assert another.text.replace(of_root["id"], "key_0") == unknown.text
    assert (
        await ask(platform, platform.keys["root"], "POST", f"/api-keys/{whole['id']}/rotate", {})
    ).status_code == 201


@pytest.mark.parametrize("overlap_s", [-1, 30 * 86_400 + 1, "1", True])
async def test_an_overlap_that_makes_no_sense_is_refused(platform: Platform, overlap_s: Any) -> None:
    await platform.add("ana", {"developer"})
    key = await made(platform, platform.keys["ana"])
    answer = await ask(
        platform, platform.keys["ana"], "POST", f"/api-keys/{key['id']}/rotate", {"overlap_s": overlap_s}
    )
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "overlap_s")


async def test_a_key_of_an_organization_makes_none_outside_of_it(platform: Platform) -> None:
    await platform.add("root", {"admin"})
    root = platform.keys["root"]
    organization = (await ask(platform, root, "POST", "/organizations", {"name": "News"})).json()["id"]
    bound = await made(platform, root, organization_id=organization)
    own = await made(platform, root)
    assert (await ask(platform, bound["key"], "POST", f"/api-keys/{own['id']}/rotate", {})).status_code == 404
    rotated = await ask(platform, bound["key"], "POST", f"/api-keys/{bound['id']}/rotate", {})
    assert (rotated.status_code, rotated.json()["organization_id"]) == (201, organization)
