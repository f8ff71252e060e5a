"""``smartlite pipelines``: a document is applied, shown, compared, drawn and run, as a person and a program see it."""

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
from tests.api.pipelined import Works
from tests.api.plain_means import GREETING
from tests.cli.conftest import InProcess

Run = Callable[..., Result]


@pytest.fixture
def run(services: Services, tmp_path: Path) -> Iterator[Run]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/smartlite.db")
    works = Works(services, database, tmp_path)
    transport = InProcess(create_app(works.added_to(services)))

    async def begin() -> None:
        await migrate(database)
        works.worker.begin()

    async def end() -> None:
        await works.close()
        await database.close()

    transport.runner.run(begin())

    def run(*arguments: str, stdin: bytes = b"") -> Result:
        return CliRunner().invoke(command_line, ("pipelines", *arguments), input=stdin, obj=transport)

    yield run
    transport.runner.run(end())
    transport.end()


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "greeting.yaml"
    path.write_text(GREETING)
    return path


def test_a_document_is_applied_as_a_new_version_only_where_it_is_another(run: Run, document: Path) -> None:
    assert run("apply", str(document)).stdout == "greeting version 1\n"
    assert run("apply", str(document)).stdout == "greeting version 1, as it was before\n"
    again = json.loads(run("apply", "-", "--json", stdin=GREETING.replace("Hello", "Hi").encode()).stdout)
    assert (again["version"], again["is_new"]) == (2, True)


def test_one_that_ships_is_covered_by_one_of_the_same_name(run: Run, tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(GREETING.replace("name: greeting", "name: captions", 1))
    assert run("apply", str(own)).stdout == "captions version 1\n"
    listed = json.loads(run("list", "--json").stdout)["pipelines"]
    assert [each["is_built_in"] for each in listed if each["name"] == "captions"] == [True, False]
    assert "Hello {{ name }}" in run("show", "captions").stdout


def test_a_document_that_is_wrong_is_refused_with_its_lines(run: Run, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("name: wrong\nsteps:\n  - id: a\n    uses: text.templat\n")
    result = run("apply", str(wrong))
    assert result.exit_code == 1
    assert "line 4" in result.stderr


def test_what_is_shown_is_what_was_applied(run: Run, document: Path) -> None:
    run("apply", str(document))
    assert run("show", "greeting").stdout == GREETING
    assert "greeting" in run("list").stdout


def test_two_versions_are_compared_and_drawn(run: Run, document: Path) -> None:
    run("apply", str(document))
    document.write_text(GREETING.replace("Hello", "Hi"))
    run("apply", str(document))
    assert '+    with: {template: "Hi' in run("diff", "greeting", "1", "2").stdout
    assert run("graph", "greeting").stdout.startswith("flowchart TD")
    assert run("graph", "greeting", "--svg").stdout.startswith("<svg")


def test_a_run_shows_its_outputs_and_its_events(run: Run, document: Path) -> None:
    run("apply", str(document))
    result = run("run", "greeting", "-i", "name=Ana")
    assert (result.exit_code, result.stdout) == (0, "text: Hello Ana\n")
    run_id = result.stderr.split()[0]
    assert run_id in run("runs", "greeting").stdout
    lines = [line.split()[1] for line in run("logs", run_id).stdout.splitlines()]
    assert lines == ["run.started", "step.started", "step.succeeded", "run.succeeded"]
    assert len(json.loads(run("logs", run_id, "--after", "3", "--json").stdout)["events"]) == 1
    assert run("cancel", run_id).stdout == f"{run_id} succeeded\n"


def test_a_run_that_is_followed_tells_each_step(run: Run, document: Path) -> None:
    run("apply", str(document))
    result = run("run", "greeting", "-i", "name=Ana", "--follow")
    assert result.stdout == "text: Hello Ana\n"
    assert "step.succeeded" in result.stderr


def test_a_recording_goes_in_and_speech_comes_out(run: Run, question: Path, tmp_path: Path) -> None:
    result = run("run", "voice-assistant", "-f", f"audio={question}", "--save", str(tmp_path), "--json")
    assert result.exit_code == 0, result.stderr
    (saved,) = json.loads(result.stdout)["saved"]
    assert Path(saved).stat().st_size > 1000


def test_values_that_are_no_text_are_read_as_json(run: Run, tmp_path: Path) -> None:
    listing = tmp_path / "listing.yaml"
    listing.write_text(
        "name: listing\ninputs:\n  items: {type: array}\nsteps:\n  - id: one\n    uses: text.template\n"
        "    for_each: inputs.items\n    with: {template: 'A {{ x }}', vars: {x: '${{ item }}'}}\n"
        "outputs:\n  all: ${{ steps.one.output }}\n"
    )
    run("apply", str(listing))
    assert run("run", "listing", "-i", 'items=["b", "c"]').stdout == 'all: ["A b", "A c"]\n'
    assert run("run", "listing", "-i", "items=b").exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("run", "nothing"), 1, "There is no pipeline 'nothing'"),
        (("run", "greeting"), 1, "name"),
        (("run", "greeting", "-i", "name"), 2, "name=value"),
        (("run", "greeting", "-f", "name=/nowhere"), 2, "No such file"),
        (("remove", "captions"), 1, "ships with the platform"),
        (("logs", "run_0"), 1, "There is no run"),
    ],
)
def test_what_cannot_be_done_is_told_and_fails(
    run: Run, document: Path, arguments: tuple[str, ...], code: int, told: str
) -> None:
    run("apply", str(document))
    result = run(*arguments)
    assert result.exit_code == code
    assert told in result.stderr


def test_what_is_removed_is_gone(run: Run, document: Path) -> None:
    run("apply", str(document))
    assert run("remove", "greeting").stdout == "removed greeting\n"
    assert run("show", "greeting").exit_code == 1
