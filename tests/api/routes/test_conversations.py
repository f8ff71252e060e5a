"""Conversations over HTTP and by the official client: what is kept in them, and what comes back."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from smartlite.api.services import Services
from tests.api.pipelined import Kitchen, a_kitchen
from tests.api.talking import Talk, a_talk

CALL = {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": '{"city": "Lima"}'}


@pytest.fixture
async def talk(services: Services, tmp_path: Path) -> AsyncIterator[Talk]:
    async with a_talk(services, tmp_path) as talk:
        yield talk


@pytest.fixture
async def kitchen(services: Services, tmp_path: Path) -> AsyncIterator[Kitchen]:
    async with a_kitchen(services, tmp_path) as kitchen:
        yield kitchen


async def test_the_official_client_makes_reads_changes_and_deletes_one(talk: Talk) -> None:
    client = talk.openai.conversations
    made = await client.create(
        metadata={"topic": "demo"}, items=[{"type": "message", "role": "user", "content": "Hello é 🎙."}]
    )
    assert (made.id[:5], made.metadata) == ("conv_", {"topic": "demo"})
    assert (await client.retrieve(made.id)) == made
    changed = await client.update(made.id, metadata={"topic": "other"})
    assert changed.metadata == {"topic": "other"}
    deleted = await client.delete(made.id)
    assert (deleted.id, deleted.deleted) == (made.id, True)
    with pytest.raises(openai.NotFoundError):
        await client.retrieve(made.id)


async def test_the_official_client_adds_lists_retrieves_and_deletes_items(talk: Talk) -> None:
    client = talk.openai.conversations
    made = await client.create()
    added = await client.items.create(
        made.id,
        items=[
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Weather?"}]},
            CALL,  # type: ignore[list-item]
            {"type": "function_call_output", "call_id": "call_1", "output": "Fog."},
            {"type": "message", "role": "assistant", "content": "There is fog."},
            {"type": "message", "role": "developer", "content": "Be brief."},
        ],
    )
    kinds = ["message", "function_call", "function_call_output", "message", "message"]
    assert [item.type for item in added.data] == kinds
    assert (added.first_id, added.last_id) == (added.data[0].id, added.data[-1].id)
    listed = [item async for item in client.items.list(made.id, limit=2, order="asc")]
    assert listed == added.data
    newest = await client.items.list(made.id, limit=2)
    assert [item.id for item in newest.data] == [added.data[4].id, added.data[3].id]
    assert await client.items.retrieve(added.data[1].id, conversation_id=made.id) == added.data[1]
    gone = await client.items.delete(added.data[0].id, conversation_id=made.id)
    assert gone.id == made.id
    assert [item.id async for item in client.items.list(made.id, order="asc")] == [each.id for each in added.data[1:]]
    empty = await client.items.list((await client.create()).id)
    assert empty.data == []


async def test_an_output_belongs_to_a_call_that_is_kept(talk: Talk) -> None:
    output = {"type": "function_call_output", "call_id": "call_1", "output": "Fog."}
    made = await talk.conversation()
    await talk("POST", f"/conversations/{made}/items", 400, {"items": [output]})
    await talk("POST", f"/conversations/{made}/items", 200, {"items": [CALL]})
    await talk("POST", f"/conversations/{made}/items", 200, {"items": [output]})


async def test_ones_own_are_listed_the_newest_first(talk: Talk) -> None:
    made = [await talk.conversation(metadata={"n": str(number)}) for number in range(3)]
    page = await talk("GET", "/conversations?limit=2")
    rest = await talk("GET", f"/conversations?limit=2&after={page['next']}")
    found = [each["metadata"]["n"] for each in (*page["data"], *rest["data"])]
    assert (sorted(found), page["has_more"], rest["has_more"]) == (["0", "1", "2"], True, False)
    assert {each["id"] for each in (*page["data"], *rest["data"])} == set(made)


async def test_an_export_has_all_that_is_kept(talk: Talk) -> None:
    items = [{"role": "user", "content": f"Message {number} é."} for number in range(20)]
    made = await talk.conversation(items=items, truncation={"strategy": "summary", "max_tokens": 100})
    for _ in range(6):
        await talk("POST", f"/conversations/{made}/items", 200, {"items": items})
    answer = await talk.http.get(f"/v1/conversations/{made}/export")
    assert answer.headers["content-disposition"] == f'attachment; filename="{made}.json"'
    told = answer.json()
    assert (told["object"], told["conversation"]["id"], told["summary"]) == ("conversation.export", made, None)
    assert [each["content"][0]["text"] for each in told["items"]] == [each["content"] for each in items] * 7
    empty = await talk("GET", f"/conversations/{await talk.conversation()}/export")
    assert empty["items"] == []


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"metadata": {"a": 1}}, "metadata.a"),
        ({"metadata": {"a" * 65: "x"}}, "metadata"),
        ({"metadata": {str(number): "x" for number in range(17)}}, "metadata"),
        ({"metadata": {"a": "x" * 513}}, "metadata.a"),
        ({"items": [{"role": "user", "content": "x"}] * 21}, "items"),
        ({"items": [{"role": "user"}]}, "items[0].content"),
        ({"items": [{"type": "image_generation_call"}]}, "items[0].type"),
        ({"items": [{"type": "function_call_output", "call_id": "x", "output": "y"}]}, "items[0].call_id"),
        ({"truncation": {"strategy": "forget"}}, "truncation.strategy"),
        ({"truncation": {"max_tokens": 1}}, "truncation.max_tokens"),
        ({"truncation": {"max_tokens": "100"}}, "truncation.max_tokens"),
        ({"other": 1}, "other"),
    ],
)
async def test_a_bad_conversation_is_refused_by_its_field(talk: Talk, body: Any, param: str) -> None:
    error = (await talk("POST", "/conversations", 400, body))["error"]
    assert error["param"] is not None
    assert error["param"].startswith(param)


async def test_recordings_are_not_kept(talk: Talk) -> None:
    part = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
    body = {"items": [{"role": "user", "content": [part]}]}
    assert (await talk("POST", "/conversations", 400, body))["error"]["param"] == "items"


async def test_what_is_not_there_is_a_404(talk: Talk) -> None:
    made = await talk.conversation()
    for method, path in (
        ("GET", "/conversations/conv_0"),
        ("GET", "/conversations/conv_0/export"),
        ("DELETE", "/conversations/conv_0"),
        ("GET", f"/conversations/{made}/items/msg_0"),
        ("DELETE", f"/conversations/{made}/items/msg_0"),
        ("GET", f"/conversations/{made}/items?after=msg_0"),
    ):
        await talk(method, path, 404)


async def test_anothers_is_not_there_until_it_is_shared(kitchen: Kitchen) -> None:
    made = await kitchen("ana", "POST", "/conversations", 200, {})
    path = f"/conversations/{made['id']}"
    message = {"items": [{"role": "user", "content": "Hi."}]}
    asked = {"model": "fake-llm", "messages": [{"role": "user", "content": "Hi."}], "conversation": made["id"]}
    for method, where, body in (("GET", path, None), ("POST", f"{path}/items", message), ("DELETE", path, None)):
        await kitchen("ben", method, where, 404, body)
    await kitchen("ben", "POST", "/chat/completions", 404, asked)
    assert (await kitchen("ben", "GET", "/conversations", 200))["data"] == []
    await kitchen.share("ana", "conversation", made["id"], "ben", "read")
    await kitchen("ben", "GET", f"{path}/items", 200)
    await kitchen("ben", "POST", "/chat/completions", 403, asked)
    await kitchen.share("ana", "conversation", made["id"], "ben", "write")
    await kitchen("ben", "POST", "/chat/completions", 200, asked)
    found = await kitchen("ana", "GET", f"{path}/items", 200)
    assert [each["role"] for each in found["data"]] == ["assistant", "user"]


async def test_a_key_that_may_only_chat_does_not_go_on_with_a_conversation(kitchen: Kitchen) -> None:
    made = await kitchen("ana", "POST", "/conversations", 200, {})
    key = await kitchen("ana", "POST", "/api-keys", 201, {"name": "chat", "scopes": ["llm:chat"]})
    asked = {"model": "fake-llm", "messages": [{"role": "user", "content": "Hi."}], "conversation": made["id"]}
    headers = {"authorization": f"Bearer {key['key']}"}
    async with kitchen.client("ana") as client:
        answer: httpx.Response = await client.post("/v1/chat/completions", json=asked, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "insufficient_scope")
        del asked["conversation"]
        assert (await client.post("/v1/chat/completions", json=asked, headers=headers)).status_code == 200


async def test_a_gateway_that_keeps_nothing_says_so(services: Services, client: httpx.AsyncClient) -> None:
    assert services.conversations is None
    asked = {"model": "fake-llm", "messages": [{"role": "user", "content": "Hi."}]}
    for field, value in (("conversation", "conv_1"), ("prompt", {"id": "pmt_1"})):
        answer = await client.post("/v1/chat/completions", json={**asked, field: value})
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, field)
