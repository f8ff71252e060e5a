"""Clients over HTTP: who may register which, who sees them, how they show who they are, and what they may ask."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from smartlite.api.services import Services
from tests.api.oauth_gateway import CALLBACK, Gateway, Program, a_gateway
from tests.auth.accounts import ACTOR, EMAIL

BOB, BOSS = "bob@example.com", "boss@example.com"
NEW: dict[str, Any] = {"name": "x", "kind": "public", "redirect_uris": [CALLBACK], "scopes": ["llm:chat"]}
ITSELF = {"kind": "confidential", "grant_types": ["client_credentials"], "redirect_uris": []}


@pytest.fixture
async def gateway(services: Services, tmp_path: Path) -> AsyncIterator[Gateway]:
    async with a_gateway(services, tmp_path) as gateway:
        yield gateway


async def test_a_client_is_registered_shown_and_revoked(gateway: Gateway) -> None:
    made = await gateway.ask("POST", "/v1/oauth/clients", 201, json={**NEW, "kind": "confidential"})
    assert made["client_secret"].startswith("slcs_")
    shown = await gateway.ask("GET", f"/v1/oauth/clients/{made['id']}", 200)
    assert shown == {name: value for name, value in made.items() if name != "client_secret"}
    assert (await gateway.ask("GET", "/v1/oauth/clients", 200))["data"] == [shown]
    for _ in range(2):
        await gateway.ask("DELETE", f"/v1/oauth/clients/{made['id']}", 204)
    assert (await gateway.ask("GET", f"/v1/oauth/clients/{made['id']}", 200))["revoked_at"] is not None
    assert (await gateway.world.actions()).count("oauth_client.revoke") == 1
    kept = b"".join(file.read_bytes() for file in Path(str(gateway.world.database.url.database)).parent.glob("*.db*"))
    assert made["client_secret"].encode() not in kept


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"name": ""}, "name"),
        ({"name": " "}, "name"),
        ({"name": "a\u202eb"}, "name"),
        ({"kind": "secret"}, "kind"),
        ({"grant_types": []}, "grant_types"),
        ({"grant_types": ["password"]}, "grant_types[0]"),
        ({"grant_types": ["implicit"]}, "grant_types[0]"),
        ({"grant_types": ["client_credentials"]}, "grant_types"),
        ({"grant_types": ["refresh_token"]}, "grant_types"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["nonsense"]}, "scopes"),
        ({"scopes": ["llm:chat:模型"]}, "scopes"),
        ({"scopes": [f"llm:chat:{'m' * 200}{number}" for number in range(20)]}, "scopes"),
        ({"redirect_uris": []}, "redirect_uris"),
        ({"redirect_uris": ["https://a.example/x"] * 11}, "redirect_uris"),
        ({"user_id": "user_1"}, "user_id"),
        ({"secret_hash": "x"}, "secret_hash"),
    ],
    ids=str,
)
async def test_what_a_client_cannot_be_is_told(gateway: Gateway, change: dict[str, Any], param: str) -> None:
    error = (await gateway.ask("POST", "/v1/oauth/clients", 400, json={**NEW, **change}))["error"]
    assert error["param"] == param


async def test_nobody_registers_a_client_that_may_do_more_than_they(gateway: Gateway) -> None:
    error = (await gateway.ask("POST", "/v1/oauth/clients", 403, json={**NEW, "scopes": ["users:write"]}))["error"]
    assert error["code"] == "insufficient_scope"
    await gateway.world.add_user(BOB, roles=("user",))
    await gateway.ask("POST", "/v1/oauth/clients", 403, BOB, json=NEW)
    await gateway.ask("GET", "/v1/oauth/clients", 403, BOB)


async def test_the_clients_of_others_are_not_there_but_for_an_administrator(gateway: Gateway) -> None:
    await gateway.world.add_user(BOB, roles=("developer",))
    await gateway.world.add_user(BOSS, roles=("admin",))
    program = await gateway.register(kind="confidential")
    of_boss = await gateway.register(BOSS, kind="confidential")
    mine = (await gateway.ask("GET", "/v1/auth/me", 200))["user_id"]
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/secret")):
        for client_id in (program.id, of_boss.id, "client_x"):
            await gateway.ask(method, f"/v1/oauth/clients/{client_id}{path}", 404, BOB)
    await gateway.ask("GET", f"/v1/oauth/clients?user_id={mine}", 403, BOB)
    assert (await gateway.ask("GET", "/v1/oauth/clients", 200, BOB))["data"] == []
    assert len((await gateway.ask("GET", f"/v1/oauth/clients?user_id={mine}", 200, BOSS))["data"]) == 1
    await gateway.ask("POST", f"/v1/oauth/clients/{program.id}/secret", 200, BOSS)
    await gateway.ask("DELETE", f"/v1/oauth/clients/{program.id}", 204, BOSS)


async def test_who_may_write_users_touches_no_client_of_somebody_who_may_do_more(gateway: Gateway) -> None:
    await gateway.world.identity.add_role(ACTOR, "desk", ["users:write", "oauth:read", "oauth:write", "llm:chat"])
    await gateway.world.add_user(BOB, roles=("desk",))
    await gateway.world.add_user(BOSS, roles=("admin",))
    of_boss = await gateway.register(BOSS, kind="confidential", scopes=["llm:chat"])
    await gateway.ask("POST", f"/v1/oauth/clients/{of_boss.id}/secret", 403, BOB)
    await gateway.ask("DELETE", f"/v1/oauth/clients/{of_boss.id}", 403, BOB)


async def test_a_narrow_key_gets_no_secret_of_a_client_that_may_do_more(gateway: Gateway) -> None:
    program = await gateway.register(**ITSELF)
    user = await gateway.world.identity.find_user(EMAIL)
    _, text = await gateway.world.identity.add_key(ACTOR, user.user.id, "narrow", ["oauth:write"])
    bearer = {"authorization": f"Bearer {text}"}
    answer = await gateway.client.post(f"/v1/oauth/clients/{program.id}/secret", headers=bearer)
    assert answer.status_code == 403
    answer = await gateway.client.post("/v1/oauth/clients", json=NEW, headers=bearer)
    assert answer.status_code == 403


async def test_a_new_secret_takes_the_place_of_the_one_before(gateway: Gateway) -> None:
    program = await gateway.register(**ITSELF)
    made = await gateway.ask("POST", f"/v1/oauth/clients/{program.id}/secret", 200)
    refused = await gateway.token(program, grant_type="client_credentials")
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    again = Program(program.id, made["client_secret"])
    assert (await gateway.token(again, grant_type="client_credentials")).status_code == 200
    public = await gateway.register()
    await gateway.ask("POST", f"/v1/oauth/clients/{public.id}/secret", 400)


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


async def test_who_does_not_show_which_client_it_is_gets_one_answer(gateway: Gateway) -> None:
    program, public = await gateway.register(**ITSELF), await gateway.register()
    good = {"grant_type": "client_credentials"}
    wrong: list[tuple[dict[str, str], dict[str, str]]] = [
        ({}, {}),
        ({"client_id": program.id}, {}),
        ({"client_id": program.id, "client_secret": "x"}, {}),
        ({"client_id": public.id, "client_secret": "x"}, {}),
        ({"client_id": "client_nobody", "client_secret": program.secret or ""}, {}),
        ({}, {"authorization": basic(f"{program.id}:x")}),
        ({}, {"authorization": basic(f"{program.id}:")}),
        ({}, {"authorization": basic(program.id)}),
        ({}, {"authorization": basic(f"{public.id}:{program.secret}")}),
        ({}, {"authorization": "Basic !!!"}),
        ({}, {"authorization": f"Bearer {program.secret}"}),
        ({"client_id": program.id, "client_secret": "é" * 400}, {}),
        ({"client_id": program.id}, {"authorization": "Basic " + "A" * 10_000}),
    ]
    answers = [
        await gateway.client.post("/v1/oauth/token", data={**good, **form}, headers=headers) for form, headers in wrong
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert {answer.headers["www-authenticate"] for answer in answers} == {'Basic realm="smartlite"'}
    assert {answer.json()["error"] for answer in answers} == {"invalid_client"}
    assert len({answer.content for answer in answers}) == 1
    form = {**good, "client_id": program.id, "client_secret": program.secret or ""}
    assert (await gateway.client.post("/v1/oauth/token", data=form)).status_code == 200
    twice = await gateway.client.post("/v1/oauth/token", data=form, auth=program.auth)
    assert (twice.status_code, twice.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("content", "content_type", "status", "error"),
    [
        ("grant_type=password&username=a&password=b", None, 400, "unsupported_grant_type"),
        ("grant_type=implicit", None, 400, "unsupported_grant_type"),
        ("grant_type=", None, 400, "invalid_request"),
        ("", None, 400, "invalid_request"),
        ("grant_type=client_credentials&grant_type=client_credentials", None, 400, "invalid_request"),
        ("grant_type=client_credentials&unknown=1", None, 200, None),
        ("grant_type=client_credentials&scope=users:write", None, 400, "invalid_scope"),
        ("grant_type=authorization_code&code=x&redirect_uri=y&code_verifier=z", None, 400, "unauthorized_client"),
        ("grant_type=%ff", None, 400, "invalid_request"),
        ("grant_type=a%00", None, 400, "invalid_request"),
        ("&".join(f"a{n}=1" for n in range(100)), None, 400, "invalid_request"),
        ("grant_type=client_credentials&scope=" + "x" * 70_000, None, 413, "invalid_request"),
        ('{"grant_type": "client_credentials"}', "application/json", 415, "invalid_request"),
    ],
)
async def test_a_bad_form_is_told_in_oauths_own_words(
    gateway: Gateway, content: str, content_type: str | None, status: int, error: str | None
) -> None:
    program = await gateway.register(**ITSELF)
    headers = {"content-type": content_type or "application/x-www-form-urlencoded"}
    answer = await gateway.client.post("/v1/oauth/token", content=content, headers=headers, auth=program.auth)
    assert answer.status_code == status
    assert answer.headers["cache-control"] == "no-store"
    if error is not None:
        assert set(answer.json()) == {"error", "error_description"}
        assert answer.json()["error"] == error


async def introspect(gateway: Gateway, program: Program, token: str) -> dict[str, Any]:
    answer = await gateway.client.post("/v1/oauth/introspect", data={"token": token}, auth=program.auth)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    found: dict[str, Any] = answer.json()
    return found


async def test_a_client_learns_of_its_own_tokens_and_of_no_others(gateway: Gateway) -> None:
    program, other = await gateway.register(kind="confidential"), await gateway.register(kind="confidential")
    tokens = await gateway.granted(program)
    me = (await gateway.me(tokens["access_token"])).json()
    told = await introspect(gateway, program, tokens["access_token"])
    assert (told["active"], told["scope"], told["sub"]) == (True, "llm:chat models:read", me["user_id"])
    assert (told["client_id"], told["token_type"], told["exp"] - told["iat"]) == (program.id, "Bearer", 900)
    refresh = await introspect(gateway, program, tokens["refresh_token"])
    assert (refresh["active"], refresh["token_type"]) == (True, "refresh_token")
    session = await gateway.world.sign_in()
    for text in (tokens["access_token"], tokens["refresh_token"], session.access_token, "x", "slo_x", "a.b.c"):
        assert await introspect(gateway, other, text) == {"active": False}
    await gateway.refresh(program, tokens["refresh_token"])
    assert await introspect(gateway, program, tokens["refresh_token"]) == {"active": False}
    gateway.world.clock.move(931)
    assert await introspect(gateway, program, tokens["access_token"]) == {"active": False}


async def test_a_client_that_may_read_users_learns_of_every_token(gateway: Gateway) -> None:
    await gateway.world.add_user(BOSS, roles=("admin",))
    watcher = await gateway.register(BOSS, **ITSELF, scopes=["users:read"])
    tokens = await gateway.granted(await gateway.register())
    assert (await introspect(gateway, watcher, tokens["access_token"]))["active"] is True
    session = await gateway.world.sign_in()
    assert (await introspect(gateway, watcher, session.access_token))["client_id"] == "smartlite"
    boss = await gateway.world.identity.find_user(BOSS)
    await gateway.world.identity.change_user(ACTOR, boss.user.id, role_names=["developer"])
    assert await introspect(gateway, watcher, tokens["access_token"]) == {"active": False}


async def test_a_public_client_asks_about_nothing(gateway: Gateway) -> None:
    program = await gateway.register()
    answer = await gateway.client.post("/v1/oauth/introspect", data={"token": "x", "client_id": program.id})
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def revoke(gateway: Gateway, program: Program, token: str) -> tuple[int, bytes]:
    if program.auth is None:
        form = {"token": token, "client_id": program.id}
        answer = await gateway.client.post("/v1/oauth/revoke", data=form)
    else:
        answer = await gateway.client.post("/v1/oauth/revoke", data={"token": token}, auth=program.auth)
    return answer.status_code, answer.content


@pytest.mark.parametrize("kind", ["public", "confidential"])
@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
async def test_a_token_that_is_given_back_ends_what_it_stands_for(gateway: Gateway, kind: str, which: str) -> None:
    program = await gateway.register(kind=kind)
    tokens = await gateway.granted(program)
    for text in ("x", "slo_x", "a.b.c"):
        assert await revoke(gateway, program, text) == (200, b"")
    assert (await gateway.me(tokens["access_token"])).status_code == 200
    for _ in range(2):
        assert await revoke(gateway, program, tokens[which]) == (200, b"")
    gateway.world.clock.move(1)
    assert (await gateway.me(tokens["access_token"])).status_code == 401
    assert (await gateway.refresh(program, tokens["refresh_token"])).json()["error"] == "invalid_grant"


async def test_a_clients_own_token_is_given_back_and_its_others_go_on(gateway: Gateway) -> None:
    program = await gateway.register(**ITSELF)
    first, second = [
        (await gateway.token(program, grant_type="client_credentials")).json()["access_token"] for _ in range(2)
    ]
    assert (await gateway.me(first)).status_code == 200
    assert await revoke(gateway, program, first) == (200, b"")
    gateway.world.clock.move(1)
    assert ((await gateway.me(first)).status_code, (await gateway.me(second)).status_code) == (401, 200)


async def test_nobody_gives_back_the_tokens_of_others(gateway: Gateway) -> None:
    program, other = await gateway.register(), await gateway.register()
    itself = await gateway.register(**ITSELF)
    tokens = await gateway.granted(program)
    own = (await gateway.token(itself, grant_type="client_credentials")).json()["access_token"]
    session = await gateway.world.sign_in()
    for text in (tokens["access_token"], tokens["refresh_token"], own, session.access_token):
        status, content = await revoke(gateway, other, text)
        assert (status, b"invalid_grant" in content) == (400, True)
    gateway.world.clock.move(1)
    for text in (tokens["access_token"], own, session.access_token):
        assert (await gateway.me(text)).status_code == 200


async def test_where_the_database_is_away_a_client_is_told_to_come_back(gateway: Gateway) -> None:
    program = await gateway.register(**ITSELF)
    gateway.world.database.is_away = True
    answer = await gateway.token(program, grant_type="client_credentials")
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    assert answer.headers["retry-after"]
    page = await gateway.page(program)
    assert (page.status_code, page.headers["content-type"]) == (503, "text/html; charset=utf-8")
