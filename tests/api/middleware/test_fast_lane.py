"""What is asked often is answered in one step, and nobody can tell but by the time it takes."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection
from pathlib import Path
from typing import Any

import httpx
import pytest

from smartlite.api.middleware.admission import AdmissionMiddleware
from smartlite.api.services import Services
from smartlite.auth.allowances import Allowances
from smartlite.auth.noted import Actor
from smartlite.auth.remembered import FRESH
from smartlite.domain.identity import HeldKey
from smartlite.domain.limits import LimitKind, Period, Quota
from smartlite.errors import JournalUnavailable, Unavailable
from smartlite.storage import api_keys
from smartlite.storage.database import Database, ReadSession
from smartlite.storage.journal import Journal
from smartlite.storage.schema import migrate
from tests.api.metered import Platform

MODELS = "/v1/models"
CHANGING = {
    "server-timing",
    "openai-processing-ms",
    "x-request-id",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-requests",
}


@pytest.fixture
async def platform(services: Services, tmp_path: Path) -> AsyncIterator[Platform]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/smartlite.db")
    await migrate(database)
    yield Platform(services, database, tmp_path / "journal")
    await database.close()


@pytest.fixture
def long_ways(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths of the requests that were not answered at once."""
    taken: list[str] = []
    call: Callable[..., Any] = AdmissionMiddleware.__call__

    async def counted(middleware: Any, scope: Any, receive: Any, send: Any) -> None:
        taken.append(scope["path"])
        await call(middleware, scope, receive, send)

    monkeypatch.setattr(AdmissionMiddleware, "__call__", counted)
    return taken


