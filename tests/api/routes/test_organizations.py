"""Organisations over HTTP: who is in them, and that to everybody else they are not there."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from smartlite.api.services import Services
from tests.api.newsroom import Newsroom, a_newsroom

TOLD_APART = "01234567890123456789012345678901"


@pytest.fixture
async def newsroom(services: Services, tmp_path: Path) -> AsyncIterator[Newsroom]:
    async with a_newsroom(services, tmp_path) as newsroom:
        yield newsroom


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
