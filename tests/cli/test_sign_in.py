"""``smartlite users password | sessions`` and ``smartlite signing-keys``, straight on a database."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from smartlite.auth.accounts import open_accounts
from smartlite.auth.sessions import Visitor
from smartlite.errors import PasswordRefused
from smartlite.storage.database import Database
from tests.cli.conftest import Run

EMAIL, PASSWORD = "ana@example.com", "correct horse battery"


@pytest.fixture(autouse=True)
def _own_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("SMARTLITE_DATA_DIR", str(tmp_path / "data"))


def answer(run: Run, *arguments: str) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def sign_in(tmp_path: Path, user_agent: str = "curl/8") -> str:
    """Sign in as the gateway does; the session's id."""

    async def work() -> str:
        database = Database(f"sqlite+aiosqlite:///{tmp_path}/data/smartlite.db")
        try:
            visitor = Visitor("203.0.113.7", user_agent)
            return (await open_accounts(database).sign_in.sign_in(EMAIL, PASSWORD, visitor)).session.id
        finally:
            await database.close()

    return asyncio.run(work())


def test_a_password_is_set_from_standard_input_and_opens_a_session(run: Run, tmp_path: Path) -> None:
    answer(run, "users", "add", EMAIL)
    result = run("users", "password", EMAIL, "--stdin", stdin=f"{PASSWORD}\n".encode())
    assert result.exit_code == 0, result.output
    assert PASSWORD not in result.output
    session_id = sign_in(tmp_path, "[red]x")
    (session,) = answer(run, "users", "sessions", EMAIL)["sessions"]
    assert (session["id"], session["address"], session["user_agent"]) == (session_id, "203.0.113.7", "[red]x")
    assert session_id in run("users", "sessions", EMAIL).stdout


def test_a_password_is_asked_for_twice_and_not_shown(run: Run, tmp_path: Path) -> None:
    answer(run, "users", "add", EMAIL)
    result = run("users", "password", EMAIL, stdin=f"{PASSWORD}\n{PASSWORD}\n".encode())
    assert result.exit_code == 0, result.output
    assert PASSWORD not in result.output
    assert sign_in(tmp_path)


def test_another_password_ends_every_session(run: Run, tmp_path: Path) -> None:
    answer(run, "users", "add", EMAIL)
    run("users", "password", EMAIL, "--stdin", stdin=PASSWORD.encode())
    sign_in(tmp_path)
    run("users", "password", EMAIL, "--stdin", stdin=PASSWORD.encode())
    assert answer(run, "users", "sessions", EMAIL) == {"sessions": []}


def test_a_password_that_cannot_be_one_is_refused(run: Run) -> None:
    answer(run, "users", "add", EMAIL)
    for given in (b"short\n", b"", b"password1\n"):
        assert run("users", "password", EMAIL, "--stdin", stdin=given).exit_code == 1
    assert isinstance(run("users", "password", EMAIL, "--stdin", stdin=b"short\n").exception, PasswordRefused)


def test_signing_keys_are_rotated_and_listed(run: Run) -> None:
    assert answer(run, "signing-keys", "list") == {"signing_keys": []}
    for _ in range(2):
        assert run("signing-keys", "rotate").exit_code == 0
    keys = answer(run, "signing-keys", "list")["signing_keys"]
    assert [key["state"] for key in keys] == ["verifies", "signs"]
    assert "PRIVATE" not in run("signing-keys", "list").stdout
    assert run("signing-keys", "rotate", "--at-once").exit_code == 0
    assert [key["state"] for key in answer(run, "signing-keys", "list")["signing_keys"]] == ["signs"]
