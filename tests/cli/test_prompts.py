"""``smartlite prompts`` and ``smartlite conversations``, as a person and a program see them."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from smartlite.api.app import create_app
from smartlite.api.services import Services
from smartlite.cli.main import app as command_line
from smartlite.domain.conversations import ItemContent, Truncation
from smartlite.storage.database import Database
from smartlite.storage.schema import migrate
from tests.api.pipelined import Works
from tests.cli.conftest import InProcess

TRANSLATE = """name: translate
variables:
  language: {type: string}
  count: {type: integer, required: false, default: 1}
system: Translate into {{ language }}, {{ count }} times.
examples:
  - {user: 'Yes.', assistant: Ja.}
"""
Run = Callable[..., Result]


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(f"sqlite+aiosqlite:///{tmp_path}/smartlite.db")


@pytest.fixture
def works(services: Services, database: Database, tmp_path: Path) -> Works:
    return Works(services, database, tmp_path)


@pytest.fixture
def transport(services: Services, database: Database, works: Works) -> Iterator[InProcess]:
    transport = InProcess(create_app(works.added_to(services)))

    async def end() -> None:
        await works.close()
        await database.close()

    transport.runner.run(migrate(database))
    yield transport
    transport.runner.run(end())
    transport.end()


@pytest.fixture
def run(transport: InProcess) -> Run:
    def run(*arguments: str, stdin: bytes = b"") -> Result:
        return CliRunner().invoke(command_line, arguments, input=stdin, obj=transport)

    return run


@pytest.fixture
def document(tmp_path: Path) -> str:
    path = tmp_path / "translate.yaml"
    path.write_text(TRANSLATE)
    return str(path)


@pytest.fixture
def conversation(transport: InProcess, works: Works) -> str:
    async def make() -> str:
        contents = [
            ItemContent("message", "Weather? é", "user"),
            ItemContent("function_call", "{}", call_id="call_1", name="weather"),
            ItemContent("function_call_output", "Fog.", call_id="call_1"),
            ItemContent("message", "There is", "assistant", is_whole=False),
        ]
        return (await works.conversations.add("", None, {"topic": "demo"}, Truncation(), contents)).id

    found: Any = transport.runner.run(make())
    return str(found)


def test_a_prompt_is_applied_as_a_new_version_only_where_it_is_another(run: Run, document: str) -> None:
    assert run("prompts", "apply", document).stdout == "translate version 1\n"
    assert run("prompts", "apply", document).stdout == "translate version 1, as it was before\n"
    again = run("prompts", "apply", "-", "--json", stdin=TRANSLATE.replace("Ja.", "Jawohl.").encode())
    assert (json.loads(again.stdout)["version"], json.loads(again.stdout)["is_new"]) == (2, True)
    assert "translate" in run("prompts", "list").stdout


def test_what_is_shown_can_be_applied_again(run: Run, document: str) -> None:
    run("prompts", "apply", document)
    shown = run("prompts", "show", "translate").stdout
    assert shown.startswith("name: translate\n")
    assert run("prompts", "apply", "-", stdin=shown.encode()).stdout == "translate version 1, as it was before\n"


def test_a_prompt_is_filled_with_values_of_its_types(run: Run, document: str) -> None:
    run("prompts", "apply", document)
    filled = run("prompts", "render", "translate", "-v", "language=12", "-v", "count=3")
    assert filled.stdout == "system: Translate into 12, 3 times.\nuser: Yes.\nassistant: Ja.\n"
    wrong = run("prompts", "render", "translate", "-v", "language=x", "-v", "count=x")
    assert (wrong.exit_code, "count" in wrong.stderr) == (1, True)
    assert run("prompts", "render", "translate", "-v", "language").exit_code == 2


def test_a_prompt_that_is_wrong_or_has_no_name_is_refused(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text("name: wrong\nsystem: '{{ x }}'\n")
    result = run("prompts", "apply", str(path))
    assert (result.exit_code, "not declared" in result.stderr) == (1, True)
    assert run("prompts", "apply", "-", stdin=b"system: x").exit_code == 2


def test_a_prompt_is_removed(run: Run, document: str) -> None:
    run("prompts", "apply", document)
    assert run("prompts", "remove", "translate").stdout == "removed translate\n"
    assert run("prompts", "show", "translate").exit_code == 1


def test_a_conversation_is_listed_shown_and_removed(run: Run, conversation: str) -> None:
    listed = run("conversations", "list").stdout
    assert conversation in listed
    assert "demo" in listed
    shown = run("conversations", "show", conversation).stdout
    assert shown == "user: Weather? é\nassistant calls weather({})\nreturned: Fog.\nassistant: There is (cut off)\n"
    assert run("conversations", "remove", conversation).stdout == f"removed {conversation}\n"
    assert run("conversations", "show", conversation).exit_code == 1


def test_a_conversation_is_exported_to_standard_output_and_to_a_file(
    run: Run, conversation: str, tmp_path: Path
) -> None:
    told = json.loads(run("conversations", "export", conversation).stdout)
    assert (told["conversation"]["id"], len(told["items"])) == (conversation, 4)
    path = tmp_path / "export.json"
    run("conversations", "export", conversation, "-o", str(path))
    assert json.loads(path.read_text("utf-8")) == told
