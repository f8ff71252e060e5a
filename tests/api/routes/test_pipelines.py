"""Pipelines over HTTP: versions that stay, a latest that moves, who finds whose by which name."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from smartlite.api.services import Services
from smartlite.domain.pipelines import MAX_DOCUMENT_BYTES
from tests.api.pipelined import Kitchen, a_kitchen
from tests.api.plain_means import GREETING

AGAIN = GREETING.replace("Hello", "Hi")


@pytest.fixture
async def kitchen(services: Services, tmp_path: Path) -> AsyncIterator[Kitchen]:
    async with a_kitchen(services, tmp_path) as kitchen:
        yield kitchen


async def test_a_pipeline_is_called_as_its_document_says_and_comes_back_as_it_was_written(kitchen: Kitchen) -> None:
    made = await kitchen("ana", "POST", "/pipelines", 201, GREETING)
    assert (made["pipeline"], made["version"], made["is_latest"]) == ("greeting", 1, True)
    assert made["created_by"] == kitchen.users["ana"]
    for reference in ("greeting", made["pipeline_id"]):
        found = await kitchen("ana", "GET", f"/pipelines/{reference}", 200)
        assert found["inputs"]["name"] == {"type": "string", "description": "", "required": True, "default": None}
        assert found["steps"] == [{"id": "greet", "uses": "text.template", "waits_for": []}]
    headers = {"accept": "application/yaml"}
    answer = await kitchen.ask("ana", "GET", "/pipelines/greeting/versions/latest", headers=headers)
    assert (answer.text, answer.headers["content-type"]) == (GREETING, "application/yaml")


async def test_json_is_a_document_too(kitchen: Kitchen) -> None:
    document = {"name": "plain", "steps": [{"id": "a", "uses": "text.template", "with": {"template": "x"}}]}
    async with kitchen.client("ana") as client:
        answer = await client.post("/v1/pipelines", json=document)
    assert (answer.status_code, answer.json()["pipeline"]) == (201, "plain")


async def test_another_text_is_a_new_version_and_the_same_text_is_none(kitchen: Kitchen) -> None:
    await kitchen("ana", "POST", "/pipelines", 201, GREETING)
    assert (await kitchen("ana", "PUT", "/pipelines/greeting", 201, AGAIN))["version"] == 2
    assert (await kitchen("ana", "PUT", "/pipelines/greeting", 200, AGAIN))["version"] == 2
    first = await kitchen("ana", "PUT", "/pipelines/greeting", 200, GREETING)
    assert (first["version"], first["is_latest"]) == (1, True)
    page = await kitchen("ana", "GET", "/pipelines/greeting/versions?limit=1", 200)
    assert [(each["version"], each["is_latest"]) for each in page["data"]] == [(2, False)]
    rest = await kitchen("ana", "GET", f"/pipelines/greeting/versions?after={page['next']}", 200)
    assert [each["version"] for each in rest["data"]] == [1]


async def test_the_latest_moves_back(kitchen: Kitchen) -> None:
    await kitchen("ana", "POST", "/pipelines", 201, GREETING)
    await kitchen("ana", "PUT", "/pipelines/greeting", 201, AGAIN)
    assert (await kitchen("ana", "POST", "/pipelines/greeting/latest", 200, {"version": 1}))["latest"] == 1
    assert (await kitchen("ana", "GET", "/pipelines/greeting/versions/latest", 200))["source"] == GREETING
    await kitchen("ana", "POST", "/pipelines/greeting/latest", 404, {"version": 3})


async def test_versions_are_compared_as_texts_and_as_documents(kitchen: Kitchen) -> None:
    await kitchen("ana", "POST", "/pipelines", 201, GREETING)
    await kitchen("ana", "PUT", "/pipelines/greeting", 201, AGAIN)
    found = await kitchen("ana", "GET", "/pipelines/greeting/diff?from=1&to=2", 200)
    assert found["steps"] == {"added": [], "removed": [], "changed": {"greet": ["with.template"]}}
    assert '-    with: {template: "Hello' in found["text"]
    assert found == await kitchen("ana", "GET", "/pipelines/greeting/diff", 200)
    await kitchen("ana", "GET", "/pipelines/greeting/diff?from=3", 404)


async def test_a_pipeline_is_drawn_as_text_and_as_a_picture_that_can_do_nothing(kitchen: Kitchen) -> None:
    text = await kitchen.ask("ana", "GET", "/pipelines/captions/graph")
    assert text.text.startswith("flowchart TD")
    picture = await kitchen.ask("ana", "GET", "/pipelines/captions/graph?format=svg&version=1")
    assert picture.headers["content-type"] == "image/svg+xml"
    assert "default-src 'none'" in picture.headers["content-security-policy"]
    await kitchen("ana", "GET", "/pipelines/captions/graph?format=png", 400)


async def test_everybody_finds_what_ships_and_nobody_changes_it(kitchen: Kitchen) -> None:
    found = await kitchen("zoe", "GET", "/pipelines/captions", 200)
    assert (found["is_built_in"], found["owner_id"]) == (True, None)
    assert found["id"] == (await kitchen("zoe", "GET", "/pipelines/builtin:captions", 200))["id"]
    named = GREETING.replace("name: greeting", "name: captions", 1)
    for name in ("ana", "root"):
        await kitchen(name, "PUT", "/pipelines/captions", 403, named)
        await kitchen(name, "DELETE", "/pipelines/captions", 403)
        await kitchen(name, "POST", "/pipelines/captions/latest", 403, {"version": 1})
    await kitchen("ana", "POST", "/pipelines", 201, named)
    assert not (await kitchen("ana", "GET", "/pipelines/captions", 200))["is_built_in"]
    assert (await kitchen("zoe", "GET", "/pipelines/captions", 200))["is_built_in"]


async def test_two_owners_have_pipelines_of_one_name_and_one_owner_has_not(kitchen: Kitchen) -> None:
    await kitchen("ana", "POST", "/pipelines", 201, GREETING)
    refused = await kitchen("ana", "POST", "/pipelines", 400, AGAIN)
    assert (refused["error"]["code"], refused["error"]["param"]) == ("already_exists", "name")
    await kitchen("ben", "POST", "/pipelines", 201, AGAIN)
    assert (await kitchen("ben", "GET", "/pipelines/greeting/versions/1", 200))["source"] == AGAIN


async def test_what_is_shared_is_found_by_its_id_and_listed_and_changed_where_it_may_be(kitchen: Kitchen) -> None:
    pipeline_id = (await kitchen("ana", "POST", "/pipelines", 201, GREETING))["pipeline_id"]
    await kitchen("ben", "GET", f"/pipelines/{pipeline_id}", 404)
    await kitchen.share("ana", "pipeline", pipeline_id, "ben", "read")
    await kitchen("ben", "GET", f"/pipelines/{pipeline_id}", 200)
    await kitchen("ben", "PUT", f"/pipelines/{pipeline_id}", 403, AGAIN)
    assert pipeline_id in [each["id"] for each in (await kitchen("ben", "GET", "/pipelines", 200))["data"]]
    await kitchen.share("ana", "pipeline", pipeline_id, "ben", "write")
    assert (await kitchen("ben", "PUT", f"/pipelines/{pipeline_id}", 201, AGAIN))["created_by"] == kitchen.users["ben"]
    listed = (await kitchen("zoe", "GET", "/pipelines", 200))["data"]
    assert all(each["is_built_in"] for each in listed)


async def test_a_pipeline_that_is_removed_is_gone_and_its_name_is_free(kitchen: Kitchen) -> None:
    await kitchen("ana", "POST", "/pipelines", 201, GREETING)
    await kitchen("ana", "DELETE", "/pipelines/greeting", 204)
    await kitchen("ana", "GET", "/pipelines/greeting", 404)
    await kitchen("ana", "POST", "/pipelines", 201, GREETING)


@pytest.mark.parametrize(
    ("document", "headers", "status", "code"),
    [
        ("name: x\nsteps: []\n", {}, 400, "pipeline_invalid"),
        (GREETING.replace("text.template", "text.templat"), {}, 400, "pipeline_invalid"),
        (GREETING.replace("name: greeting", "name: schema", 1), {}, 400, "invalid_value"),
        ("\0", {}, 400, "invalid_value"),
        (b"\xff", {}, 400, "invalid_value"),
        ("#" * (MAX_DOCUMENT_BYTES + 1), {}, 413, "request_too_large"),
        (GREETING, {"content-type": "text/plain"}, 415, "unsupported_media_type"),
    ],
    ids=("empty", "unknown step", "reserved name", "NUL", "no UTF-8", "too long", "no YAML"),
)
async def test_a_document_that_is_wrong_is_refused(
    kitchen: Kitchen, document: Any, headers: dict[str, str], status: int, code: str
) -> None:
    answer = await kitchen.ask("ana", "POST", "/pipelines", document, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_a_version_keeps_the_name_of_its_pipeline(kitchen: Kitchen) -> None:
    await kitchen("ana", "POST", "/pipelines", 201, GREETING)
    refused = await kitchen("ana", "PUT", "/pipelines/greeting", 400, GREETING.replace("greeting", "other"))
    assert "called 'other'" in refused["error"]["message"]


async def test_a_document_that_names_a_model_that_is_not_served_is_refused(kitchen: Kitchen) -> None:
    document = "name: x\ninputs:\n  q: {type: string}\nsteps:\n  - id: a\n    uses: llm.chat\n"
    document += "    with: {prompt: '${{ inputs.q }}', model: %s}\n"
    refused = await kitchen("ana", "POST", "/pipelines", 400, document % "no-such")
    assert "line 7" in refused["error"]["message"]
    await kitchen("ana", "POST", "/pipelines", 201, document % "gpt-4o-mini")


async def test_the_schema_takes_what_ships(kitchen: Kitchen) -> None:
    schema = await kitchen("zoe", "GET", "/pipelines/schema", 200)
    assert schema["title"] == "SmartLite pipeline"


async def test_without_authentication_pipelines_are_nobodys(kitchen: Kitchen) -> None:
    transport = httpx.ASGITransport(kitchen.open_app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        headers = {"content-type": "text/yaml"}
        made = await client.post("/v1/pipelines", content=GREETING, headers=headers)
        assert made.json()["created_by"] is None
        found = await client.get("/v1/pipelines/greeting")
        missing = await client.get("/v1/pipelines/nothing")
    assert (found.json()["owner_id"], missing.status_code) == (None, 404)


async def test_whoever_changes_a_pipeline_is_in_the_audit_log(kitchen: Kitchen) -> None:
    made = await kitchen("ana", "POST", "/pipelines", 201, GREETING)
    for source, status in ((GREETING, 200), (AGAIN, 201), (GREETING, 200)):
        await kitchen("ana", "PUT", "/pipelines/greeting", status, source)
    await kitchen("ana", "POST", "/pipelines/greeting/latest", 200, {"version": 2})
    await kitchen("ana", "DELETE", "/pipelines/greeting", 204)
    entries = (await kitchen("root", "GET", "/audit?limit=200", 200))["data"]
    noted = [entry for entry in reversed(entries) if entry["target_id"] == made["pipeline_id"]]
    assert [(entry["action"], entry["details"].get("version")) for entry in noted] == [
        ("pipeline.add", None),
        ("pipeline.add_version", 2),
        ("pipeline.set_latest", 1),
        ("pipeline.set_latest", 2),
        ("pipeline.remove", None),
    ]
    assert {entry["actor_id"] for entry in noted} == {kitchen.users["ana"]}
