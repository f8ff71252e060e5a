"""``smartlite oauth-clients``, straight on a database."""

import json
from pathlib import Path
from typing import Any

import pytest

from smartlite.errors import InvalidRequest, NotFound
from tests.cli.conftest import Run

EMAIL = "ana@example.com"


@pytest.fixture(autouse=True)
def _own_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("SMARTLITE_DATA_DIR", str(tmp_path / "data"))
    run("users", "add", EMAIL)


def answer(run: Run, *arguments: str) -> Any:
    result = run("oauth-clients", *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_client_is_added_listed_and_revoked(run: Run) -> None:
    made = answer(
        run, "add", EMAIL, "--name", "Captions", "--scope", "asr:transcribe", "--redirect-uri", "https://a.example/cb"
    )
    assert made["client_secret"] is None
    assert made["grant_types"] == ["authorization_code", "refresh_token"]
    (listed,) = answer(run, "list", EMAIL)["oauth_clients"]
    assert (listed["id"], listed["state"]) == (made["id"], "works")
    answer(run, "revoke", made["id"])
    assert answer(run, "list", EMAIL)["oauth_clients"][0]["state"] == "revoked"
    assert made["id"] in run("oauth-clients", "list", EMAIL).stdout


def test_the_secret_of_a_confidential_one_is_shown_this_once(run: Run) -> None:
    arguments = ("--name", "Robot", "--kind", "confidential", "--for-itself", "--scope", "llm:chat")
    result = run("oauth-clients", "add", EMAIL, *arguments)
    assert result.exit_code == 0, result.output
    secret = result.stdout.strip().splitlines()[-1]
    assert secret.startswith("slcs_")
    assert secret not in run("oauth-clients", "list", EMAIL).stdout


def test_what_does_not_go_together_is_told(run: Run) -> None:
    for arguments in (
        ("--scope", "llm:chat"),
        ("--scope", "nonsense", "--redirect-uri", "https://a.example"),
        ("--scope", "llm:chat", "--redirect-uri", "http://a.example"),
        ("--scope", "llm:chat", "--for-itself"),
    ):
        result = run("oauth-clients", "add", EMAIL, "--name", "x", *arguments)
        assert isinstance(result.exception, InvalidRequest), result.output
    assert isinstance(run("oauth-clients", "revoke", "client_x").exception, NotFound)
