"""Usage and history over HTTP: everything is recorded before its answer has ended, and nobody sees another's."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.clips import wav
from smartlite.api.services import Services
from smartlite.errors import JournalUnavailable
from smartlite.storage.database import Database
from smartlite.storage.journal import Journal
from smartlite.storage.schema import migrate
from tests.api.metered import Platform

TONE = b"".join(value.to_bytes(2, "little", signed=True) for value in (0, 9000, 12_000, 9000, 0, -9000, -12_000, -9000))
CHAT: Any = {"model": "fake-llm", "messages": [{"role": "user", "content": "Hello."}]}
SPEECH = {"model": "tts-1", "voice": "alloy", "input": "Hello there."}


@pytest.fixture
async def platform(services: Services, tmp_path: Path) -> AsyncIterator[Platform]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/smartlite.db")
    await migrate(database)
    yield Platform(services, database, tmp_path / "journal")
    await database.close()


@pytest.fixture
async def ana(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    async with await platform.add("ana", {"developer"}) as client:
        yield client


async def history(platform: Platform, client: httpx.AsyncClient, query: str = "") -> list[dict[str, Any]]:
    await platform.drain.read_all()
    answer = await client.get(f"/v1/requests{query}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def usage(platform: Platform, client: httpx.AsyncClient, query: str = "") -> list[dict[str, Any]]:
    await platform.drain.read_all()
    answer = await client.get(f"/v1/usage{query}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def test_a_chat_is_in_the_history_with_what_it_used(platform: Platform, ana: httpx.AsyncClient) -> None:
    answer = await ana.post("/v1/chat/completions", json=CHAT, headers={"x-request-id": "mine"})
    used = answer.json()["usage"]
    (found,) = await history(platform, ana)
    assert (found["request_id"], found["user_id"]) == ("mine", platform.users["ana"])
    assert (found["method"], found["route"], found["status"]) == ("POST", "/v1/chat/completions", 200)
    assert found["response_bytes"] == len(answer.content)
    assert found["request_bytes"] == len(answer.request.content)
    assert set(found["stages_ms"]) == {"llm_first", "llm"}
    (of_model,) = found["usage"]
    assert of_model["model"] == "fake-llm"
    assert (of_model["prompt_tokens"], of_model["completion_tokens"]) == (
        used["prompt_tokens"],
        used["completion_tokens"],
    )
    assert of_model["cost_micros"] == used["prompt_tokens"] + 2 * used["completion_tokens"]
    assert (await ana.get(f"/v1/requests/{found['id']}")).json() == found


async def test_audio_is_metered_in_seconds_and_characters(platform: Platform, ana: httpx.AsyncClient) -> None:
    file = {"file": ("a.wav", wav(TONE * 6000, 16_000))}
    await ana.post("/v1/audio/transcriptions", data={"model": "whisper-1"}, files=file)
    speech = await ana.post("/v1/audio/speech", json={**SPEECH, "response_format": "pcm"})
    await ana.post("/v1/embeddings", json={"model": "fake-embedding", "input": "Hello."})
    turn = await ana.post("/v1/voice/turns", files=file)
    assert turn.status_code == 200
    spent = turn.json()["usage"]
    sums = {each["group"]["model"]: each for each in await usage(platform, ana, "?group_by=model")}
    assert sums["fake-asr"]["audio_input_s"] == 3 + spent["audio_input_s"]
    assert sums["fake-tts"]["characters"] == len(SPEECH["input"]) + spent["characters"]
    spoken_s = len(speech.content) / 2 / 24_000
    assert sums["fake-tts"]["audio_output_s"] == pytest.approx(spoken_s + spent["audio_output_s"], abs=0.01)
    assert sums["fake-embedding"]["prompt_tokens"] > 0
    assert sums["fake-llm"]["total_tokens"] == spent["total_tokens"]
    assert all(each["cost_micros"] > 0 for name, each in sums.items() if name)


async def test_a_stream_is_recorded_before_its_last_bytes(platform: Platform, ana: httpx.AsyncClient) -> None:
    async with ana.stream("POST", "/v1/chat/completions", json={**CHAT, "stream": True}) as answer:
        text = "".join([part async for part in answer.aiter_text()])
    assert text.endswith("data: [DONE]\n\n")
    (found,) = await history(platform, ana)
    assert found["usage"][0]["completion_tokens"] > 0
    assert found["response_bytes"] == len(text.encode())


async def test_what_was_refused_is_in_the_history_and_who_is_nobody_is_not(
    platform: Platform, ana: httpx.AsyncClient
) -> None:
    await ana.post("/v1/chat/completions", json={**CHAT, "model": "missing"})
    await ana.get("/v1/users")
    await ana.get("/v1/nothing/here")
    await ana.get("/v1/models", headers={"Authorization": "Bearer sl_wrong"})
    await ana.get("/healthz")
    found = await history(platform, ana)
    assert [(each["route"], each["status"], each["error_code"]) for each in reversed(found)] == [
        ("/v1/chat/completions", 404, "model_not_found"),
        ("/v1/users", 403, "insufficient_scope"),
        (None, 404, "not_found"),
    ]
    (report,) = await usage(platform, ana, "?group_by=model")
    assert (report["requests"], report["failed_requests"]) == (4, 3)  # the look at the history too


async def test_a_client_that_leaves_has_used_what_was_made_until_then(
    platform: Platform, build_services: Callable[..., Services], tmp_path: Path
) -> None:
    slow = Platform(build_services(llm={"latency_s": 30}), platform.database, tmp_path / "slow")
    client = await slow.add("slow", {"user"})
    task = asyncio.create_task(client.post("/v1/chat/completions", json=CHAT))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (found,) = await history(slow, client)
    assert found["status"] is None


async def test_nobody_sees_anothers(platform: Platform, ana: httpx.AsyncClient) -> None:
    await ana.post("/v1/chat/completions", json=CHAT)
    (own,) = await history(platform, ana)
    async with await platform.add("ben", {"developer"}) as ben, await platform.add("root", {"admin"}) as root:
        assert await history(platform, ben) == []
        assert (await ben.get(f"/v1/requests/{own['id']}")).status_code == 404
        random = await ben.get(f"/v1/requests/{'rec_' + 32 * '0'}")
        assert random.status_code == 404
        for path in ("requests", "usage"):
            assert (await ben.get(f"/v1/{path}?user_id={platform.users['ana']}")).status_code == 404
        assert (await ben.get("/v1/metering")).status_code == 403
        assert (await usage(platform, ben, "?group_by=user"))[0]["group"] == {"user": platform.users["ben"]}
        assert (await root.get(f"/v1/requests/{own['id']}")).json() == own
        assert len(await history(platform, root, f"?user_id={platform.users['ana']}")) == 2
        everybody = await usage(platform, root, "?group_by=user&group_by=day")
        assert {each["group"]["user"] for each in everybody} >= set(platform.users.values()) - {platform.users["root"]}


async def test_lists_come_in_parts(platform: Platform, ana: httpx.AsyncClient) -> None:
    for _ in range(5):
        await ana.get("/v1/models")
    await platform.drain.read_all()
    seen: list[str] = []
    after = ""
    while True:
        part = (await ana.get(f"/v1/requests?limit=2&route=/v1/models{after}")).json()
        seen += [each["id"] for each in part["data"]]
        if not part["has_more"]:
            break
        after = f"&after={part['next']}"
    assert len(set(seen)) == len(seen) == 5
    first = (await ana.get("/v1/usage?group_by=model&limit=1")).json()
    assert (first["has_more"], first["next"]) == (False, None)


@pytest.mark.parametrize(
    ("path", "param"),
    [
        ("usage?start_date=2026-02-01&end_date=2026-01-01", "start_date"),
        ("usage?start_date=1900-01-01", "start_date"),
        ("usage?start_date=yesterday", "start_date"),
        ("usage?group_by=color", "group_by"),
        ("usage?after=x", "after"),
        ("requests?since=2026-01-01T00:00:00", "since"),
        ("requests?limit=0", "limit"),
        ("requests?status=9", "status"),
    ],
)
async def test_a_wrong_question_is_a_400_that_names_the_field(ana: httpx.AsyncClient, path: str, param: str) -> None:
    answer = await ana.get(f"/v1/{path}")
    assert (answer.status_code, answer.json()["error"]["param"].partition("[")[0]) == (400, param), answer.text


async def test_where_use_cannot_be_recorded_nothing_is_given(
    platform: Platform, ana: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_journal: Journal, _record: bytes) -> None:
        raise JournalUnavailable("Use cannot be recorded for now.")

    with monkeypatch.context() as patched:
        patched.setattr(Journal, "append", refuse)
        assert (await ana.get("/v1/models")).status_code == 200
        refused = await ana.get("/v1/models")
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "journal_unavailable")
        assert refused.headers["retry-after"]
    assert (await ana.get("/v1/models")).status_code == 200
    assert len(await history(platform, ana, "?route=/v1/models")) == 2


async def test_how_far_the_history_is_behind_is_visible(platform: Platform) -> None:
    async with await platform.add("root", {"operator"}) as root:
        await root.get("/v1/models")
        behind = (await root.get("/v1/metering")).json()
        assert behind["backlog_bytes"] > 0
        await platform.drain.read_all()
        now = (await root.get("/v1/metering")).json()
        assert (now["backlog_segments"] <= 1, now["lag_s"] < 60) == (True, True)


async def test_what_is_old_is_deleted(platform: Platform, ana: httpx.AsyncClient) -> None:
    await ana.get("/v1/models")
    await platform.drain.read_all()
    await platform.history.purge(1, 1)
    assert len(await history(platform, ana, "?route=/v1/models")) == 1
    today = datetime.now(UTC).date()
    report = await ana.get(f"/v1/usage?start_date={today - timedelta(days=2)}&end_date={today}")
    assert report.json()["data"][0]["requests"] >= 1


async def test_somebody_sees_their_limits_and_where_they_stand(ana: httpx.AsyncClient) -> None:
    (limit,) = (await ana.get("/v1/limits")).json()["data"]
    assert (limit["kind"], limit["period"], limit["limit"]) == ("requests", "minute", 10_000)
    assert 0 < limit["remaining"] < 10_000
