"""Requests with an Idempotency-Key are done once, whatever they are answered and however often they are sent."""

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from openai import AsyncOpenAI
from sqlalchemy import select

from smartlite.api.services import Services
from smartlite.auth.authenticator import Authenticator
from smartlite.auth.scopes import BUILT_IN_ROLES
from smartlite.domain.llm import ChatFinished, TextDelta
from smartlite.domain.usage import TokenUsage
from smartlite.errors import EngineFailed, ReplicaLost
from smartlite.storage.idempotency_tables import IdempotencyRow
from tests.api.keyed import KEY, Keyed, a_keyed_gateway
from tests.api.scripted import ScriptedLLM
from tests.auth.accounts import EMAIL, PASSWORD, a_world
from tests.auth.keyring import Clock, Keyring, bearer

CHAT: dict[str, Any] = {"model": "fake-llm", "messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture
async def keyed(tmp_path: Path) -> AsyncIterator[Keyed]:
    async with a_keyed_gateway(tmp_path) as keyed:
        yield keyed


@pytest.fixture
def llm() -> ScriptedLLM:
    return ScriptedLLM(TextDelta("hi"), ChatFinished("stop", TokenUsage(1, 1)))


@pytest.fixture
async def client(keyed: Keyed, services: Services, llm: ScriptedLLM) -> AsyncIterator[httpx.AsyncClient]:
    async with keyed.client(dataclasses.replace(services, llm=llm)) as client:
        yield client


async def chat(client: httpx.AsyncClient, body: object = CHAT, **headers: str) -> httpx.Response:
    return await client.post("/v1/chat/completions", json=body, headers=KEY | headers)


async def test_the_same_request_is_answered_the_same_and_says_so(client: httpx.AsyncClient, llm: ScriptedLLM) -> None:
    first, again = await chat(client), await chat(client)
    assert first.status_code == again.status_code == 200
    assert first.content == again.content
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["content-type"] == first.headers["content-type"]
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert len(llm.asked) == 1


async def test_without_the_header_everything_is_done_every_time(client: httpx.AsyncClient, llm: ScriptedLLM) -> None:
    for _ in range(2):
        await client.post("/v1/chat/completions", json=CHAT)
    assert len(llm.asked) == 2


async def test_another_key_is_another_request(client: httpx.AsyncClient, llm: ScriptedLLM) -> None:
    await chat(client)
    await chat(client, **{"Idempotency-Key": "another"})
    assert len(llm.asked) == 2


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {**CHAT, "temperature": 0.5}),
        ("/v1/chat/completions?x=1", CHAT),
        ("/v1/responses", CHAT),
    ],
)
async def test_another_request_with_the_key_is_a_422(client: httpx.AsyncClient, path: str, body: object) -> None:
    await chat(client)
    answer = await client.post(path, json=body, headers=KEY)
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "idempotency_key_reused"
    assert answer.json()["error"]["param"] == "Idempotency-Key"


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "x" * 256, "tab\t"])
async def test_a_key_that_is_none_is_a_400(client: httpx.AsyncClient, llm: ScriptedLLM, key: str) -> None:
    headers = [(b"Idempotency-Key", key.encode())]
    answer = await client.post("/v1/chat/completions", json=CHAT, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_idempotency_key"
    assert answer.json()["error"]["param"] == "Idempotency-Key"
    assert llm.asked == []


async def test_two_keys_are_a_400(client: httpx.AsyncClient) -> None:
    headers = [("Idempotency-Key", "one"), ("idempotency-key", "one")]
    answer = await client.post("/v1/chat/completions", json=CHAT, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_idempotency_key")


@pytest.mark.parametrize("key", ["x" * 255, "!~", '"8e03978e-40d5-43dd-bc93-6894a57f9324"'])
async def test_every_visible_character_makes_a_key(client: httpx.AsyncClient, llm: ScriptedLLM, key: str) -> None:
    for _ in range(2):
        assert (await chat(client, **{"Idempotency-Key": key})).status_code == 200
    assert len(llm.asked) == 1


async def test_fifty_that_send_it_at_once_have_one_effect(client: httpx.AsyncClient, llm: ScriptedLLM) -> None:
    answers = await asyncio.gather(*(chat(client) for _ in range(50)))
    assert len(llm.asked) == 1
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert {answer.json()["error"]["code"] for answer in answers if answer.status_code == 409} <= {
        "idempotency_in_progress"
    }
    whole = {answer.content for answer in answers if answer.status_code == 200}
    assert len(whole) == 1
    assert (await chat(client)).content in whole


async def test_while_it_runs_it_is_a_409_that_says_when_to_ask_again(keyed: Keyed, services: Services) -> None:
    llm = ScriptedLLM(TextDelta("hi"), waits=True)
    async with keyed.client(dataclasses.replace(services, llm=llm)) as client:
        first = asyncio.create_task(chat(client))
        await llm.working.wait()
        answer = await chat(client)
        first.cancel()
        await asyncio.wait({first})
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "idempotency_in_progress"
    assert answer.headers["retry-after"] == "1"
    assert len(llm.asked) == 1


async def test_a_refused_request_leaves_its_key_free(client: httpx.AsyncClient, llm: ScriptedLLM) -> None:
    refused = await chat(client, {**CHAT, "temperature": 99})
    assert refused.status_code == 400
    assert "idempotency-kept" not in refused.headers
    assert (await chat(client)).status_code == 200
    assert len(llm.asked) == 1


async def test_an_answer_that_asks_to_send_it_again_leaves_its_key_free(keyed: Keyed, services: Services) -> None:
    llm = ScriptedLLM(error=ReplicaLost("The replica ended."))
    async with keyed.client(dataclasses.replace(services, llm=llm)) as client:
        answers = [await chat(client) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [503, 503]
    assert len(llm.asked) == 2


async def test_a_failure_after_the_work_began_is_kept(keyed: Keyed, services: Services) -> None:
    llm = ScriptedLLM(error=EngineFailed("It broke."))
    async with keyed.client(dataclasses.replace(services, llm=llm)) as client:
        first, again = await chat(client), await chat(client)
    assert (first.status_code, again.status_code) == (500, 500)
    assert again.headers["idempotent-replayed"] == "true"
    assert first.content == again.content
    assert len(llm.asked) == 1


async def test_a_failure_that_nobody_foresaw_leaves_its_key_free(keyed: Keyed, services: Services) -> None:
    llm = ScriptedLLM(error=RuntimeError("a mistake of ours"))
    async with keyed.client(dataclasses.replace(services, llm=llm)) as client:
        answers = [await chat(client) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [500, 500]
    assert len(llm.asked) == 2


async def test_after_a_day_the_key_is_free(keyed: Keyed, client: httpx.AsyncClient, llm: ScriptedLLM) -> None:
    await chat(client)
    keyed.clock.move(24 * 3600 - 1)
    await chat(client)
    assert len(llm.asked) == 1
    keyed.clock.move(1)
    assert "idempotent-replayed" not in (await chat(client)).headers
    assert len(llm.asked) == 2


async def test_the_official_client_gets_the_same_answer_twice(
    keyed: Keyed, services: Services, llm: ScriptedLLM
) -> None:
    transport = httpx2.ASGITransport(keyed.app(dataclasses.replace(services, llm=llm)))
    async with AsyncOpenAI(
        base_url="http://gateway/v1",
        api_key="unused",
        max_retries=0,
        http_client=httpx2.AsyncClient(transport=transport),
        _strict_response_validation=True,
    ) as client:
        answers = [await client.chat.completions.create(**CHAT, extra_headers=KEY) for _ in range(2)]
    assert answers[0] == answers[1]
    assert len(llm.asked) == 1


async def test_each_user_has_keys_of_their_own(keyed: Keyed, services: Services, llm: ScriptedLLM) -> None:
    keyring = Keyring()
    keys = [keyring.add(user_id=user_id, role_scopes=BUILT_IN_ROLES["user"]) for user_id in ("user_1", "user_2")]
    authenticator = Authenticator(keyring.find, Clock())
    async with keyed.client(dataclasses.replace(services, llm=llm, authenticator=authenticator)) as client:
        answers = [await chat(client, Authorization=bearer(key)) for key in (*keys, *keys)]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert [answer.headers.get("idempotent-replayed") for answer in answers] == [None, None, "true", "true"]
    assert len(llm.asked) == 2


async def test_a_key_that_may_do_less_does_not_get_the_answer_of_one_that_may_do_more(
    keyed: Keyed, services: Services, llm: ScriptedLLM
) -> None:
    keyring = Keyring()
    wide = keyring.add(role_scopes=BUILT_IN_ROLES["user"])
    narrow = keyring.add(role_scopes=BUILT_IN_ROLES["user"], scopes=frozenset({"models:read"}))
    authenticator = Authenticator(keyring.find, Clock())
    async with keyed.client(dataclasses.replace(services, llm=llm, authenticator=authenticator)) as client:
        assert (await chat(client, Authorization=bearer(wide))).status_code == 200
        answer = await chat(client, Authorization=bearer(narrow))
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "insufficient_scope")


async def test_nobody_learns_of_keys_without_a_credential(keyed: Keyed, services: Services) -> None:
    authenticator = Authenticator(Keyring().find, Clock())
    async with keyed.client(dataclasses.replace(services, authenticator=authenticator)) as client:
        assert (await chat(client)).status_code == 401


async def test_neither_the_key_nor_the_answer_is_in_the_database(keyed: Keyed, client: httpx.AsyncClient) -> None:
    answer = await chat(client)
    await keyed.database.close()
    stored = b"".join(file.read_bytes() for file in sorted(keyed.folder.rglob("smartlite.db*")))
    assert KEY["Idempotency-Key"].encode() not in stored
    assert json.loads(answer.content)["id"].encode() not in stored


async def test_credentials_are_never_kept(keyed: Keyed, services: Services, tmp_path: Path) -> None:
    async with a_world(tmp_path / "accounts") as world:
        await world.add_user()
        known = {"authenticator": world.authenticator, "identity": world.identity, "accounts": world.accounts}
        body = {"email": EMAIL, "password": PASSWORD}
        async with keyed.client(dataclasses.replace(services, **known)) as client:
            answers = [await client.post("/v1/auth/login", json=body, headers=KEY) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json()["refresh_token"] != answers[1].json()["refresh_token"]
    async with keyed.database.reading() as session:
        assert await session.rows(select(IdempotencyRow.id)) == []


async def test_what_is_shown_once_is_shown_again_to_whoever_has_the_key(
    keyed: Keyed, services: Services, tmp_path: Path
) -> None:
    async with a_world(tmp_path / "accounts") as world:
        await world.add_user(roles=("admin",))
        known = {"authenticator": world.authenticator, "identity": world.identity, "accounts": world.accounts}
        headers = KEY | {"Authorization": f"Bearer {(await world.sign_in()).access_token}"}
        async with keyed.client(dataclasses.replace(services, **known)) as client:
            answers = [await client.post("/v1/api-keys", json={"name": "ci"}, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [answers[0].status_code] * 2
    assert answers[0].json() == answers[1].json()
    assert answers[1].headers["idempotent-replayed"] == "true"
    await keyed.database.close()
    stored = b"".join(file.read_bytes() for file in sorted(keyed.folder.glob("smartlite.db*")))
    assert answers[0].json()["key"].encode() not in stored
