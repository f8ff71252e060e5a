"""``smartlite users | keys | roles``, straight on a database, and the key that the other commands send."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from smartlite.auth.api_keys import parse
from tests.cli.conftest import Run


@pytest.fixture(autouse=True)
def _own_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("SMARTLITE_DATA_DIR", str(tmp_path / "data"))


def answer(run: Run, *arguments: str) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_users_are_added_changed_and_listed(run: Run) -> None:
    added = answer(run, "users", "add", "ana@example.com", "--name", "Ana", "--role", "developer")
    changed = answer(run, "users", "change", "ANA@example.com", "--role", "user", "--role", "viewer", "--keep-out")
    assert (changed["id"], changed["roles"], changed["state"]) == (added["id"], ["user", "viewer"], "kept out")
    assert answer(run, "users", "list")["users"] == [changed]
    shown = run("users", "list").stdout
    assert added["id"] in shown  # in a terminal of 80 columns too
    assert "user viewer" in shown


def test_a_key_is_shown_once_and_can_be_revoked(run: Run) -> None:
    answer(run, "users", "add", "ana@example.com")
    made = answer(run, "keys", "add", "ana@example.com", "--name", "laptop", "--scope", "llm:chat", "--days", "30")
    assert parse(made.pop("key")) is not None
    assert answer(run, "keys", "list", "ana@example.com")["keys"] == [made]
    assert (made["scopes"], made["state"], made["last_used"]) == (["llm:chat"], "works", "never")
    assert run("keys", "revoke", made["id"]).exit_code == 0
    assert answer(run, "keys", "list", "ana@example.com")["keys"][0]["state"] == "revoked"


def test_only_the_key_goes_to_standard_output(run: Run) -> None:
    answer(run, "users", "add", "ana@example.com")
    assert parse(run("keys", "add", "ana@example.com").stdout.strip()) is not None


def test_roles_are_made_and_removed(run: Run) -> None:
    assert run("roles", "add", "captions", "--scope", "asr:transcribe").exit_code == 0
    made = answer(run, "roles", "list")["roles"][-1]
    assert (made["name"], made["scopes"]) == ("captions", ["asr:transcribe"])
    assert run("roles", "remove", made["id"]).exit_code == 0
    assert [role["name"] for role in answer(run, "roles", "list")["roles"]] == [
        *("admin", "operator", "developer", "user", "viewer"),
    ]


def test_the_key_of_the_environment_is_sent(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str | None] = []

    def note(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers.get("authorization"))
        return httpx.Response(401, json={"error": {"message": "No.", "type": "invalid_request_error", "code": "x"}})

    run("speak", "Hello.", "-o", "hello.wav", transport=httpx.MockTransport(note))
    monkeypatch.setenv("SMARTLITE_API_KEY", "sl_mine")
    result = run("speak", "Hello.", "-o", "hello.wav", transport=httpx.MockTransport(note))
    assert set(sent) == {None, "Bearer sl_mine"}
    assert result.exit_code == 1


def test_a_key_is_rotated_with_an_overlap(run: Run) -> None:
    answer(run, "users", "add", "ana@example.com")
    old = answer(run, "keys", "add", "ana@example.com", "--scope", "llm:chat")
    new = answer(run, "keys", "rotate", old["id"], "--overlap-hours", "0")
    assert parse(new["key"]) is not None
    states = {
        key["id"]: (key["state"], key["scopes"]) for key in answer(run, "keys", "list", "ana@example.com")["keys"]
    }
    assert states == {old["id"]: ("expired", ["llm:chat"]), new["id"]: ("works", ["llm:chat"])}
