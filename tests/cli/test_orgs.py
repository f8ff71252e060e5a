"""``smartlite orgs``, straight on a database."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run


@pytest.fixture(autouse=True)
def _own_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("SMARTLITE_DATA_DIR", str(tmp_path / "data"))


def answer(run: Run, *arguments: str) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def newsroom(run: Run) -> str:
    """An organisation that Ana owns."""
    for name in ("ana", "ben"):
        answer(run, "users", "add", f"{name}@example.com", "--name", name)
    made: str = answer(run, "orgs", "add", "Newsroom", "--owner", "ana@example.com")["id"]
    return made


def members(run: Run, newsroom: str) -> dict[str, str]:
    return {each["name"]: each["role"] for each in answer(run, "orgs", "members", newsroom)["members"]}


def test_members_are_added_changed_and_removed(run: Run, newsroom: str) -> None:
    answer(run, "orgs", "add-member", newsroom, "BEN@example.com")
    assert members(run, newsroom) == {"ana": "owner", "ben": "member"}
    assert "ben@example.com" in run("orgs", "members", newsroom).stdout
    answer(run, "orgs", "add-member", newsroom, "ben@example.com", "--role", "admin")
    assert members(run, newsroom) == {"ana": "owner", "ben": "admin"}
    answer(run, "orgs", "remove-member", newsroom, "ben@example.com")
    assert members(run, newsroom) == {"ana": "owner"}


def test_an_organization_is_listed_changed_and_removed(run: Run, newsroom: str) -> None:
    changed = answer(run, "orgs", "change", newsroom, "--name", "Archive", "--keep-out")
    assert (changed["id"], changed["name"], changed["state"]) == (newsroom, "Archive", "kept out")
    assert answer(run, "orgs", "list")["organizations"] == [changed]
    assert newsroom in run("orgs", "list").stdout
    assert run("orgs", "remove", newsroom).exit_code == 0
    assert answer(run, "orgs", "list")["organizations"] == []


def test_the_last_owner_stays(run: Run, newsroom: str) -> None:
    result = run("orgs", "remove-member", newsroom, "ana@example.com")
    assert result.exit_code != 0
    assert "at least one owner" in str(result.exception)
    assert members(run, newsroom) == {"ana": "owner"}
