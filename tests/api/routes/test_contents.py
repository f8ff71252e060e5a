"""What was asked and answered: kept only where the operator chose so, encrypted, and for whoever asked alone."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from smartlite.api.services import Services
from smartlite.errors import DatabaseUnavailable
from smartlite.storage import history
from smartlite.storage.database import Database
from smartlite.storage.encryption import Cipher
from smartlite.storage.schema import migrate
from tests.api.metered import Platform

CHAT: Any = {"model": "fake-llm", "messages": [{"role": "user", "content": "A secret of mine."}]}


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/smartlite.db")
    await migrate(database)
    yield database
    await database.close()


@pytest.fixture
def platform(services: Services, database: Database, tmp_path: Path) -> Platform:
    cipher = Cipher(database, {"k1": bytes(range(32))})
    return Platform(services, database, tmp_path / "journal", cipher=cipher)


async def newest(platform: Platform, client: httpx.AsyncClient) -> str:
    await platform.drain.read_all()
    found: str = (await client.get("/v1/requests?limit=1")).json()["data"][0]["id"]
    return found


async def test_both_sides_are_kept_encrypted_and_given_to_whoever_asked(platform: Platform) -> None:
    async with await platform.add("ana", {"developer"}) as ana:
        answer = await ana.post("/v1/chat/completions", json=CHAT)
        record_id = await newest(platform, ana)
        content = (await ana.get(f"/v1/requests/{record_id}/content")).json()
        assert content["request"] == answer.request.content.decode()
        assert content["response"] == answer.text
        async with platform.database.reading() as session:
            stored = await history.content(session, record_id)
        assert stored is not None
        assert b"secret" not in stored
        assert (await ana.delete(f"/v1/requests/{record_id}/content")).status_code == 204
        assert (await ana.get(f"/v1/requests/{record_id}/content")).status_code == 404
        assert (await ana.get(f"/v1/requests/{record_id}")).status_code == 200


async def test_a_stream_is_kept_as_it_was_sent_and_audio_is_not(platform: Platform) -> None:
    async with await platform.add("ana", {"user"}) as ana:
        stream = await ana.post("/v1/chat/completions", json=CHAT | {"stream": True})
        content = (await ana.get(f"/v1/requests/{await newest(platform, ana)}/content")).json()
        assert content["response"] == stream.text
        speech = {"model": "tts-1", "voice": "alloy", "input": "Hello."}
        await ana.post("/v1/audio/speech", json=speech)
        content = (await ana.get(f"/v1/requests/{await newest(platform, ana)}/content")).json()
        assert ("Hello." in content["request"], content["response"]) == (True, None)


async def test_nobody_else_reads_it_but_who_may_read_everybodys(platform: Platform) -> None:
    clients = {name: await platform.add(name, {role}) for name, role in (("ana", "user"), ("ops", "operator"))}
    root = await platform.add("root", {"admin"})
    await clients["ana"].post("/v1/chat/completions", json=CHAT)
    record_id = await newest(platform, clients["ana"])
    for method in ("GET", "DELETE"):
        another = await clients["ops"].request(method, f"/v1/requests/{record_id}/content")
        nothing = await clients["ops"].request(method, "/v1/requests/rec_0/content")
        assert (another.status_code, nothing.status_code) == (404, 404)
        assert another.text.replace(record_id, "rec_0") == nothing.text
    assert (await root.get(f"/v1/requests/{record_id}/content")).status_code == 200


async def test_what_no_model_worked_for_is_not_kept(platform: Platform) -> None:
    async with await platform.add("ana", {"developer"}) as ana:
        await ana.post("/v1/api-keys", json={"name": "app"})
        assert (await ana.get(f"/v1/requests/{await newest(platform, ana)}/content")).status_code == 404


async def test_where_nobody_chose_so_nothing_is_kept(services: Services, database: Database, tmp_path: Path) -> None:
    platform = Platform(services, database, tmp_path / "journal")
    async with await platform.add("ana", {"user"}) as ana:
        await ana.post("/v1/chat/completions", json=CHAT)
        assert (await ana.get(f"/v1/requests/{await newest(platform, ana)}/content")).status_code == 404


async def test_a_request_whose_content_cannot_be_sealed_is_recorded_all_the_same(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_cipher: Cipher, _tenant: str, _name: str, _data: bytes) -> bytes:
        raise DatabaseUnavailable("The database is away.")

    async with await platform.add("ana", {"user"}) as ana:
        monkeypatch.setattr(Cipher, "seal", away)
        unsealed = Platform(
            platform.services, platform.database, platform.journal_dir / "other", cipher=platform.cipher
        )
        unsealed.keys = platform.keys
        async with unsealed.client("ana") as client:
            assert (await client.post("/v1/chat/completions", json=CHAT)).status_code == 200
            record_id = await newest(unsealed, client)
        assert (await ana.get(f"/v1/requests/{record_id}/content")).status_code == 404
