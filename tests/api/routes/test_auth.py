"""Signing in over HTTP, on a database: tokens, sessions, passwords, and everything that is no token."""

import dataclasses
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from smartlite.api.app import create_app
from smartlite.api.middleware.limits import ADDRESS_HEADER
from smartlite.api.services import Services
from smartlite.auth.token_self_test import bad_tokens
from smartlite.auth.tokens import verify
from tests.auth.accounts import ACTOR, EMAIL, PASSWORD, World, a_world
from tests.auth.keyring import Clock

OTHER = "another good password"


@dataclass
class Browser:
    """Signs in and asks; ``token`` is what it shows."""

    client: httpx.AsyncClient
    token: str | None = None
    refresh_token: str = ""

    async def __call__(self, method: str, path: str, status: int, body: Any = None, **headers: str) -> Any:
        if self.token is not None:
            headers["authorization"] = f"Bearer {self.token}"
        answer = await self.client.request(method, path, json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def signed_in(self, email: str = EMAIL, password: str = PASSWORD, **headers: str) -> "Browser":
        found = await self("POST", "/v1/auth/login", 200, {"email": email, "password": password}, **headers)
        return Browser(self.client, found["access_token"], found["refresh_token"])


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path) as world:
        yield world


@pytest.fixture
async def browser(services: Services, world: World) -> AsyncIterator[Browser]:
    """Nobody yet."""
    services = dataclasses.replace(
        services, authenticator=world.authenticator, identity=world.identity, accounts=world.accounts
    )
    transport = httpx.ASGITransport(create_app(services), client=("203.0.113.7", 1234))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        yield Browser(client)


async def test_somebody_signs_in_asks_refreshes_and_signs_out(browser: Browser, world: World) -> None:
    user_id = await world.add_user()
    ana = await browser.signed_in()
    me = await ana("GET", "/v1/auth/me", 200)
    assert (me["user_id"], me["name"], me["roles"], me["key_id"]) == (user_id, "Ana", ["user"], None)
    assert "llm:chat" in me["scopes"]
    chat = {"model": "fake-llm", "messages": [{"role": "user", "content": "Hello."}]}
    await ana("POST", "/v1/chat/completions", 200, chat)
    assert (await ana("GET", "/v1/users", 403))["error"]["code"] == "insufficient_scope"
    fresh = await browser("POST", "/v1/auth/refresh", 200, {"refresh_token": ana.refresh_token})
    assert (fresh["token_type"], fresh["expires_in"], fresh["session_id"]) == ("Bearer", 900, me["session_id"])
    again = await browser("POST", "/v1/auth/refresh", 200, {"refresh_token": ana.refresh_token})
    assert again["refresh_token"] == fresh["refresh_token"] != ana.refresh_token
    await ana("POST", "/v1/auth/logout", 204)
    world.clock.move(1)
    await ana("GET", "/v1/auth/me", 401)
    refused = await browser("POST", "/v1/auth/refresh", 400, {"refresh_token": fresh["refresh_token"]})
    assert refused["error"]["code"] == "invalid_grant"


async def test_tokens_are_kept_by_no_cache(browser: Browser, world: World) -> None:
    await world.add_user()
    answer = await browser.client.post("/v1/auth/login", json={"email": EMAIL, "password": PASSWORD})
    assert answer.headers["cache-control"] == "no-store"


async def test_a_wrong_password_and_an_unknown_user_get_the_same_answer(browser: Browser, world: World) -> None:
    await world.add_user()
    answers = [
        await browser.client.post("/v1/auth/login", json={"email": email, "password": "wrong password"})
        for email in (EMAIL, "nobody@example.com")
    ]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].content == answers[1].content
    assert answers[0].json()["error"]["code"] == "invalid_credentials"
    names = [sorted(set(answer.headers) - {"x-request-id"}) for answer in answers]
    assert names[0] == names[1]


async def test_too_many_wrong_passwords_are_told_when_to_come_back(browser: Browser, world: World) -> None:
    await world.add_user()
    statuses = []
    for _ in range(7):
        answer = await browser.client.post("/v1/auth/login", json={"email": EMAIL, "password": "wrong password"})
        statuses.append(answer.status_code)
    assert statuses == [401] * 5 + [429] * 2
    assert (answer.json()["error"]["code"], answer.headers["retry-after"]) == ("too_many_sign_ins", "30")
    world.clock.move(30)
    await browser.signed_in()


