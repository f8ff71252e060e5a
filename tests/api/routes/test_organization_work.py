"""What is done for an organisation over HTTP: its keys, its history, and who acts for it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from smartlite.api.services import Services
from tests.api.newsroom import Newsroom, a_newsroom

CHAT: Any = {"model": "fake-llm", "messages": [{"role": "user", "content": "Hello."}]}


@pytest.fixture
async def newsroom(services: Services, tmp_path: Path) -> AsyncIterator[Newsroom]:
    async with a_newsroom(services, tmp_path) as newsroom:
        yield newsroom


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
