"""``smartlite encryption-keys``, straight on a database."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from smartlite.config import load_settings
from smartlite.encryption_keys import new_encryption_key
from smartlite.errors import ConfigurationError, InvalidRequest
from smartlite.storage.database import Database
from smartlite.storage.encryption import Cipher
from smartlite.storage.schema import migrate
from tests.cli.conftest import Run

OLD, NEW = new_encryption_key("old"), new_encryption_key("new")


@pytest.fixture(autouse=True)
def _own_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("SMARTLITE_DATA_DIR", str(tmp_path / "data"))


def answer(run: Run, *arguments: str) -> Any:
    result = run("encryption-keys", *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def on_the_database(sealed: bytes | None = None) -> bytes:
    """Encrypt something, or decrypt it."""

    async def work() -> bytes:
        settings = load_settings()
        database = Database(settings.sql_url)
        try:
            await migrate(database)
            cipher = Cipher(database, settings.encryption_key_ring)
            if sealed is None:
                return await cipher.seal("user_1", "a", b"secret")
            return await cipher.open("user_1", "a", sealed)
        finally:
            await database.close()

    return asyncio.run(work())


def test_a_generated_key_is_a_line_for_the_setting(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run("encryption-keys", "generate", "2027")
    assert result.exit_code == 0
    monkeypatch.setenv("SMARTLITE_ENCRYPTION_KEYS", result.stdout.strip())
    assert list(load_settings().encryption_key_ring) == ["2027"]
    assert result.stdout != run("encryption-keys", "generate", "2027").stdout


def test_an_id_that_is_none_is_refused(run: Run) -> None:
    assert isinstance(run("encryption-keys", "generate", "a b").exception, InvalidRequest)


def test_a_key_is_exchanged_in_three_steps(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMARTLITE_ENCRYPTION_KEYS", OLD)
    sealed = on_the_database()
    monkeypatch.setenv("SMARTLITE_ENCRYPTION_KEYS", f"{NEW},{OLD}")
    states = {row["id"]: (row["data_keys"], row["state"]) for row in answer(run, "list")["encryption_keys"]}
    assert states == {"new": (0, "wraps"), "old": (1, "opens")}
    assert answer(run, "rewrap") == {"rewrapped": 1}
    monkeypatch.setenv("SMARTLITE_ENCRYPTION_KEYS", NEW)
    assert on_the_database(sealed) == b"secret"


def test_a_key_that_was_taken_away_too_early_is_listed_as_missing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMARTLITE_ENCRYPTION_KEYS", OLD)
    on_the_database()
    monkeypatch.setenv("SMARTLITE_ENCRYPTION_KEYS", NEW)
    rows = {row["id"]: row for row in answer(run, "list")["encryption_keys"]}
    assert rows["old"]["state"].startswith("missing")
    assert "missing" in run("encryption-keys", "list").stdout


def test_a_rotation_retires_the_data_keys(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMARTLITE_ENCRYPTION_KEYS", OLD)
    sealed = on_the_database()
    assert answer(run, "rotate") == {"retired": 1}
    assert answer(run, "rotate") == {"retired": 0}
    assert on_the_database(sealed) == b"secret"


@pytest.mark.parametrize("command", ["rotate", "rewrap"])
def test_without_a_key_it_says_which_setting_has_them(run: Run, command: str) -> None:
    error = run("encryption-keys", command).exception
    assert isinstance(error, ConfigurationError)
    assert "SMARTLITE_ENCRYPTION_KEYS" in error.message


def test_no_command_shows_a_key(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMARTLITE_ENCRYPTION_KEYS", OLD)
    on_the_database()
    shown = "".join(run("encryption-keys", command).output for command in ("list", "rewrap", "rotate"))
    assert OLD.partition(":")[2] not in shown