async def test_the_edge_tells_from_which_address_somebody_signs_in(browser: Browser, world: World) -> None:
    await world.add_user()
    ana = await browser.signed_in(**{ADDRESS_HEADER: "198.51.100.9", "x-forwarded-for": "1.1.1.1", "user-agent": "x"})
    await browser.signed_in(**{"x-forwarded-for": "1.1.1.1"})
    listed = (await ana("GET", "/v1/auth/sessions", 200))["data"]
    assert [each["address"] for each in listed] == ["198.51.100.9", "203.0.113.7"]
    assert (listed[0]["user_agent"], listed[0]["current"], listed[1]["current"]) == ("x", True, False)


async def test_a_session_is_ended_from_another_one(browser: Browser, world: World) -> None:
    await world.add_user()
    here, there = await browser.signed_in(), await browser.signed_in()
    (lost,) = [each for each in (await here("GET", "/v1/auth/sessions", 200))["data"] if not each["current"]]
    await here("DELETE", f"/v1/auth/sessions/{lost['id']}", 204)
    world.clock.move(1)
    await there("GET", "/v1/auth/me", 401)
    assert len((await here("GET", "/v1/auth/sessions", 200))["data"]) == 1


async def test_the_sessions_of_others_are_not_there_but_for_an_administrator(browser: Browser, world: World) -> None:
    bob_id = await world.add_user("bob@example.com")
    await world.add_user()
    await world.add_user("boss@example.com", roles=("admin",))
    bob, ana, boss = [await browser.signed_in(email) for email in ("bob@example.com", EMAIL, "boss@example.com")]
    session_id = (await bob("GET", "/v1/auth/me", 200))["session_id"]
    await ana("GET", f"/v1/auth/sessions?user_id={bob_id}", 403)
    await ana("DELETE", f"/v1/auth/sessions/{session_id}", 404)
    assert (await boss("GET", f"/v1/auth/sessions?user_id={bob_id}", 200))["data"][0]["id"] == session_id
    await boss("DELETE", f"/v1/auth/sessions/{session_id}", 204)
    world.clock.move(1)
    await bob("GET", "/v1/auth/me", 401)


async def test_a_password_is_changed_and_the_other_sessions_end(browser: Browser, world: World) -> None:
    await world.add_user()
    here, there = await browser.signed_in(), await browser.signed_in()
    form = {"current_password": PASSWORD, "new_password": OTHER}
    wrong = await here("POST", "/v1/auth/password", 400, {**form, "current_password": OTHER})
    assert wrong["error"]["param"] == "current_password"
    await here("POST", "/v1/auth/password", 204, form)
    world.clock.move(1)
    await here("GET", "/v1/auth/me", 200)
    await there("GET", "/v1/auth/me", 401)
    await browser("POST", "/v1/auth/login", 401, {"email": EMAIL, "password": PASSWORD})
    await browser.signed_in(password=OTHER)


@pytest.mark.parametrize(
    ("password", "status"),
    [("1234567", 422), ("x" * 1025, 422), (EMAIL, 422), ("password1", 422), ("x" * 5000, 400), (None, 400), (8, 400)],
)
async def test_a_password_that_cannot_be_one_is_refused(
    browser: Browser, world: World, password: Any, status: int
) -> None:
    await world.add_user()
    ana = await browser.signed_in()
    form = {"current_password": PASSWORD, "new_password": password}
    error = (await ana("POST", "/v1/auth/password", status, form))["error"]
    assert error["param"] == "new_password"
    assert not isinstance(password, str) or password not in error["message"]


async def test_a_key_does_to_sessions_only_what_it_may_do_to_keys(browser: Browser, world: World) -> None:
    user_id = await world.add_user(roles=("developer",))
    ana = await browser.signed_in()
    session_id = (await ana("GET", "/v1/auth/me", 200))["session_id"]
    _, narrow = await world.identity.add_key(ACTOR, user_id, "captions", ["asr:transcribe"])
    _, wide = await world.identity.add_key(ACTOR, user_id, "laptop")
    captions, laptop = Browser(browser.client, narrow), Browser(browser.client, wide)
    assert (await captions("GET", "/v1/auth/me", 200))["scopes"] == ["asr:transcribe"]
    await captions("GET", "/v1/auth/sessions", 403)
    await captions("DELETE", f"/v1/auth/sessions/{session_id}", 403)
    await captions("POST", "/v1/auth/password", 403, {"current_password": PASSWORD, "new_password": OTHER})
    await captions("POST", "/v1/auth/logout", 400)
    await laptop("DELETE", f"/v1/auth/sessions/{session_id}", 204)


