"""Signing in through another provider, which runs beside: the way there and back, and who is let in."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from smartlite.api.services import Services
from tests.api.oauth_gateway import a_gateway
from tests.api.oidc_visit import LOGIN, Visit, known
from tests.auth.accounts import ACTOR, EMAIL
from tests.auth.keyring import Clock
from tests.auth.oidc_provider import GONE, a_provider

pytestmark = [pytest.mark.integration, pytest.mark.enable_socket]


@pytest.fixture
def options() -> dict[str, Any]:
    """Of the provider's configuration."""
    return {"allowed_email_domains": ["example.com"]}


@pytest.fixture
async def visit(services: Services, tmp_path: Path, options: dict[str, Any]) -> AsyncIterator[Visit]:
    clock = Clock()
    async with a_provider(clock) as provider, a_gateway(services, tmp_path, [known(provider, **options)]) as gateway:
        provider.clock = gateway.world.clock
        yield Visit(gateway, provider)


async def test_somebody_comes_in_by_their_verified_address_and_is_known_from_then_on(visit: Visit) -> None:
    answer = await visit.sign_in()
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    tokens = answer.json()
    assert set(tokens) >= {"access_token", "refresh_token", "session_id", "expires_in"}
    me = (await visit.gateway.me(tokens["access_token"])).json()
    assert (me["name"], me["roles"], me["client_id"]) == ("Ana", ["developer"], None)
    visit.provider.person = {**visit.provider.person, "email": "other@elsewhere.example", "email_verified": False}
    again = (await visit.gateway.me((await visit.sign_in()).json()["access_token"])).json()
    assert again["user_id"] == me["user_id"]
    assert (await visit.gateway.world.actions()).count("external_account.add") == 1
    refreshed = await visit.gateway.client.post("/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert refreshed.status_code == 200


async def test_the_browser_is_sent_with_state_nonce_and_challenge_and_keeps_one_cookie(visit: Visit) -> None:
    begun = await visit.begin()
    asked = parse_qs(urlsplit(begun.headers["location"]).query)
    assert set(asked) >= {"state", "nonce", "code_challenge", "code_challenge_method", "scope", "redirect_uri"}
    cookie = begun.headers["set-cookie"].lower()
    for word in ("httponly", "samesite=lax", "path=/", "max-age=600"):
        assert word in cookie
    secret = next(iter(visit.cookies.values()))
    assert not any(secret in values[0] for values in asked.values())
    ended = await visit.back(await visit.there(begun))
    assert "max-age=0" in ended.headers["set-cookie"].lower()


async def test_providers_are_listed_for_everybody(visit: Visit) -> None:
    (found,) = (await visit.gateway.client.get("/v1/auth/oidc")).json()["data"]
    assert (found["id"], found["name"]) == ("there", "There")
    assert found["login_url"].endswith(LOGIN)
    assert (await visit.gateway.client.get("/v1/auth/oidc/elsewhere/login")).status_code == 404
    assert (await visit.gateway.client.get("/v1/auth/oidc/there/login/x")).status_code == 401


@pytest.mark.parametrize(
    "what", ["no state", "another state", "no cookie", "another cookie", "late", "twice", "denied"]
)
async def test_who_did_not_begin_it_here_and_now_does_not_come_in(visit: Visit, what: str) -> None:
    begun = await visit.begin()
    brought = await visit.there(begun)
    if what == "no state":
        del brought["state"]
    elif what == "another state":
        brought["state"] += "x"
    elif what == "no cookie":
        visit.cookies = {}
    elif what == "another cookie":
        mine = visit.cookies
        await visit.begin()
        assert visit.cookies != mine
    elif what == "late":
        visit.gateway.world.clock.move(600)
    elif what == "twice":
        assert (await visit.back(brought)).status_code == 200
    else:
        brought = {"state": brought["state"], "error": "access_denied"}
    answer = await visit.back(brought)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "external_sign_in_failed")


async def test_a_code_that_the_provider_does_not_know_is_told(visit: Visit) -> None:
    brought = await visit.there(await visit.begin())
    answer = await visit.back({**brought, "code": "invented"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "external_sign_in_failed")


async def test_an_answer_that_names_another_provider_is_refused(visit: Visit) -> None:
    brought = await visit.there(await visit.begin())
    answer = await visit.back({**brought, "iss": "https://evil.example"})
    assert answer.status_code == 400
    assert not visit.provider.seen


@pytest.mark.parametrize(
    "person",
    [
        {"email_verified": False},
        {"email_verified": "true"},
        {"email_verified": GONE},
        {"email": GONE},
        {"email": 1},
        {"email": "ana@example.com.evil.example"},
        {"email": "ana@elsewhere.example"},
        {"email": "ana@evil.example@example.com "},
    ],
    ids=str,
)
async def test_an_address_that_is_not_verified_or_from_elsewhere_opens_no_account(
    visit: Visit, person: dict[str, Any]
) -> None:
    visit.provider.lies = person
    assert await visit.refused() == (403, "external_sign_in_refused")


async def test_another_subject_with_the_same_address_is_another_account_of_the_same_user(visit: Visit) -> None:
    first = (await visit.gateway.me((await visit.sign_in()).json()["access_token"])).json()
    visit.provider.person["sub"] = "another"
    second = (await visit.gateway.me((await visit.sign_in()).json()["access_token"])).json()
    assert second["user_id"] == first["user_id"]
    visit.provider.person |= {"sub": "248289761001 ", "email_verified": False}
    assert await visit.refused() == (403, "external_sign_in_refused")


async def test_who_is_kept_out_does_not_come_in_by_another_door(visit: Visit) -> None:
    assert (await visit.sign_in()).status_code == 200
    user = await visit.gateway.world.identity.find_user(EMAIL)
    await visit.gateway.world.identity.change_user(ACTOR, user.user.id, is_active=False)
    assert await visit.refused() == (403, "external_sign_in_refused")


@pytest.mark.parametrize("options", [{"auto_create": True, "default_roles": ["viewer"]}])
async def test_who_is_new_gets_an_account_where_the_operator_wants_it(visit: Visit) -> None:
    assert await visit.refused() == (403, "external_sign_in_refused")  # the address is somebody's, who was not asked
    visit.provider.person = {"sub": "1", "email": "New@example.com", "email_verified": True, "name": "N\new"}
    me = (await visit.gateway.me((await visit.sign_in()).json()["access_token"])).json()
    assert (me["name"], me["roles"]) == ("New", ["viewer"])
    assert (await visit.gateway.world.identity.find_user("new@example.com")).user.id == me["user_id"]
    visit.provider.person = {"sub": "2", "email": "x@example.com", "email_verified": False}
    assert await visit.refused() == (403, "external_sign_in_refused")


@pytest.mark.parametrize("options", [{"auto_create": True, "allowed_email_domains": ["example.com"]}])
async def test_only_those_of_the_domains_get_an_account(visit: Visit) -> None:
    visit.provider.person = {"sub": "1", "email": "x@elsewhere.example", "email_verified": True}
    assert await visit.refused() == (403, "external_sign_in_refused")
    visit.provider.person["email"] = "x@EXAMPLE.com"
    assert (await visit.sign_in()).status_code == 200
