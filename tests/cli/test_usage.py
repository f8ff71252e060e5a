"""``smartlite quotas | usage | requests``, straight on a database."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from smartlite.storage import ledger
from smartlite.storage.database import Database
from tests.cli.conftest import Run
from tests.metering.records import record


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("SMARTLITE_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


def answer(run: Run, *arguments: str) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_limits_are_set_replaced_listed_and_taken_away(run: Run) -> None:
    ana = answer(run, "users", "add", "ana@example.com")["id"]
    answer(run, "quotas", "set", "ana@example.com", "cost", "5000000", "--period", "month")
    second = answer(run, "quotas", "set", ana, "cost", "7000000", "--period", "month")["id"]
    (found,) = answer(run, "quotas", "list", "ana@example.com")["quotas"]
    assert found == {
        "id": second,
        "subject": ana,
        "kind": "cost",
        "limit": 7_000_000,
        "period": "month",
        "model": "all",
    }
    assert second in run("quotas", "list").stdout
    assert run("quotas", "remove", second).exit_code == 0
    assert answer(run, "quotas", "list")["quotas"] == []
    assert run("quotas", "set", "role_1", "tokens", "5").exit_code != 0
    assert run("quotas", "set", ana, "gold", "5").exit_code != 0


def test_what_was_used_and_what_happened_is_shown(run: Run, data_dir: Path) -> None:
    ana = answer(run, "users", "add", "ana@example.com")["id"]

    async def fill() -> None:
        database = Database(f"sqlite+aiosqlite:///{data_dir}/smartlite.db")
        records = [record(1, user_id=ana, at=datetime.now(UTC)), record(2, status=500, at=datetime.now(UTC))]
        async with database.writing() as session:
            await ledger.keep(session, records, "seg_1", 0, 1)
        await database.close()

    asyncio.run(fill())
    sums = answer(run, "usage")["usage"]
    assert [(each["model"], each["requests"], each["audio_input_s"]) for each in sums] == [("whisper", 2, 3.0)]
    (own,) = answer(run, "usage", "--by", "user", "--user", "ana@example.com")["usage"]
    assert (own["user"], own["requests"], own["cost_micros"]) == (ana, 1, 7)
    assert "whisper" in run("usage").stdout
    assert [each["status"] for each in answer(run, "requests", "--failed")["requests"]] == [500]
    assert [each["user"] for each in answer(run, "requests", "--user", ana)["requests"]] == [ana]
    assert "transcriptions" in run("requests").stdout
    assert run("usage", "--by", "color").exit_code != 0
