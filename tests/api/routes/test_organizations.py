"""Organisations over HTTP: who is in them, what is done for them, and that to everybody else they are not there."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import httpx2
import openai
import pytest

from smartlite.api.services import Services
from smartlite.storage.database import Database
from smartlite.storage.schema import migrate
from tests.api.metered import Platform
from tests.auth.keyring import Clock

CHAT: Any = {"model": "fake-llm", "messages": [{"role": "user", "content": "Hello."}]}
TOLD_APART = "01234567890123456789012345678901"


class Newsroom:
    """Ana owns it, Ben manages it, Eve is in it, Zoe is not, and Root is an administrator of the platform."""

    def __init__(self, platform: Platform, clock: Clock) -> None:
        self.platform = platform
        self.clock = clock
        self.id = ""
        self.headers: dict[str, dict[str, str]] = {}

    async def build(self) -> None:
        names = {"root": "admin", "ana": "developer", "ben": "developer", "eve": "user", "zoe": "developer"}
        for name, role in names.items():
            await (await self.platform.add(name, {role})).aclose()
        self.id = (await self("root", "POST", "/organizations", 201, {"name": "Newsroom"}))["id"]
        for name, role in (("ana", "owner"), ("ben", "admin"), ("eve", "member")):
            body = {"user": f"{name}@example.com", "role": role}
            await self("root", "POST", f"/organizations/{self.id}/members", 201, body)
        await self("root", "DELETE", self.member("root"), 204)
        self.forget()

    def forget(self) -> None:
        """Have the gateway ask the database anew, as it does after a second."""
        self.clock.move(1)

    def member(self, name: str) -> str:
        return f"/organizations/{self.id}/members/{self.platform.users[name]}"

    async def __call__(
        self, name: str, method: str, path: str, status: int, body: Any = None, organization: str | None = None
    ) -> Any:
        headers = {} if organization is None else {"OpenAI-Organization": organization}
        async with self.platform.client(name) as client:
            answer = await client.request(method, f"/v1{path}", json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def key(self, name: str, **fields: Any) -> str:
        """A key that somebody makes for the organisation; asks as ``key_of`` them from then on."""
        made = await self(name, "POST", "/api-keys", 201, {"name": "k", "organization_id": self.id, **fields})
        self.platform.keys[f"key_of_{name}"] = made["key"]
        key_id: str = made["id"]
        return key_id

    async def history(self, name: str, query: str = "") -> list[dict[str, Any]]:
        await self.platform.drain.read_own()
        found: list[dict[str, Any]] = (await self(name, "GET", f"/requests?route=/v1/chat/completions{query}", 200))[
            "data"
        ]
        return found


@pytest.fixture
async def newsroom(services: Services, tmp_path: Path) -> AsyncIterator[Newsroom]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/smartlite.db")
    await migrate(database)
    clock = Clock()
    newsroom = Newsroom(Platform(services, database, tmp_path / "journal", clock), clock)
    await newsroom.build()
    yield newsroom
    await database.close()


async def test_everybody_sees_those_that_they_are_in_and_who_may_sees_all(newsroom: Newsroom) -> None:
    seen = {}
    for name in ("root", "ana", "ben", "eve", "zoe"):
        listed = (await newsroom(name, "GET", "/organizations", 200))["data"]
        seen[name] = [(each["id"], each["role"]) for each in listed]
    roles = {"root": None, "ana": "owner", "ben": "admin", "eve": "member"}
    assert seen == {**{name: [(newsroom.id, role)] for name, role in roles.items()}, "zoe": []}
    members = (await newsroom("eve", "GET", f"/organizations/{newsroom.id}/members", 200))["data"]
    assert {each["name"]: each["role"] for each in members} == {"ana": "owner", "ben": "admin", "eve": "member"}


async def test_only_who_may_make_organizations_makes_one_and_owns_it(newsroom: Newsroom) -> None:
    made = await newsroom("root", "POST", "/organizations", 201, {"name": "Archive"})
    assert made["role"] == "owner"
    await newsroom("ana", "POST", "/organizations", 403, {"name": "Archive"})
    for body in ({}, {"name": ""}, {"name": "x" * 201}, {"name": "x", "id": "org_1"}):
        await newsroom("root", "POST", "/organizations", 400, body)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {"name": "Mine"}),
        ("DELETE", "", None),
        ("GET", "/members", None),
        ("POST", "/members", {"user": "zoe@example.com"}),
        ("PATCH", "/members/{eve}", {"role": "owner"}),
        ("DELETE", "/members/{eve}", None),
    ],
)
async def test_to_who_is_not_in_it_an_organization_is_not_there(
    newsroom: Newsroom, method: str, path: str, body: Any
) -> None:
    path = path.format(eve=newsroom.platform.users["eve"])
    theirs = await newsroom("zoe", method, f"/organizations/{newsroom.id}{path}", 404, body)
    nobodys = await newsroom("zoe", method, f"/organizations/org_{TOLD_APART}{path}", 404, body)
    assert str(theirs).replace(newsroom.id, "") == str(nobodys).replace(f"org_{TOLD_APART}", "")


async def test_a_member_changes_nothing_but_leaves(newsroom: Newsroom) -> None:
    await newsroom("eve", "PATCH", f"/organizations/{newsroom.id}", 403, {"name": "Mine"})
    await newsroom("eve", "DELETE", f"/organizations/{newsroom.id}", 403)
    await newsroom("eve", "POST", f"/organizations/{newsroom.id}/members", 403, {"user": "zoe@example.com"})
    await newsroom("eve", "PATCH", newsroom.member("eve"), 403, {"role": "owner"})
    await newsroom("eve", "DELETE", newsroom.member("ben"), 403)
    await newsroom("eve", "DELETE", newsroom.member("eve"), 204)
    await newsroom("eve", "GET", f"/organizations/{newsroom.id}", 404)


async def test_an_administrator_of_it_makes_and_removes_no_owner(newsroom: Newsroom) -> None:
    members = f"/organizations/{newsroom.id}/members"
    await newsroom("ben", "POST", members, 201, {"user": newsroom.platform.users["zoe"]})
    await newsroom("ben", "PATCH", newsroom.member("zoe"), 200, {"role": "admin"})
    await newsroom("ben", "PATCH", newsroom.member("zoe"), 403, {"role": "owner"})
    await newsroom("ben", "PATCH", newsroom.member("ben"), 403, {"role": "owner"})
    await newsroom("ben", "PATCH", newsroom.member("ana"), 403, {"role": "member"})
    await newsroom("ben", "DELETE", newsroom.member("ana"), 403)
    await newsroom("ben", "DELETE", newsroom.member("zoe"), 204)
    await newsroom("ben", "POST", members, 403, {"user": "zoe@example.com", "role": "owner"})
    await newsroom("ben", "DELETE", f"/organizations/{newsroom.id}", 403)
    assert (await newsroom("ben", "PATCH", f"/organizations/{newsroom.id}", 200, {"name": "News"}))["name"] == "News"


async def test_an_organization_keeps_an_owner(newsroom: Newsroom) -> None:
    refused = await newsroom("ana", "DELETE", newsroom.member("ana"), 409)
    assert refused["error"]["code"] == "last_owner"
    await newsroom("ana", "PATCH", newsroom.member("ana"), 409, {"role": "admin"})
    await newsroom("root", "DELETE", newsroom.member("ana"), 409)
    await newsroom("ana", "PATCH", newsroom.member("ben"), 200, {"role": "owner"})
    await newsroom("ana", "PATCH", newsroom.member("ana"), 200, {"role": "member"})
    await newsroom("ana", "DELETE", newsroom.member("ana"), 204)


async def test_of_two_owners_who_leave_at_the_same_time_one_stays(newsroom: Newsroom) -> None:
    await newsroom("ana", "PATCH", newsroom.member("ben"), 200, {"role": "owner"})

    async def leave(name: str) -> int:
        async with newsroom.platform.client(name) as client:
            return (await client.delete(f"/v1{newsroom.member(name)}")).status_code

    assert sorted(await asyncio.gather(leave("ana"), leave("ben"))) == [204, 409]


async def test_who_is_in_it_or_is_nobody_is_not_added(newsroom: Newsroom) -> None:
    members = f"/organizations/{newsroom.id}/members"
    assert (await newsroom("ana", "POST", members, 400, {"user": "eve@example.com"}))["error"]["param"] == "user"
    assert (await newsroom("ana", "POST", members, 400, {"user": "x@example.com"}))["error"]["param"] == "user"
    assert (await newsroom("ana", "POST", members, 400, {"user": "user_x"}))["error"]["param"] == "user"
    await newsroom("ana", "POST", members, 400, {"user": "zoe@example.com", "role": "king"})
    await newsroom("ana", "PATCH", newsroom.member("zoe"), 404, {"role": "admin"})
    await newsroom("ana", "DELETE", newsroom.member("zoe"), 404)


async def test_the_official_client_acts_for_the_organization_that_it_names(newsroom: Newsroom) -> None:
    transport = httpx2.ASGITransport(newsroom.platform.app)

    def client(organization: str) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(
            base_url="http://gateway/v1",
            api_key=newsroom.platform.keys["eve"],
            organization=organization,
            max_retries=0,
            http_client=httpx2.AsyncClient(transport=transport),
        )

    async with client(newsroom.id) as eve:
        await eve.chat.completions.create(**CHAT)
    async with client("") as eve:
        await eve.chat.completions.create(**CHAT)
    async with client("org_x") as eve:
        with pytest.raises(openai.AuthenticationError) as caught:
            await eve.chat.completions.create(**CHAT)
    assert caught.value.code == "mismatched_organization"
    found = [each["organization_id"] for each in await newsroom.history("eve")]
    assert found == [None, newsroom.id]


async def test_a_name_of_anothers_organization_is_refused_like_one_of_none(newsroom: Newsroom) -> None:
    theirs = await newsroom("zoe", "GET", "/models", 401, organization=newsroom.id)
    assert theirs == await newsroom("zoe", "GET", "/models", 401, organization="org_x")
    assert theirs == await newsroom("eve", "GET", "/models", 401, organization=f"{newsroom.id}, {newsroom.id}")
    assert theirs["error"]["type"] == "invalid_request_error"


async def test_a_key_for_an_organization_acts_for_it_and_for_no_other(newsroom: Newsroom) -> None:
    await newsroom.key("ana")
    other = (await newsroom("root", "POST", "/organizations", 201, {"name": "Archive"}))["id"]
    await newsroom("root", "POST", f"/organizations/{other}/members", 201, {"user": "ana@example.com"})
    newsroom.forget()
    await newsroom("key_of_ana", "POST", "/chat/completions", 200, CHAT)
    await newsroom("key_of_ana", "POST", "/chat/completions", 200, CHAT, newsroom.id)
    await newsroom("key_of_ana", "POST", "/chat/completions", 401, CHAT, other)
    assert [each["organization_id"] for each in await newsroom.history("ana")] == [newsroom.id] * 2
    await newsroom("key_of_ana", "GET", f"/organizations/{other}", 404)
    await newsroom("key_of_ana", "POST", "/api-keys", 404, {"name": "k", "organization_id": other})
    inherited = await newsroom("key_of_ana", "POST", "/api-keys", 201, {"name": "k"})
    assert inherited["organization_id"] == newsroom.id


async def test_nobody_makes_a_key_for_an_organization_that_its_user_is_not_in(newsroom: Newsroom) -> None:
    body = {"name": "k", "organization_id": newsroom.id}
    theirs = await newsroom("zoe", "POST", "/api-keys", 404, body)
    nobodys = await newsroom("zoe", "POST", "/api-keys", 404, {**body, "organization_id": "org_x"})
    assert str(theirs).replace(newsroom.id, "") == str(nobodys).replace("org_x", "")
    await newsroom("root", "POST", "/api-keys", 404, {**body, "user_id": newsroom.platform.users["zoe"]})
    await newsroom("root", "POST", "/api-keys", 201, {**body, "user_id": newsroom.platform.users["ana"]})


async def test_a_key_stops_with_its_users_membership_and_does_not_come_back(newsroom: Newsroom) -> None:
    await newsroom.key("ben")
    await newsroom("key_of_ben", "GET", "/models", 200)
    await newsroom("ana", "DELETE", newsroom.member("ben"), 204)
    newsroom.forget()
    await newsroom("key_of_ben", "GET", "/models", 401)
    await newsroom("ben", "GET", "/models", 401, organization=newsroom.id)
    await newsroom("ben", "GET", "/models", 200)
    await newsroom("ana", "POST", f"/organizations/{newsroom.id}/members", 201, {"user": "ben@example.com"})
    newsroom.forget()
    await newsroom("key_of_ben", "GET", "/models", 401)


async def test_nobody_acts_for_an_organization_that_is_inactive(newsroom: Newsroom) -> None:
    await newsroom.key("ana")
    path = f"/organizations/{newsroom.id}"
    await newsroom("ana", "PATCH", path, 403, {"is_active": False})
    assert not (await newsroom("root", "PATCH", path, 200, {"is_active": False}))["is_active"]
    newsroom.forget()
    await newsroom("key_of_ana", "GET", "/models", 401)
    await newsroom("ana", "GET", "/models", 401, organization=newsroom.id)
    await newsroom("ana", "GET", path, 404)
    await newsroom("ana", "PATCH", path, 404, {"name": "Back"})
    await newsroom("root", "PATCH", path, 200, {"is_active": True})
    newsroom.forget()
    await newsroom("key_of_ana", "GET", "/models", 200)


async def test_an_organization_that_is_removed_takes_its_keys_and_leaves_its_history(newsroom: Newsroom) -> None:
    await newsroom.key("ana")
    await newsroom("key_of_ana", "POST", "/chat/completions", 200, CHAT)
    await newsroom("ana", "DELETE", f"/organizations/{newsroom.id}", 204)
    newsroom.forget()
    await newsroom("key_of_ana", "GET", "/models", 401)
    await newsroom("ana", "GET", f"/organizations/{newsroom.id}", 404)
    assert [each["organization_id"] for each in await newsroom.history("root")] == [newsroom.id]
    report = await newsroom("root", "GET", f"/usage?organization_id={newsroom.id}", 200)
    assert report["data"][0]["requests"] > 0


async def test_who_manages_it_sees_and_revokes_its_keys(newsroom: Newsroom) -> None:
    key_id = await newsroom.key("ana")
    listed = (await newsroom("ben", "GET", f"/api-keys?organization_id={newsroom.id}", 200))["data"]
    assert [(key["id"], key["organization_id"]) for key in listed] == [(key_id, newsroom.id)]
    assert len((await newsroom("root", "GET", f"/api-keys?organization_id={newsroom.id}", 200))["data"]) == 1
    await newsroom("zoe", "GET", f"/api-keys?organization_id={newsroom.id}", 404)
    await newsroom("zoe", "DELETE", f"/api-keys/{key_id}", 404)
    await newsroom("ben", "DELETE", f"/api-keys/{key_id}", 204)
    newsroom.forget()
    await newsroom("key_of_ana", "GET", "/models", 401)


async def test_a_key_of_nobodys_organization_is_revoked_by_no_member_of_any(newsroom: Newsroom) -> None:
    (key,) = (await newsroom("ana", "GET", "/api-keys", 200))["data"]
    await newsroom("ben", "DELETE", f"/api-keys/{key['id']}", 404)


async def test_who_manages_it_sees_what_was_done_for_it_and_nothing_else(newsroom: Newsroom) -> None:
    await newsroom("eve", "POST", "/chat/completions", 200, CHAT, newsroom.id)
    await newsroom("eve", "POST", "/chat/completions", 200, CHAT)
    of_it = f"&organization_id={newsroom.id}"
    (found,) = await newsroom.history("ben", of_it)
    assert found["user_id"] == newsroom.platform.users["eve"]
    assert await newsroom.history("ben") == []
    assert await newsroom.history("ana", f"{of_it}&user_id={newsroom.platform.users['ben']}") == []
    assert len(await newsroom.history("eve", of_it)) == 1
    report = await newsroom("ben", "GET", f"/usage?group_by=user{of_it}", 200)
    assert newsroom.platform.users["eve"] in str(report)
    for name in ("requests", "usage"):
        await newsroom("zoe", "GET", f"/{name}?organization_id={newsroom.id}", 404)
        await newsroom("eve", "GET", f"/{name}?user_id={newsroom.platform.users['ben']}{of_it}", 404)
        await newsroom("ben", "GET", f"/{name}?user_id={newsroom.platform.users['eve']}", 404)
    assert await newsroom("ben", "GET", f"/requests/{found['id']}", 200) == found
    await newsroom("zoe", "GET", f"/requests/{found['id']}", 404)
    (hers,) = [each for each in await newsroom.history("eve") if each["organization_id"] is None]
    await newsroom("ben", "GET", f"/requests/{hers['id']}", 404)


async def test_a_limited_key_of_an_owner_manages_nothing(newsroom: Newsroom) -> None:
    await newsroom.key("ana", scopes=["llm:chat", "keys:read", "keys:write"])
    narrow, path = "key_of_ana", f"/organizations/{newsroom.id}"
    await newsroom(narrow, "GET", path, 200)
    await newsroom(narrow, "GET", f"{path}/members", 403)
    await newsroom(narrow, "PATCH", path, 403, {"name": "Mine"})
    await newsroom(narrow, "DELETE", path, 403)
    await newsroom(narrow, "DELETE", newsroom.member("eve"), 403)
    await newsroom(narrow, "DELETE", newsroom.member("ana"), 403)
    await newsroom(narrow, "GET", f"/api-keys?organization_id={newsroom.id}", 403)


async def test_the_audit_log_tells_of_every_change(newsroom: Newsroom) -> None:
    await newsroom("ana", "PATCH", f"/organizations/{newsroom.id}", 200, {"name": "News"})
    await newsroom("ana", "PATCH", newsroom.member("eve"), 200, {"role": "admin"})
    await newsroom("ana", "DELETE", newsroom.member("eve"), 204)
    await newsroom("ana", "DELETE", f"/organizations/{newsroom.id}", 204)
    found = (await newsroom("root", "GET", "/audit?limit=4", 200))["data"]
    assert [(each["action"], each["target_id"]) for each in reversed(found)] == [
        (f"organization.{what}", newsroom.id) for what in ("change", "change_member", "remove_member", "remove")
    ]
    assert {each["actor_id"] for each in found} == {newsroom.platform.users["ana"]}


async def test_where_authentication_is_off_there_are_no_organizations(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/organizations")).status_code == 404
    assert (await client.get("/v1/models", headers={"OpenAI-Organization": "org_x"})).status_code == 200
