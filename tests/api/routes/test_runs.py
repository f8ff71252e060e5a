"""Runs over HTTP: started in every way, waited for, followed, cancelled, replayed, listed."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.clips import wav
from smartlite.api.services import Services
from smartlite.domain.pipelines import RunState
from tests.api.pipelined import Kitchen, a_kitchen
from tests.api.plain_means import ASSISTED, GREETING

TWO = """name: two
inputs:
  word: {type: string}
steps:
  - id: first
    uses: text.template
    with: {template: "{{ w }}!", vars: {w: "${{ inputs.word }}"}}
  - id: second
    uses: text.template
    with: {template: "%s {{ w }}", vars: {w: "${{ steps.first.output }}"}}
outputs:
  text: ${{ steps.second.output }}
"""
WAIT = {"prefer": "wait=20"}


@pytest.fixture
async def kitchen(services: Services, tmp_path: Path) -> AsyncIterator[Kitchen]:
    async with a_kitchen(services, tmp_path) as kitchen:
        await kitchen("ana", "POST", "/pipelines", 201, GREETING)
        yield kitchen


def events_of(answer: httpx.Response) -> list[tuple[str, str | None, Any]]:
    """Each as its name, its id and its data."""
    found = []
    for block in answer.text.strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines())
        found.append((lines["event"], lines.get("id"), json.loads(lines["data"])))
    return found


async def upload(kitchen: Kitchen, name: str, pipeline: str, **form: Any) -> httpx.Response:
    async with kitchen.client(name) as client:
        return await client.post(f"/v1/pipelines/{pipeline}/runs", headers=WAIT, **form)


async def test_a_run_is_accepted_at_once_and_found_where_the_answer_says(kitchen: Kitchen) -> None:
    answer = await kitchen.ask("ana", "POST", "/pipelines/greeting/runs", {"inputs": {"name": "Eva"}})
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")
    assert "preference-applied" not in answer.headers
    await kitchen.works.runs.wait(answer.json()["id"], 20)
    found = await kitchen("ana", "GET", answer.headers["location"].removeprefix("/v1"), 200)
    assert (found["state"], found["outputs"], found["version"]) == ("succeeded", {"text": "Hello Eva"}, 1)
    assert [(each["step"], each["item"], each["state"]) for each in found["steps"]] == [("greet", None, "succeeded")]
    assert found["attempts"][0]["number"] == 1
    assert found["ran_s"] > 0


async def test_whoever_waits_gets_the_result_and_is_told_for_how_long_it_was_waited(kitchen: Kitchen) -> None:
    headers = {"prefer": "respond-async, wait=999; x=y"}
    body = {"inputs": {"name": "Eva"}}
    answer = await kitchen.ask("ana", "POST", "/pipelines/greeting/runs", body, headers=headers)
    assert (answer.status_code, answer.json()["outputs"]) == (200, {"text": "Hello Eva"})
    assert answer.headers["preference-applied"] == "wait=300"


async def test_a_run_that_is_not_ready_in_time_goes_on(kitchen: Kitchen) -> None:
    await kitchen.works.worker.close()
    body = {"inputs": {"name": "Eva"}}
    answer = await kitchen.ask("ana", "POST", "/pipelines/greeting/runs", body, headers={"prefer": "wait=1"})
    assert (answer.status_code, answer.headers["preference-applied"]) == (202, "wait=1")
    kitchen.works.worker.begin()
    assert (await kitchen.works.runs.wait(answer.json()["id"], 20)).state == RunState.SUCCEEDED


async def test_a_recording_goes_in_as_a_form_and_comes_back_with_speech(kitchen: Kitchen, speech_wav: bytes) -> None:
    answer = await upload(
        kitchen,
        "zoe",
        "voice-assistant",
        files={"audio": ("q.WAV", speech_wav, "audio/wav")},
        data={"inputs": '{"language": "en"}'},
    )
    run = answer.json()
    assert answer.status_code == 200, answer.text
    asked, said = run["inputs"]["audio"]["$media"], run["outputs"]["audio"]["$media"]
    assert asked["key"] == f"media/runs/{run['id']}/inputs/audio.wav"
    for media, content_type in ((asked, "audio/wav"), (said, "audio/mpeg")):
        bytes_of = await kitchen.ask("zoe", "GET", media["url"].removeprefix("/v1"))
        assert (bytes_of.status_code, bytes_of.headers["content-type"]) == (200, content_type)
        assert bytes_of.headers["content-disposition"].startswith("attachment")
        assert bytes_of.headers["x-content-type-options"] == "nosniff"
        assert len(bytes_of.content) == media["size_bytes"]
    assert (await kitchen.ask("ana", "GET", said["url"].removeprefix("/v1"))).status_code == 404


async def test_a_large_file_goes_in_whole_and_comes_back_so(kitchen: Kitchen) -> None:
    recording = wav(bytes(9_600_000), 16_000)
    run = (await upload(kitchen, "zoe", "captions", files={"media": ("a.wav", recording)})).json()
    media = run["inputs"]["media"]["$media"]
    found = await kitchen.ask("zoe", "GET", media["url"].removeprefix("/v1"))
    assert (run["state"], media["size_bytes"]) == ("succeeded", len(recording))
    assert found.content == recording


async def test_media_of_one_run_are_the_input_of_another_of_the_same_user_only(
    kitchen: Kitchen, speech_wav: bytes
) -> None:
    first = (await upload(kitchen, "zoe", "captions", files={"media": ("a.wav", speech_wav)})).json()
    media = first["inputs"]["media"]
    again = await kitchen.run("zoe", "captions", media=media)
    assert again["outputs"] == first["outputs"]
    theirs = await kitchen.run("ana", "captions", media=media)
    assert (theirs["state"], theirs["error"]["code"]) == ("failed", "not_found")


@pytest.mark.parametrize(
    ("form", "param"),
    [
        ({"files": {"sound": ("a.wav", b"RIFF")}}, "inputs.sound"),
        ({"files": {"language": ("a.wav", b"RIFF")}}, "inputs.language"),
        ({"files": {"audio": ("a.wav", b"")}}, "inputs.audio"),
        ({"files": {"audio": ("a.wav", b"RIFF")}, "data": {"inputs": '{"audio": {"$media": {}}}'}}, "inputs.audio"),
        ({"files": {"audio": ("a.wav", b"RIFF")}, "data": {"inputs": "[]"}}, "inputs"),
        ({"files": {"audio": ("a.wav", b"RIFF")}, "data": {"language": "en"}}, "language"),
        ({"files": {"audio": ("a.wav", b"RIFF")}, "data": {"version": "new"}}, "version"),
    ],
)
async def test_a_form_that_the_pipeline_cannot_take_is_refused_and_leaves_nothing(
    kitchen: Kitchen, form: dict[str, Any], param: str
) -> None:
    answer = await upload(kitchen, "ana", "voice-assistant", **form)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    assert await kitchen.works.blobs.list(kitchen.users["ana"]) == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"inputs": {"name": 7}}, 400),
        ({"inputs": {"name": "Eva", "age": 7}}, 400),
        ({"inputs": {"name": "Eva"}, "priority": 11}, 400),
        ({"inputs": {"name": "Eva"}, "priority": 1}, 403),
        ({"inputs": {"name": "Eva"}, "version": 2}, 404),
        ({"inputs": {"name": "Eva"}, "steps": []}, 400),
    ],
)
async def test_what_cannot_be_run_is_refused(kitchen: Kitchen, body: Any, status: int) -> None:
    await kitchen("ana", "POST", "/pipelines/greeting/runs", status, body)


async def test_a_stream_tells_the_run_then_every_event_with_its_number_then_what_came_of_it(kitchen: Kitchen) -> None:
    body = {"inputs": {"name": "Eva"}, "stream": True}
    answer = await kitchen.ask("ana", "POST", "/pipelines/greeting/runs", body)
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = events_of(answer)
    names = ["run", "run.started", "step.started", "step.succeeded", "run.succeeded", "run.result"]
    assert [name for name, _, _ in events] == names
    assert [number for _, number, _ in events] == [None, "1", "2", "3", "4", None]
    assert events[-1][2]["run"]["outputs"] == {"text": "Hello Eva"}


async def test_a_stream_tells_the_words_of_a_model_as_they_come(kitchen: Kitchen) -> None:
    await kitchen("ana", "POST", "/pipelines", 201, ASSISTED % "gpt-4o-mini")
    body = {"inputs": {"question": "Hello."}, "stream": True}
    events = events_of(await kitchen.ask("ana", "POST", "/pipelines/assisted/runs", body))
    text = "".join(data["data"]["text"] for name, _, data in events if name == "step.delta")
    assert text.strip() == events[-1][2]["run"]["outputs"]["answer"].strip() != ""


async def test_whoever_comes_back_gets_what_they_have_not_seen(kitchen: Kitchen) -> None:
    run = await kitchen.run("ana", "greeting", name="Eva")
    path = f"/runs/{run['id']}/events"
    by_header = events_of(await kitchen.ask("ana", "GET", path, headers={"last-event-id": "3"}))
    by_query = events_of(await kitchen.ask("ana", "GET", f"{path}?after=3"))
    assert [name for name, _, _ in by_header] == ["run", "run.succeeded", "run.result"]
    assert by_header == by_query
    assert (await kitchen.ask("ana", "GET", path, headers={"last-event-id": "x"})).status_code == 400


async def test_events_come_while_the_run_goes_on(kitchen: Kitchen) -> None:
    await kitchen.works.worker.close()
    answer = await kitchen.ask("ana", "POST", "/pipelines/greeting/runs", {"inputs": {"name": "Eva"}})
    following = asyncio.create_task(kitchen.ask("ana", "GET", f"/runs/{answer.json()['id']}/events"))
    await asyncio.sleep(0)
    kitchen.works.worker.begin()
    assert [name for name, _, _ in events_of(await following)][-2:] == ["run.succeeded", "run.result"]


async def test_a_run_that_waits_is_cancelled_at_once_and_one_that_ended_stays(kitchen: Kitchen) -> None:
    ended = await kitchen.run("ana", "greeting", name="Eva")
    assert (await kitchen("ana", "POST", f"/runs/{ended['id']}/cancel", 200))["state"] == "succeeded"
    await kitchen.works.worker.close()
    waits = await kitchen("ana", "POST", "/pipelines/greeting/runs", 202, {"inputs": {"name": "Eva"}})
    cancelled = await kitchen("ana", "POST", f"/runs/{waits['id']}/cancel", 200)
    assert (cancelled["state"], cancelled["cancel_requested"]) == ("cancelled", True)


async def test_a_replay_takes_over_what_came_before_on_the_same_and_on_another_version(kitchen: Kitchen) -> None:
    await kitchen("ana", "POST", "/pipelines", 201, TWO % "Say")
    run = await kitchen.run("ana", "two", word="hey")
    await kitchen("ana", "PUT", "/pipelines/two", 201, TWO % "Cry")
    for query, text, version in (("from=second", "Say hey!", 1), ("from=second&version=2", "Cry hey!", 2)):
        answer = await kitchen.ask("ana", "POST", f"/runs/{run['id']}/replay?{query}", headers=WAIT)
        again = answer.json()
        assert (again["outputs"], again["version"], again["replay_of"]) == ({"text": text}, version, run["id"])
        steps = (await kitchen("ana", "GET", f"/runs/{again['id']}/steps", 200))["data"]
        assert [(each["step"], each["output"]) for each in steps] == [("first", "hey!"), ("second", text)]
        names = [data["data"].get("step") for _, _, data in await _events(kitchen, again["id"])]
        assert "first" not in names
    await kitchen("ana", "POST", f"/runs/{run['id']}/replay?from=third", 400)


async def _events(kitchen: Kitchen, run_id: str) -> list[tuple[str, str | None, Any]]:
    found = events_of(await kitchen.ask("ana", "GET", f"/runs/{run_id}/events"))
    return [event for event in found if event[1] is not None]


async def test_lists_are_by_state_pipeline_user_and_time(kitchen: Kitchen) -> None:
    run = await kitchen.run("ana", "greeting", name="Eva")
    other = await kitchen.run("ben", "captions", media={"$media": {"key": "a", "content_type": "b/c", "size_bytes": 1}})
    found = {
        query: [each["id"] for each in (await kitchen(name, "GET", f"/runs{query}", 200))["data"]]
        for name, query in (
            ("ana", ""),
            ("ben", "?state=failed&state=cancelled"),
            ("ben", "?state=succeeded"),
            ("ana", "?pipeline=greeting"),
            ("ana", "?pipeline=captions"),
            ("ana", f"?until={run['created_at']}"),
            ("ana", f"?since={run['created_at']}"),
            ("root", "?limit=2"),
            ("root", f"?user_id={kitchen.users['ben']}"),
        )
    }
    mine, theirs = [run["id"]], [other["id"]]
    assert list(found.values()) == [mine, theirs, [], mine, [], [], mine, [*theirs, *mine], theirs]
    await kitchen("ana", "GET", f"/runs?user_id={kitchen.users['ben']}", 404)
    await kitchen("ana", "GET", "/runs?organization_id=org_1", 404)
    await kitchen("ana", "GET", "/runs?since=2026-01-01T00:00:00", 400)


async def test_a_run_outlives_its_pipeline(kitchen: Kitchen) -> None:
    run = await kitchen.run("ana", "greeting", name="Eva")
    await kitchen("ana", "DELETE", "/pipelines/greeting", 204)
    again = await kitchen.ask("ana", "POST", f"/runs/{run['id']}/replay?from=greet", headers=WAIT)
    assert again.json()["outputs"] == {"text": "Hello Eva"}
    assert len((await kitchen("ana", "GET", f"/runs?pipeline={run['pipeline_id']}", 200))["data"]) == 2


async def test_a_run_is_drawn_over_time(kitchen: Kitchen) -> None:
    run = await kitchen.run("ana", "greeting", name="Eva")
    answer = await kitchen.ask("ana", "GET", f"/runs/{run['id']}/timeline.svg")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert ">greet<" in answer.text


async def test_when_too_many_wait_a_run_is_refused_and_its_files_are_gone(
    kitchen: Kitchen, speech_wav: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    await kitchen.works.worker.close()
    monkeypatch.setattr(kitchen.works.runs, "_most_of_user", 1)
    await kitchen("ana", "POST", "/pipelines/greeting/runs", 202, {"inputs": {"name": "Eva"}})
    answer = await upload(kitchen, "ana", "captions", files={"media": ("a.wav", speech_wav)})
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "run_queue_full")
    assert await kitchen.works.blobs.list(kitchen.users["ana"]) == []


async def test_without_authentication_runs_are_nobodys(kitchen: Kitchen) -> None:
    transport = httpx.ASGITransport(kitchen.open_app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        body = {"inputs": {"media": {"$media": {"key": "a", "content_type": "b/c", "size_bytes": 1}}}, "priority": 9}
        answer = await client.post("/v1/pipelines/captions/runs", json=body)
        assert (answer.status_code, answer.json()["user_id"]) == (202, None)
        listed = await client.get("/v1/runs")
    assert [each["id"] for each in listed.json()["data"]] == [answer.json()["id"]]


async def test_whoever_cancels_anothers_run_is_in_the_audit_log(kitchen: Kitchen) -> None:
    await kitchen.works.worker.close()
    runs = []
    for _ in range(2):
        body = {"inputs": {"name": "Eva"}}
        runs.append((await kitchen.ask("ana", "POST", "/pipelines/greeting/runs", body)).json()["id"])
    await kitchen("ana", "POST", f"/runs/{runs[0]}/cancel", 200)
    for _ in range(2):
        await kitchen("root", "POST", f"/runs/{runs[1]}/cancel", 200)
    entries = (await kitchen("root", "GET", "/audit?limit=200", 200))["data"]
    noted = [(entry["action"], entry["target_id"]) for entry in entries if entry["target_kind"] == "run"]
    assert noted == [("run.cancel", runs[1])]
