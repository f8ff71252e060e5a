"""What programs do with tokens over HTTP, on a database: refresh them, lose them, and act for themselves."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from smartlite.api.services import Services
from tests.api.oauth_gateway import Gateway, a_gateway
from tests.auth.accounts import ACTOR, EMAIL

ISSUER = "http://127.0.0.1:8000"


@pytest.fixture
async def gateway(services: Services, tmp_path: Path) -> AsyncIterator[Gateway]:
    async with a_gateway(services, tmp_path) as gateway:
        yield gateway


async def test_a_refresh_token_rotates_with_a_grace_and_ends_it_all_when_used_later(gateway: Gateway) -> None:
    program = await gateway.register()
    first = await gateway.granted(program)
    second = (await gateway.refresh(program, first["refresh_token"])).json()
    again = (await gateway.refresh(program, first["refresh_token"])).json()
    assert again["refresh_token"] == second["refresh_token"] != first["refresh_token"]
    gateway.world.clock.move(31)
    assert (await gateway.me(second["access_token"])).status_code == 200
    assert (await gateway.refresh(program, first["refresh_token"])).json()["error"] == "invalid_grant"
    gateway.world.clock.move(1)
    assert (await gateway.refresh(program, second["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await gateway.me(second["access_token"])).status_code == 401


async def test_a_refresh_may_ask_for_less_and_never_for_more(gateway: Gateway) -> None:
    program = await gateway.register()
    tokens = await gateway.granted(program)
    more = await gateway.refresh(program, tokens["refresh_token"], scope="llm:chat asr:transcribe")
    assert more.json()["error"] == "invalid_scope"
    less = (await gateway.refresh(program, tokens["refresh_token"], scope="models:read")).json()
    assert less["scope"] == "models:read"
    assert (await gateway.me(less["access_token"])).json()["scopes"] == ["models:read"]
    all_again = (await gateway.refresh(program, less["refresh_token"])).json()
    assert all_again["scope"] == "llm:chat models:read"


async def test_refresh_tokens_of_sessions_and_of_programs_are_not_taken_for_each_other(gateway: Gateway) -> None:
    program = await gateway.register()
    tokens = await gateway.granted(program)
    session = await gateway.world.sign_in()
    own = await gateway.client.post("/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert (own.status_code, own.json()["error"]["code"]) == (400, "invalid_grant")
    renamed = "slr_" + tokens["refresh_token"][4:]
    assert (await gateway.client.post("/v1/auth/refresh", json={"refresh_token": renamed})).status_code == 400
    for text in (session.refresh_token, "slo_" + session.refresh_token[4:]):
        assert (await gateway.refresh(program, text)).json()["error"] == "invalid_grant"
    assert (await gateway.refresh(program, tokens["refresh_token"])).status_code == 200


async def test_a_refresh_token_is_for_its_program_only(gateway: Gateway) -> None:
    program, other = await gateway.register(), await gateway.register()
    tokens = await gateway.granted(program)
    assert (await gateway.refresh(other, tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await gateway.refresh(program, tokens["refresh_token"])).status_code == 200


async def test_a_program_that_may_not_refresh_gets_no_refresh_token(gateway: Gateway) -> None:
    program = await gateway.register(grant_types=["authorization_code"])
    tokens = await gateway.granted(program)
    assert "refresh_token" not in tokens
    assert (await gateway.refresh(program, "slo_x")).json()["error"] == "unauthorized_client"


async def test_a_program_acts_for_itself_within_what_its_owner_may(gateway: Gateway) -> None:
    program = await gateway.register(kind="confidential", grant_types=["client_credentials"], redirect_uris=[])
    answer = await gateway.token(program, grant_type="client_credentials", scope="llm:chat models:read")
    assert (answer.status_code, answer.json()["scope"]) == (200, "llm:chat models:read")
    assert "refresh_token" not in answer.json()
    me = (await gateway.me(answer.json()["access_token"])).json()
    assert (me["name"], me["scopes"], me["session_id"]) == ("Captions", ["llm:chat", "models:read"], None)
    user_id = me["user_id"]
    await gateway.world.identity.change_user(ACTOR, user_id, role_names=["viewer"])
    gateway.world.clock.move(1)
    assert (await gateway.me(answer.json()["access_token"])).json()["scopes"] == ["models:read"]
    await gateway.world.identity.change_user(ACTOR, user_id, is_active=False)
    gateway.world.clock.move(1)
    assert (await gateway.me(answer.json()["access_token"])).status_code == 401
    refused = await gateway.token(program, grant_type="client_credentials")
    assert refused.json()["error"] == "unauthorized_client"


@pytest.mark.parametrize("what", ["client", "grant", "user", "password"])
async def test_whatever_is_taken_back_stops_within_two_seconds_on_every_replica(gateway: Gateway, what: str) -> None:
    program = await gateway.register()
    tokens = await gateway.granted(program)
    other = gateway.world.replica()
    me = await other.asks(tokens["access_token"])
    if what == "client":
        await gateway.ask("DELETE", f"/v1/oauth/clients/{program.id}", 204)
    elif what == "grant":
        (grant,) = (await gateway.ask("GET", "/v1/auth/grants", 200))["data"]
        assert (grant["client_name"], grant["scopes"]) == ("Captions", ["llm:chat", "models:read"])
        await gateway.ask("DELETE", f"/v1/auth/grants/{grant['id']}", 204)
        assert (await gateway.ask("GET", "/v1/auth/grants", 200))["data"] == []
    elif what == "user":
        for is_active in (False, True):
            await gateway.world.identity.change_user(ACTOR, me.user_id or "", is_active=is_active)
    else:
        await gateway.world.accounts.sign_in.set_password(ACTOR, EMAIL, "another good password")
    gateway.world.clock.move(1)
    assert (await gateway.me(tokens["access_token"])).status_code == 401
    assert await other.accounts.check.find(tokens["access_token"]) is None
    refused = await gateway.refresh(program, tokens["refresh_token"])
    assert refused.json()["error"] == ("invalid_client" if what == "client" else "invalid_grant")
    if what == "client":
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, 'Basic realm="smartlite"')


async def test_what_a_program_holds_is_no_session_in_the_list_of_them(gateway: Gateway) -> None:
    await gateway.granted(await gateway.register())
    assert len((await gateway.ask("GET", "/v1/auth/sessions", 200))["data"]) == 1


async def test_a_program_does_to_its_users_credentials_only_what_it_may(gateway: Gateway) -> None:
    program = await gateway.register(scopes=["models:read", "keys:write"])
    for scope, status in (("models:read", 403), ("keys:write", 201)):
        tokens = await gateway.granted(program, scope=scope)
        bearer = {"authorization": f"Bearer {tokens['access_token']}"}
        made = await gateway.client.post("/v1/api-keys", json={"name": "x"}, headers=bearer)
        assert made.status_code == status
        if scope == "models:read":
            for path in ("/v1/auth/sessions", "/v1/auth/grants"):
                assert (await gateway.client.get(path, headers=bearer)).status_code == 403
            for path in ("/v1/auth/sessions/ses_x", "/v1/auth/grants/grant_x"):
                assert (await gateway.client.delete(path, headers=bearer)).status_code == 403
        else:
            assert made.json()["scopes"] == ["keys:write"]
