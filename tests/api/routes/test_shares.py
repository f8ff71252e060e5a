"""Sharing over HTTP: who may read what somebody shared, who may share it, and with whom."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from smartlite.api.services import Services
from smartlite.storage.database import Database
from smartlite.storage.schema import migrate
from tests.api.metered import Platform
from tests.auth.keyring import Clock

CHAT: Any = {"model": "fake-llm", "messages": [{"role": "user", "content": "Hello."}]}


class World:
    """Ana has sent a request; Ben and Zoe have not."""

    def __init__(self, platform: Platform, clock: Clock) -> None:
        self.platform = platform
        self.clock = clock
        self.request_id = ""

    async def build(self) -> None:
        for name, role in {"root": "admin", "ana": "developer", "ben": "user", "zoe": "user"}.items():
            await (await self.platform.add(name, {role})).aclose()
        await self("ana", "POST", "/chat/completions", 200, CHAT)
        await self.platform.drain.read_all()
        (found,) = (await self("ana", "GET", "/requests?route=/v1/chat/completions", 200))["data"]
        self.request_id = found["id"]

    async def __call__(self, name: str, method: str, path: str, status: int, body: Any = None) -> Any:
        async with self.platform.client(name) as client:
            answer = await client.request(method, f"/v1{path}", json=body)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def share(self, subject: str, access: str = "read", kind: str = "user") -> dict[str, str]:
        subject_id = self.platform.users.get(subject, subject)
        resource = {"resource_kind": "request", "resource_id": self.request_id}
        return {**resource, "subject_kind": kind, "subject_id": subject_id, "access": access}

    def query(self, *parts: str) -> str:
        names = ("resource_kind", "resource_id", "subject_kind", "subject_id")
        given = parts or ("request", self.request_id)
        return "/shares?" + "&".join(f"{name}={value}" for name, value in zip(names, given, strict=False))

    async def reads(self, name: str, status: int) -> None:
        await self(name, "GET", f"/requests/{self.request_id}", status)


@pytest.fixture
async def world(services: Services, tmp_path: Path) -> AsyncIterator[World]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/smartlite.db")
    await migrate(database)
    clock = Clock()
    world = World(Platform(services, database, tmp_path / "journal", clock), clock)
    await world.build()
    yield world
    await database.close()


async def test_what_is_shared_with_a_user_they_read_until_it_is_taken_back(world: World) -> None:
    await world.reads("ben", 404)
    share = await world("ana", "PUT", "/shares", 200, world.share("ben"))
    assert (share["access"], share["created_by"]) == ("read", world.platform.users["ana"])
    await world.reads("ben", 200)
    await world.reads("zoe", 404)
    assert (await world("ana", "GET", world.query(), 200))["data"] == [share]
    taken = world.query("request", world.request_id, "user", world.platform.users["ben"])
    await world("ana", "DELETE", taken, 204)
    await world.reads("ben", 404)
    await world("ana", "DELETE", taken, 404)


async def test_who_may_only_read_it_shares_it_with_nobody(world: World) -> None:
    await world("ana", "PUT", "/shares", 200, world.share("ben"))
    await world("ben", "PUT", "/shares", 403, world.share("zoe"))
    await world("ben", "GET", world.query(), 403)
    await world("ben", "DELETE", world.query("request", world.request_id, "user", world.platform.users["ben"]), 403)
    await world("ana", "PUT", "/shares", 200, world.share("ben", "write"))
    await world("ben", "PUT", "/shares", 200, world.share("zoe"))
    await world.reads("zoe", 200)


async def test_to_who_may_not_read_it_it_is_not_there(world: World) -> None:
    theirs = await world("zoe", "PUT", "/shares", 404, world.share("zoe"))
    nobodys = await world("zoe", "PUT", "/shares", 404, {**world.share("zoe"), "resource_id": "rec_x"})
    assert str(theirs).replace(world.request_id, "") == str(nobodys).replace("rec_x", "")
    await world("zoe", "GET", world.query(), 404)
    await world("zoe", "DELETE", world.query("request", world.request_id, "user", world.platform.users["zoe"]), 404)


async def test_what_is_shared_with_a_role_ends_with_it(world: World) -> None:
    await world("root", "POST", "/roles", 201, {"name": "press", "scopes": []})
    role_id = (await world("root", "GET", "/roles", 200))["data"][-1]["id"]
    await world("root", "PATCH", f"/users/{world.platform.users['zoe']}", 200, {"roles": ["user", "press"]})
    await world("ana", "PUT", "/shares", 200, world.share("press", kind="role"))
    world.clock.move(1)
    await world.reads("zoe", 200)
    await world.reads("ben", 404)
    await world("root", "DELETE", f"/roles/{role_id}", 204)
    assert (await world("ana", "GET", world.query(), 200))["data"] == []


async def test_what_is_shared_with_an_organization_its_members_read(world: World) -> None:
    made = (await world("root", "POST", "/organizations", 201, {"name": "Newsroom"}))["id"]
    await world("ana", "PUT", "/shares", 400, world.share(made, kind="organization"))
    for user in ("ana", "ben"):
        await world("root", "POST", f"/organizations/{made}/members", 201, {"user": world.platform.users[user]})
    world.clock.move(1)
    await world("ana", "PUT", "/shares", 200, world.share(made, kind="organization"))
    await world.reads("ben", 200)
    await world.reads("zoe", 404)
    await world("root", "DELETE", f"/organizations/{made}", 204)
    assert (await world("ana", "GET", world.query(), 200))["data"] == []


@pytest.mark.parametrize(("kind", "subject"), [("user", "user_x"), ("role", "nothing"), ("organization", "org_x")])
async def test_nothing_is_shared_with_who_does_not_exist(world: World, kind: str, subject: str) -> None:
    refused = await world("ana", "PUT", "/shares", 400, world.share(subject, kind=kind))
    assert refused["error"]["param"] == "subject_id"


@pytest.mark.parametrize(
    "wrong",
    [
        {"resource_kind": "secret"},
        {"access": "own"},
        {"subject_kind": "planet"},
        {"created_by": "me"},
        {"access": None},
    ],
)
async def test_a_wrong_share_is_refused(world: World, wrong: dict[str, Any]) -> None:
    assert (await world("ana", "PUT", "/shares", 400, {**world.share("ben"), **wrong}))["error"]["param"] in wrong


async def test_a_limited_key_shares_nothing(world: World) -> None:
    made = await world("ana", "POST", "/api-keys", 201, {"name": "narrow", "scopes": ["llm:chat"]})
    world.platform.keys["narrow"] = made["key"]
    await world.reads("narrow", 200)
    await world("narrow", "PUT", "/shares", 403, world.share("ben"))


async def test_every_change_is_in_the_audit_log(world: World) -> None:
    await world("ana", "PUT", "/shares", 200, world.share("ben"))
    await world("ana", "DELETE", world.query("request", world.request_id, "user", world.platform.users["ben"]), 204)
    found = (await world("root", "GET", "/audit?limit=2", 200))["data"]
    assert [(each["action"], each["target_id"]) for each in found] == [
        ("share.remove", world.request_id),
        ("share.put", world.request_id),
    ]
