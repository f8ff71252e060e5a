"""``smartlite batches``: a file of requests is answered, looked at and read, as a person and a program see it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from smartlite.api.app import create_app
from smartlite.api.services import Services
from smartlite.cli.main import app as command_line
from smartlite.storage.database import Database
from smartlite.storage.schema import migrate
from tests.api.batched import lines
from tests.api.pipelined import Works
from tests.cli.conftest import InProcess

Run = Callable[..., Result]
URL = "/v1/embeddings"


@pytest.fixture
def run(services: Services, tmp_path: Path) -> Iterator[Run]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/smartlite.db")
    works = Works(services, database, tmp_path)
    transport = InProcess(create_app(works.added_to(services)))

    async def begin() -> None:
        await migrate(database)
        works.batch_worker.begin()

    async def end() -> None:
        await works.close()
        await database.close()

    transport.runner.run(begin())

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(command_line, ("batches", *arguments), obj=transport)

    yield run
    transport.runner.run(end())
    transport.end()


@pytest.fixture
def requests(tmp_path: Path) -> Path:
    path = tmp_path / "requests.jsonl"
    good, bad = {"model": "fake-embedding", "input": "Hello"}, {"model": "none", "input": "Hello"}
    path.write_bytes(lines(URL, good, bad))
    return path


def test_a_file_is_answered_and_its_results_are_read(run: Run, requests: Path) -> None:
    made = run("create", str(requests), "--endpoint", URL, "--wait", "--json")
    batch = json.loads(made.stdout)
    assert (made.exit_code, batch["status"]) == (0, "completed")
    assert run("show", batch["id"]).stdout == f"{batch['id']} completed 1 of 2, 1 failed\n"
    assert batch["id"] in run("list").stdout
    assert json.loads(run("results", batch["id"]).stdout)["custom_id"] == "r0"
    assert json.loads(run("results", batch["id"], "--errors").stdout)["response"]["status_code"] == 404
    assert "completed" in run("cancel", batch["id"]).stdout


def test_what_is_wrong_with_a_file_is_told(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    path.write_text("{\n")
    found = run("create", str(path), "--endpoint", URL, "--wait")
    assert found.exit_code == 1
    assert "line 1: invalid_json_line" in found.stdout


def test_a_batch_without_answers_has_none_to_read(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    path.write_text("{\n")
    batch = json.loads(run("create", str(path), "--endpoint", URL, "--wait", "--json").stdout)
    found = run("results", batch["id"])
    assert (found.exit_code, "failed and has no answers" in found.stderr) == (1, True)