@pytest.fixture
async def ana(platform: Platform, long_ways: list[str]) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who was here a moment ago."""
    async with await platform.add("ana", {"user"}) as client:
        assert (await client.get(MODELS)).status_code == 200
        assert long_ways == [MODELS]
        long_ways.clear()
        yield client


async def test_who_was_here_a_moment_ago_is_answered_at_once(ana: httpx.AsyncClient, long_ways: list[str]) -> None:
    answers = [await ana.get(MODELS) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200] * 5
    assert long_ways == []


async def test_the_answer_is_the_same_either_way(ana: httpx.AsyncClient, long_ways: list[str]) -> None:
    at_once = await ana.get(MODELS)
    slowly = await ana.get(MODELS, headers={"origin": "http://gateway"})
    assert long_ways == [MODELS]
    assert at_once.content == slowly.content
    cors = {name for name in slowly.headers if name.startswith("access-control-") or name == "vary"}
    assert at_once.headers.keys() == slowly.headers.keys() - cors
    for name in at_once.headers.keys() - CHANGING:
        assert at_once.headers[name] == slowly.headers[name]


async def test_every_answer_is_in_the_history(platform: Platform, ana: httpx.AsyncClient) -> None:
    for number in range(3):
        answer = await ana.get(MODELS, headers={"x-request-id": f"mine-{number}"})
        assert answer.headers["x-request-id"] == f"mine-{number}"
    await platform.drain.read_all()
    found = (await ana.get("/v1/requests")).json()["data"]
    ours = {each["request_id"]: each for each in found if each["request_id"].startswith("mine-")}
    assert sorted(ours) == ["mine-0", "mine-1", "mine-2"]
    assert all((each["route"], each["status"], each["method"]) == (MODELS, 200, "GET") for each in ours.values())
    assert all(each["user_id"] == platform.users["ana"] for each in ours.values())


async def test_a_limit_holds_for_what_is_answered_at_once(services: Services, tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/limited.db")
    await migrate(database)
    platform = Platform(services, database, tmp_path / "limited")
    assert platform.services.limits is not None
    platform.services.limits.allowances = Allowances(requests=1000)
    async with await platform.add("bea", {"user"}) as bea:
        answers = [(await bea.get(MODELS)).status_code for _ in range(1100)]
    assert answers.count(200) <= 1000 + 1100 // 60
    assert answers[-1] == 429
    await database.close()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "http://gateway"}, 200),
        ({"content-length": "0"}, 200),
        ({"openai-organization": "org_none"}, 401),
        ({"authorization": "Bearer sl_nobody"}, 401),
    ],
)
async def test_what_is_more_than_a_question_goes_the_long_way(
    ana: httpx.AsyncClient, long_ways: list[str], headers: dict[str, str], status: int
) -> None:
    assert (await ana.get(MODELS, headers=headers)).status_code == status
    assert long_ways == [MODELS]


async def test_two_credentials_are_none(platform: Platform, ana: httpx.AsyncClient) -> None:
    twice = [("authorization", ana.headers["authorization"]), ("authorization", "Bearer sl_other")]
    transport = httpx.ASGITransport(platform.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway", headers=twice) as both:
        assert (await both.get(MODELS)).status_code == 401


async def test_a_revoked_key_is_soon_refused(platform: Platform, ana: httpx.AsyncClient) -> None:
    (key,) = (await platform.identity.page_keys(platform.users["ana"], None, 10)).items
    await platform.identity.revoke_key(Actor(None), key.id)
    async with asyncio.timeout(5):
        while (await ana.get(MODELS)).status_code == 200:  # noqa: ASYNC110 - what is waited for is an answer
            await asyncio.sleep(0.05)
    assert (await ana.get(MODELS)).status_code == 401


@pytest.fixture
async def looking(platform: Platform) -> AsyncIterator[None]:
    """Somebody looks for changes, as on a replica."""
    await platform.changes.look()
    task = asyncio.create_task(platform.changes.look_for_ever())
    yield
    task.cancel()


async def refused(client: httpx.AsyncClient) -> int:
    """The status of the first answer that is not 200, within two seconds and some for a machine that is busy."""
    async with asyncio.timeout(10):
        while (status := (await client.get(MODELS)).status_code) == 200:  # noqa: ASYNC110 - as below
            await asyncio.sleep(0.05)
    return status


async def test_while_nothing_changes_nobody_is_looked_up_again(
    platform: Platform, looking: None, ana: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ana.get(MODELS)
    finds: list[str] = []
    find = api_keys.by_public_ids

    async def counted(session: ReadSession, public_ids: Collection[str]) -> dict[str, HeldKey]:
        finds.extend(public_ids)
        return await find(session, public_ids)

    monkeypatch.setattr(api_keys, "by_public_ids", counted)
    until_s = time.monotonic() + 2 * FRESH.total_seconds()
    while time.monotonic() < until_s:
        assert (await ana.get(MODELS)).status_code == 200
        await asyncio.sleep(0.05)
    assert finds == []


async def test_a_revoked_key_is_soon_refused_where_it_is_believed_for_long(
    platform: Platform, looking: None, ana: httpx.AsyncClient
) -> None:
    (key,) = (await platform.identity.page_keys(platform.users["ana"], None, 10)).items
    await platform.identity.revoke_key(Actor(None), key.id)
    assert await refused(ana) == 401


async def test_whose_role_is_taken_away_is_soon_refused_where_they_are_believed_for_long(
    platform: Platform, looking: None, ana: httpx.AsyncClient
) -> None:
    await platform.identity.change_user(Actor(None), platform.users["ana"], role_names=[])
    assert await refused(ana) == 403


async def test_a_limit_that_is_set_soon_holds_where_limits_are_believed_for_long(
    platform: Platform, looking: None, ana: httpx.AsyncClient
) -> None:
    quota = Quota("", "user", platform.users["ana"], LimitKind.REQUESTS, 1, Period.MINUTE, None, "local")
    await platform.quotas.put(Actor(None), quota)
    assert await refused(ana) == 429


async def test_a_key_without_the_right_is_refused_again_and_again(platform: Platform, long_ways: list[str]) -> None:
    async with await platform.add("eve", {"user"}) as eve:
        _, secret = await platform.identity.add_key(Actor(None), platform.users["eve"], "narrow", scopes=["llm:chat"])
        answers = [await eve.get(MODELS, headers={"authorization": f"Bearer {secret}"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [403] * 3


async def test_what_cannot_be_recorded_is_not_given(ana: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise JournalUnavailable("The disk is full.")

    monkeypatch.setattr(Journal, "append", full)
    assert (await ana.get(MODELS)).status_code == 200  # kept in memory
    assert (await ana.get(MODELS)).status_code == 503


async def test_a_route_that_fails_is_answered_as_everywhere(
    platform: Platform, ana: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> None:
        raise Unavailable("Nobody knows.")

    monkeypatch.setattr(type(platform.services.status), "models", lambda _: fail())
    answer = await ana.get(MODELS)
    assert (answer.status_code, answer.json()["error"]["message"]) == (503, "Nobody knows.")


async def test_without_authentication_everybody_is_answered_at_once(
    client: httpx.AsyncClient, long_ways: list[str]
) -> None:
    assert (await client.get(MODELS)).status_code == 200
    assert long_ways == []
