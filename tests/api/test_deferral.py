"""Requests that are answered later: accepted, run, and answered as they would have been at once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.clips import wav
from smartlite.api.app import create_app
from smartlite.api.in_process import InProcessGateway
from smartlite.api.services import Services
from smartlite.auth.noted import Actor
from smartlite.domain.limits import LimitKind, Quota
from smartlite.domain.metering import HistoryQuery
from smartlite.domain.pipelines import RunState
from tests.api.pipelined import Kitchen, a_kitchen, nobody
from tests.api.plain_means import FIXED
from tests.api.whole import a_whole_gateway

CHAT: dict[str, Any] = {"model": "fake-llm", "messages": [{"role": "user", "content": "Hello."}]}
SPEECH: dict[str, Any] = {"model": "fake-tts", "voice": "alloy", "input": "Hello.", "response_format": "wav"}
LATER = {"prefer": "respond-async"}


@pytest.fixture
async def kitchen(services: Services, tmp_path: Path) -> AsyncIterator[Kitchen]:
    async with a_kitchen(services, tmp_path) as kitchen:
        yield kitchen


async def later(kitchen: Kitchen, name: str, path: str, **sent: Any) -> httpx.Response:
    async with kitchen.client(name) as client:
        return await client.post(f"/v1{path}", headers=LATER, **sent)


async def result(kitchen: Kitchen, name: str, accepted: httpx.Response, reader: str | None = None) -> httpx.Response:
    assert accepted.status_code == 202, accepted.text
    await kitchen.works.runs.wait(accepted.json()["id"], 20)
    return await kitchen.ask(reader or name, "GET", f"{accepted.headers['location'].removeprefix('/v1')}/result")


async def test_an_answer_that_comes_later_is_the_one_that_would_have_come_at_once(
    kitchen: Kitchen, speech_wav: bytes
) -> None:
    form = {"files": {"file": ("a.wav", speech_wav)}}
    async with kitchen.client("zoe") as client:
        for path, sent in (
            ("/audio/transcriptions", {**form, "data": {"model": "whisper-1"}}),
            ("/audio/transcriptions", {**form, "data": {"model": "whisper-1", "response_format": "srt"}}),
            ("/audio/translations", {**form, "data": {"model": "whisper-1"}}),
            ("/audio/speech", {"json": SPEECH}),
            ("/embeddings", {"json": {"model": "fake-embedding", "input": "Hello."}}),
        ):
            at_once = await client.post(f"/v1{path}", **sent)
            found = await result(kitchen, "zoe", await later(kitchen, "zoe", path, **sent))
            assert (found.status_code, found.content) == (at_once.status_code, at_once.content), path
            assert found.headers["content-type"] == at_once.headers["content-type"]


async def test_what_is_accepted_is_a_run_whose_outputs_are_the_answer(kitchen: Kitchen) -> None:
    accepted = await later(kitchen, "zoe", "/chat/completions", json=CHAT)
    run = accepted.json()
    assert accepted.headers["location"] == f"/v1/runs/{run['id']}"
    assert accepted.headers["preference-applied"] == "respond-async"
    assert (run["pipeline"], run["state"]) == ("gateway.request", "queued")
    answer = (await result(kitchen, "zoe", accepted)).json()
    found = await kitchen("zoe", "GET", f"/runs/{run['id']}", 200)
    assert answer["object"] == "chat.completion"
    assert (found["state"], found["outputs"]["status"], found["outputs"]["body"]) == ("succeeded", 200, answer)
    body = await kitchen.ask("zoe", "GET", found["inputs"]["body"]["$media"]["url"].removeprefix("/v1"))
    assert body.json() == CHAT
    listed = await kitchen("zoe", "GET", "/runs?pipeline=gateway.request", 200)
    assert [each["id"] for each in listed["data"]] == [run["id"]]


async def test_whoever_waits_gets_the_answer_itself(kitchen: Kitchen) -> None:
    answer = await kitchen.ask("zoe", "POST", "/audio/speech", SPEECH, {"prefer": "respond-async, wait=20"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/wav")
    assert answer.headers["preference-applied"] == "wait=20"
    assert answer.content == (await kitchen.ask("zoe", "POST", "/audio/speech", SPEECH)).content
    assert answer.headers["location"].startswith("/v1/runs/run_")


async def test_while_it_runs_the_result_is_a_202_that_says_when_to_ask_again(kitchen: Kitchen) -> None:
    await kitchen.works.worker.close()
    accepted = await later(kitchen, "zoe", "/chat/completions", json=CHAT)
    path = f"/runs/{accepted.json()['id']}/result"
    found = await kitchen.ask("zoe", "GET", path)
    assert (found.status_code, found.headers["retry-after"], found.json()["state"]) == (202, "1", "queued")
    waiting = asyncio.create_task(kitchen.ask("zoe", "GET", path, headers={"prefer": "wait=20"}))
    kitchen.works.worker.begin()
    assert (await waiting).json()["object"] == "chat.completion"


@pytest.mark.parametrize(
    ("path", "body", "status", "param"),
    [
        ("/chat/completions", {**CHAT, "model": "nobody"}, 404, "model"),
        ("/chat/completions", {**CHAT, "temperature": 9}, 400, "temperature"),
        ("/chat/completions", {**CHAT, "stream": True}, 400, "stream"),
        ("/responses", {"model": "fake-llm", "input": "Hello.", "stream": True}, 400, "stream"),
        ("/audio/speech", {**SPEECH, "stream_format": "sse"}, 400, "stream"),
        ("/audio/speech", {**SPEECH, "voice": "nobody"}, 400, "voice"),
        ("/audio/speech", {**SPEECH, "input": ""}, 400, "input"),
        ("/embeddings", {"model": "fake-embedding", "input": []}, 400, "input"),
    ],
)
async def test_what_can_be_refused_is_refused_at_once(
    kitchen: Kitchen, path: str, body: dict[str, Any], status: int, param: str
) -> None:
    answer = await later(kitchen, "zoe", path, json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (status, param), answer.text
    assert await kitchen.works.blobs.list(kitchen.users["zoe"]) == []
    assert (await kitchen("zoe", "GET", "/runs", 200))["data"] == []


async def test_what_only_the_model_finds_out_is_the_answer_of_a_run_that_failed(kitchen: Kitchen) -> None:
    sent = {"files": {"file": ("a.wav", b"no audio")}, "data": {"model": "whisper-1"}}
    async with kitchen.client("zoe") as client:
        at_once = await client.post("/v1/audio/transcriptions", **sent)
    accepted = await later(kitchen, "zoe", "/audio/transcriptions", **sent)
    found = await result(kitchen, "zoe", accepted)
    assert (found.status_code, found.content) == (at_once.status_code, at_once.content)
    run = await kitchen("zoe", "GET", f"/runs/{accepted.json()['id']}", 200)
    assert (found.status_code, run["state"]) == (422, "failed")
    assert (run["error"]["code"], run["error"]["is_final"]) == ("audio_invalid", True)


async def test_a_large_recording_goes_in_whole(kitchen: Kitchen) -> None:
    sent = {"files": {"file": ("a.wav", wav(bytes(3_200_000), 16_000))}, "data": {"model": "whisper-1"}}
    accepted = await later(kitchen, "zoe", "/audio/transcriptions", **sent)
    assert accepted.json()["inputs"]["body"]["$media"]["size_bytes"] > 3_200_000
    assert (await result(kitchen, "zoe", accepted)).json()["usage"]["seconds"] == 100


async def test_it_needs_the_right_to_run_and_the_right_to_what_is_run(kitchen: Kitchen) -> None:
    for scopes in (["llm:chat"], ["pipelines:run"]):
        _, kitchen.platform.keys["narrow"] = await kitchen.platform.identity.add_key(
            Actor(None), kitchen.users["zoe"], "narrow", scopes
        )
        assert (await later(kitchen, "narrow", "/chat/completions", json=CHAT)).status_code == 403


async def test_whoever_may_not_any_more_is_not_answered(kitchen: Kitchen) -> None:
    await kitchen.works.worker.close()
    identity = kitchen.platform.identity
    accepted = {name: await later(kitchen, name, "/chat/completions", json=CHAT) for name in ("ana", "ben", "zoe")}
    await identity.change_user(Actor(None), kitchen.users["ana"], is_active=False)
    await identity.change_user(Actor(None), kitchen.users["ben"], role_names=["viewer"])
    kitchen.works.worker.begin()
    found = {name: await result(kitchen, name, each, "root") for name, each in accepted.items()}
    assert {name: each.status_code for name, each in found.items()} == {"ana": 401, "ben": 403, "zoe": 200}
    assert (await kitchen.works.runs.get(accepted["ben"].json()["id"])).state == RunState.FAILED


async def test_a_key_that_was_revoked_asks_for_nothing_more(kitchen: Kitchen) -> None:
    identity = kitchen.platform.identity
    key, kitchen.platform.keys["second"] = await identity.add_key(Actor(None), kitchen.users["zoe"], "second")
    await kitchen.works.worker.close()
    accepted = await later(kitchen, "second", "/chat/completions", json=CHAT)
    await identity.revoke_key(Actor(None), key.id)
    kitchen.works.worker.begin()
    assert (await result(kitchen, "zoe", accepted)).status_code == 401


async def test_a_replay_is_done_with_the_rights_of_the_key_that_asks_for_it(kitchen: Kitchen) -> None:
    accepted = await later(kitchen, "zoe", "/chat/completions", json=CHAT)
    await result(kitchen, "zoe", accepted)
    _, kitchen.platform.keys["narrow"] = await kitchen.platform.identity.add_key(
        Actor(None), kitchen.users["zoe"], "narrow", ["pipelines:run", "pipelines:read"]
    )
    path = f"/runs/{accepted.json()['id']}/replay?from=request"
    for name, status in (("narrow", 403), ("zoe", 200)):
        again = await kitchen.ask(name, "POST", path)
        assert (await result(kitchen, name, again)).status_code == status


async def test_what_was_used_is_in_the_history_once_under_the_run(kitchen: Kitchen) -> None:
    accepted = await later(kitchen, "zoe", "/chat/completions", json=CHAT)
    await result(kitchen, "zoe", accepted)
    await kitchen.platform.drain.read_all()
    page = await kitchen.platform.history.page(HistoryQuery(user_id=kitchen.users["zoe"]), None, 50)
    used = [record for record in page.items if record.usage]
    assert [(each.request_id, each.route) for each in used] == [(accepted.json()["id"], "/v1/chat/completions")]
    assert used[0].key_id is not None


async def test_when_too_many_wait_a_request_is_refused_and_its_body_is_gone(
    kitchen: Kitchen, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kitchen.works.worker.close()
    monkeypatch.setattr(kitchen.works.runs, "_most_of_user", 0)
    answer = await later(kitchen, "zoe", "/chat/completions", json=CHAT)
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "run_queue_full")
    assert await kitchen.works.blobs.list(kitchen.users["zoe"]) == []


async def test_a_run_that_is_cancelled_stops_the_engine_and_has_no_answer(
    build_services: Callable[..., Services], tmp_path: Path
) -> None:
    async with a_kitchen(build_services(llm={"latency_s": 60.0}), tmp_path) as kitchen:
        accepted = await later(kitchen, "zoe", "/chat/completions", json=CHAT)
        run_id = accepted.json()["id"]
        async for event in kitchen.works.runs.events(run_id):
            if event.type == "step.started":
                break
        await kitchen("zoe", "POST", f"/runs/{run_id}/cancel", 200)
        found = await result(kitchen, "zoe", accepted)
        assert (found.status_code, found.json()["error"]["code"]) == (409, "run_unanswered")


async def test_a_run_of_a_pipeline_has_no_such_result(kitchen: Kitchen) -> None:
    await kitchen("ana", "POST", "/pipelines", 201, FIXED)
    run = await kitchen.run("ana", "fixed")
    await kitchen("ana", "GET", f"/runs/{run['id']}/result", 404)


async def test_without_authentication_it_is_nobodys(kitchen: Kitchen, services: Services) -> None:
    kitchen.works.gateway = InProcessGateway(create_app(services), nobody, "gateway")
    transport = httpx.ASGITransport(kitchen.open_app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        headers = {"prefer": "respond-async, wait=20"}
        answer = await client.post("/v1/chat/completions", json=CHAT, headers=headers)
    assert (answer.status_code, answer.json()["object"]) == (200, "chat.completion")


async def test_sent_again_with_its_idempotency_key_it_is_the_same_run(services: Services, tmp_path: Path) -> None:
    async with a_whole_gateway(services, tmp_path) as whole:
        resident = await whole.add()
        headers = {**LATER, "authorization": f"Bearer {resident.key}", "idempotency-key": "once"}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(whole.app), base_url="http://gateway") as client:
            first, again = [await client.post("/v1/chat/completions", json=CHAT, headers=headers) for _ in range(2)]
        assert (first.status_code, again.status_code) == (202, 202)
        assert first.headers["location"] == again.headers["location"]


async def test_a_limit_is_taken_when_the_work_is_done_and_refuses_what_does_not_fit_now(kitchen: Kitchen) -> None:
    quota = Quota("", "user", kitchen.users["zoe"], LimitKind.CHARACTERS, 10)
    await kitchen.platform.quotas.put(Actor(None), quota)
    await kitchen.works.worker.close()
    first, second = [await later(kitchen, "zoe", "/audio/speech", json=SPEECH) for _ in range(2)]
    assert (first.status_code, second.status_code) == (202, 202)
    kitchen.works.worker.begin()
    await kitchen.works.runs.wait(first.json()["id"], 20)
    refused = await later(kitchen, "zoe", "/audio/speech", json=SPEECH)
    assert (refused.status_code, refused.headers["x-should-retry"]) == (429, "true")
