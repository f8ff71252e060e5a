"""Lines of a batch are answered with the rights of whoever made it, as they are by then; and recorded as theirs."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from smartlite.api.services import Services
from tests.api.batched import ENDED, LONG_S, lines
from tests.api.pipelined import Kitchen, a_kitchen

CHAT = "/v1/chat/completions"


@pytest.fixture
async def kitchen(services: Services, tmp_path: Path) -> AsyncIterator[Kitchen]:
    async with a_kitchen(services, tmp_path) as kitchen:
        yield kitchen


def chat(model: str = "fake-llm") -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "Hello."}]}


async def begun(client: httpx.AsyncClient, url: str, *bodies: dict[str, Any], status: int = 200) -> Any:
    form: dict[str, Any] = {"data": {"purpose": "batch"}, "files": {"file": ("a.jsonl", lines(url, *bodies))}}
    file = (await client.post("/v1/files", **form)).json()["id"]
    asked = {"input_file_id": file, "endpoint": url, "completion_window": "24h"}
    answer = await client.post("/v1/batches", json=asked)
    assert answer.status_code == status, answer.text
    return answer.json()


async def ended(client: httpx.AsyncClient, batch: Any) -> Any:
    async with asyncio.timeout(LONG_S):
        while batch["status"] not in ENDED:
            await asyncio.sleep(0.02)
            batch = (await client.get(f"/v1/batches/{batch['id']}")).json()
    return batch


async def test_a_line_is_an_entry_of_its_users_history(kitchen: Kitchen) -> None:
    async with kitchen.client("ana") as ana:
        batch = await begun(ana, CHAT, chat())
        kitchen.works.batch_worker.begin()
        assert (await ended(ana, batch))["request_counts"]["completed"] == 1
        await kitchen.platform.drain.read_all()
        found = (await ana.get("/v1/requests")).json()["data"]
    line = f"{batch['id'].replace('batch_', 'batch_req_')}_1"
    assert [each["route"] for each in found if each["request_id"] == line] == [CHAT]


async def test_a_batch_of_somebody_who_is_kept_out_fails(kitchen: Kitchen) -> None:
    async with kitchen.client("ana") as ana:
        batch = await begun(ana, CHAT, chat(), chat())
    await kitchen("root", "PATCH", f"/users/{kitchen.users['ana']}", 200, {"is_active": False})
    kitchen.works.batch_worker.begin()
    async with kitchen.client("root") as root:
        found = await ended(root, batch)
    assert (found["status"], found["errors"]["data"][0]["code"]) == ("failed", "user_inactive")


async def test_a_key_for_one_model_asks_no_other_in_a_batch(kitchen: Kitchen) -> None:
    scopes = ["files:write", "files:read", "batches:write", "batches:read", "llm:chat:other-llm"]
    key = await kitchen("ana", "POST", "/api-keys", 201, {"name": "narrow", "scopes": scopes})
    async with kitchen.client("ana") as ana:
        ana.headers["authorization"] = f"Bearer {key['key']}"
        batch = await begun(ana, CHAT, chat())
        kitchen.works.batch_worker.begin()
        found = await ended(ana, batch)
        told = (await ana.get(f"/v1/files/{found['error_file_id']}/content")).json()
    assert told["response"]["status_code"] == 403


KEEPING = """name: keeping
inputs:
  media: {type: file}
steps:
  - id: greet
    uses: text.template
    with: {template: "Hello"}
outputs:
  media: ${{ inputs.media }}
"""


async def test_a_file_that_is_kept_is_an_input_of_a_run(kitchen: Kitchen) -> None:
    file = await kitchen.works.add_file(kitchen.users["ana"])
    await kitchen("ana", "POST", "/pipelines", 201, KEEPING)
    run = await kitchen.run("ana", "keeping", media={"file_id": file})
    address = run["outputs"]["media"]["$media"]["url"].removeprefix("/v1")
    assert (await kitchen.ask("ana", "GET", address)).content == b"{}"
    other = await kitchen.works.add_file(kitchen.users["ben"])
    await kitchen("ana", "POST", "/pipelines/keeping/runs", 404, {"inputs": {"media": {"file_id": other}}})


async def test_a_batch_needs_the_right_to_what_its_lines_ask(kitchen: Kitchen) -> None:
    scopes = ["files:write", "batches:write", "llm:embed"]
    key = await kitchen("ana", "POST", "/api-keys", 201, {"name": "narrow", "scopes": scopes})
    async with kitchen.client("ana") as ana:
        ana.headers["authorization"] = f"Bearer {key['key']}"
        assert (await begun(ana, CHAT, chat(), status=403))["error"]["code"] == "insufficient_scope"
