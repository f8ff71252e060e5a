"""Who may run, see and replay what: shares, and the rights that steps need beside the right to run."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from smartlite.api.services import Services
from smartlite.auth.noted import Actor
from tests.api.pipelined import Kitchen, a_kitchen
from tests.api.plain_means import ASSISTED, GREETING


@pytest.fixture
async def kitchen(services: Services, tmp_path: Path) -> AsyncIterator[Kitchen]:
    async with a_kitchen(services, tmp_path) as kitchen:
        await kitchen("ana", "POST", "/pipelines", 201, GREETING)
        yield kitchen


async def test_a_run_that_is_shared_is_read_and_not_replayed(kitchen: Kitchen) -> None:
    run = await kitchen.run("ana", "greeting", name="Eva")
    await kitchen("ben", "GET", f"/runs/{run['id']}", 404)
    await kitchen.share("ana", "run", run["id"], "ben", "read")
    await kitchen("ben", "GET", f"/runs/{run['id']}", 200)
    await kitchen("ben", "POST", f"/runs/{run['id']}/cancel", 403)
    await kitchen.share("ana", "run", run["id"], "ben", "write")
    await kitchen("ben", "POST", f"/runs/{run['id']}/cancel", 200)
    await kitchen("ben", "POST", f"/runs/{run['id']}/replay", 403)


async def test_a_pipeline_that_is_shared_runs_as_whoever_runs_it(kitchen: Kitchen) -> None:
    pipeline_id = (await kitchen("ana", "GET", "/pipelines/greeting", 200))["id"]
    await kitchen("zoe", "POST", f"/pipelines/{pipeline_id}/runs", 404, {"inputs": {"name": "Eva"}})
    await kitchen.share("ana", "pipeline", pipeline_id, "zoe", "read")
    run = await kitchen.run("zoe", pipeline_id, name="Eva")
    assert run["user_id"] == kitchen.users["zoe"]
    await kitchen("ana", "GET", f"/runs/{run['id']}", 404)


@pytest.mark.parametrize(
    ("scopes", "model", "status"),
    [
        (("pipelines:run",), "gpt-4o-mini", 403),
        (("pipelines:run", "llm:chat"), "gpt-4o-mini", 202),
        (("pipelines:run", "llm:chat:fake-llm"), "gpt-4o-mini", 202),
        (("pipelines:run", "llm:chat:other"), "gpt-4o-mini", 403),
        (("pipelines:run", "llm:chat:fake-llm"), '"${{ inputs.model }}"', 403),
        (("pipelines:run", "llm:chat"), '"${{ inputs.model }}"', 202),
        (("pipelines:read", "llm:chat"), "gpt-4o-mini", 403),
    ],
)
async def test_what_the_steps_do_needs_the_rights_that_the_same_requests_need(
    kitchen: Kitchen, scopes: tuple[str, ...], model: str, status: int
) -> None:
    await kitchen("ana", "POST", "/pipelines", 201, ASSISTED % model)
    identity, user_id = kitchen.platform.identity, kitchen.users["ana"]
    _, kitchen.platform.keys["narrow"] = await identity.add_key(Actor(None), user_id, "narrow", frozenset(scopes))
    await kitchen("narrow", "POST", "/pipelines/assisted/runs", status, {"inputs": {"question": "Hello."}})


async def test_running_another_pipeline_needs_every_right(kitchen: Kitchen) -> None:
    outer = "name: outer\nsteps:\n  - id: inner\n    uses: pipeline.run\n    with:\n      pipeline: greeting\n"
    await kitchen("ana", "POST", "/pipelines", 201, outer + "      inputs: {name: Eva}\n")
    assert (await kitchen.run("ana", "outer"))["outputs"] == {"inner": {"text": "Hello Eva"}}
    identity, user_id = kitchen.platform.identity, kitchen.users["ana"]
    scopes = frozenset({"pipelines:run", "llm:chat"})
    _, kitchen.platform.keys["narrow"] = await identity.add_key(Actor(None), user_id, "narrow", scopes)
    await kitchen("narrow", "POST", "/pipelines/outer/runs", 403, {})
