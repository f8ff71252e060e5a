"""Media of runs: parts of them, whose they are, and which a run shows. What a value names proves nothing."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from smartlite.api.run_media import content_type_in
from smartlite.api.services import Services
from smartlite.domain.pipelines import Run, RunState, StepRun, StepState
from tests.api.pipelined import Kitchen, a_kitchen
from tests.storage.rows import NOON

RUN = Run("run_2", "pl_1", "p", 1, "user_1", None, {}, RunState.SUCCEEDED, NOON)


@pytest.fixture
async def kitchen(services: Services, tmp_path: Path) -> AsyncIterator[Kitchen]:
    async with a_kitchen(services, tmp_path) as kitchen:
        yield kitchen


def media(key: str, content_type: str = "audio/wav") -> dict[str, Any]:
    return {"$media": {"key": key, "content_type": content_type, "size_bytes": 1}}


async def test_a_part_of_a_file_is_had_without_the_rest(kitchen: Kitchen) -> None:
    run_id, place = await kitchen.works.add_run(kitchen.users["zoe"])
    path = f"/runs/{run_id}/media/{place}"
    part = await kitchen.ask("zoe", "GET", path, headers={"range": "bytes=1-3"})
    assert (part.status_code, part.content, part.headers["content-range"]) == (206, b"ell", "bytes 1-3/6")
    assert part.headers["content-disposition"].startswith("attachment")
    beyond = await kitchen.ask("zoe", "GET", path, headers={"range": "bytes=6-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, "bytes */6")
    assert beyond.json()["error"]["code"] == "range_not_satisfiable"


@pytest.mark.parametrize(
    "forge",
    [
        "media/runs/{run_id}/inputs/a.txt",
        "media/../../{user_id}/media/runs/{run_id}/inputs/a.txt",
        "../{user_id}/media/runs/{run_id}/inputs/a.txt",
        "tenants/{user_id}/media/runs/{run_id}/inputs/a.txt",
        "media/./runs/{run_id}/inputs/a.txt",
        "idempotency/x",
    ],
)
async def test_a_value_that_names_anothers_file_opens_nothing(kitchen: Kitchen, forge: str) -> None:
    run_id, _ = await kitchen.works.add_run(kitchen.users["ana"])
    await kitchen.works.blobs.put(kitchen.users["zoe"], "idempotency/x", b"an answer that was kept")
    key = forge.format(run_id=run_id, user_id=kitchen.users["ana"])
    run = await kitchen.run("zoe", "captions", media=media(key))
    assert (run["state"], run["error"]["code"]) == ("failed", "not_found")
    answer = await kitchen.ask("zoe", "GET", f"/runs/{run['id']}/media/{key.removeprefix('media/')}")
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("key", "ancestors", "shown"),
    [
        ("media/runs/run_2/a/-1/1.1.x", (), "audio/wav"),
        ("media/runs/run_1/a/-1/1.1.x", ("run_1",), "audio/wav"),
        ("media/runs/run_1/a/-1/1.1.x", (), None),
        ("media/runs/run_22/a/-1/1.1.x", (), None),
    ],
)
def test_a_run_shows_nothing_that_only_a_step_says_is_its_own(
    key: str, ancestors: tuple[str, ...], shown: str | None
) -> None:
    step = StepRun("run_2", "ask", -1, StepState.SUCCEEDED, output={"json": [media(key)]})
    run = replace(RUN, outputs={"x": media(key)})
    assert content_type_in(run, [step], key, ancestors) == shown
    assert content_type_in(replace(run, inputs={"x": media(key)}), [step], key, ancestors) == "audio/wav"