async def test_the_public_keys_verify_the_tokens_and_are_for_everybody(browser: Browser, world: World) -> None:
    assert await browser("GET", "/.well-known/jwks.json", 200) == {"keys": []}
    await world.add_user()
    await browser.signed_in()
    world.clock.move(10)
    (key,) = (await browser("GET", "/.well-known/jwks.json", 200))["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    assert key["kid"] == (await world.accounts.keys.signer()).id


async def bad_credentials(world: World) -> dict[str, str]:
    """Values of ``Authorization``, by what is wrong with them."""
    await world.add_user()
    signed_in = await world.sign_in()
    key = await world.accounts.keys.signer()
    bad = {name: f"Bearer {text}" for name, text in bad_tokens(key, world.clock.now)}
    good = signed_in.access_token
    scheme = {
        "another scheme": f"Basic {good}",
        "no scheme": good,
        "no space": f"Bearer{good}",
        "two spaces": f"Bearer  {good}",
        "a tab": f"Bearer\t{good}",
        "nothing": "",
        "only the scheme": "Bearer",
        "two in one": f"Bearer {good}, Bearer {good}",
        "the refresh token": f"Bearer {signed_in.refresh_token}",
        "the session": f"Bearer {signed_in.session.id}",
    }
    assert verify(good, {key.id: key}, world.clock.now) is not None
    return bad | scheme


async def test_everything_that_is_no_token_gets_one_and_the_same_401(browser: Browser, world: World) -> None:
    answers = set()
    for name, value in (await bad_credentials(world)).items():
        try:
            raw = value.encode("latin-1")
        except UnicodeEncodeError:
            raw = value.encode("utf-8", "surrogatepass")
        answer = await browser.client.get("/v1/auth/me", headers=[(b"authorization", raw)])
        assert answer.status_code == 401, name
        answers.add((answer.content, answer.headers["www-authenticate"]))
    for headers in ([], [("authorization", "Bearer a.b.c")] * 2):
        answer = await browser.client.get("/v1/auth/me", headers=headers)
        answers.add((answer.content, answer.headers["www-authenticate"]))
    assert len(answers) == 1
    assert next(iter(answers))[1] == 'Bearer error="invalid_token"'


async def test_a_token_in_the_address_is_no_credential(browser: Browser, world: World) -> None:
    await world.add_user()
    token = (await browser.signed_in()).token
    await browser("GET", f"/v1/auth/me?access_token={token}&token={token}", 401)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("login", {"email": EMAIL}, 400),
        ("login", {"email": EMAIL, "password": ["x"]}, 400),
        ("login", {"email": "", "password": PASSWORD}, 400),
        ("login", {"email": "x" * 300, "password": PASSWORD}, 400),
        ("login", [], 400),
        ("refresh", {}, 400),
        ("refresh", {"refresh_token": None}, 400),
        ("refresh", {"refresh_token": "slr_"}, 400),
        ("login", {"email": EMAIL, "password": "x" * 1_100_000}, 413),
    ],
)
async def test_a_bad_body_is_told(browser: Browser, path: str, body: Any, status: int) -> None:
    error = (await browser("POST", f"/v1/auth/{path}", status, body))["error"]
    assert PASSWORD not in error["message"]


async def test_where_authentication_is_off_there_are_no_such_routes(client: httpx.AsyncClient) -> None:
    for path in ("/v1/auth/me", "/v1/auth/sessions", "/.well-known/jwks.json"):
        assert (await client.get(path)).status_code == 404
    assert (await client.post("/v1/auth/login", json={})).status_code == 404


def test_the_clock_of_these_tests_is_ahead_of_the_real_one() -> None:
    assert Clock().now > datetime.now(UTC)  # python-jose asks the real one too
