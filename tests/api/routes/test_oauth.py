"""OAuth over HTTP, on a database: a code by its user's word, tokens for it, and everything that is refused."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from smartlite.api.services import Services
from tests.api.oauth_gateway import CALLBACK, VERIFIER, Gateway, a_gateway, parameters, sealed_in
from tests.auth.accounts import EMAIL

ISSUER = "http://127.0.0.1:8000"


@pytest.fixture
async def gateway(services: Services, tmp_path: Path) -> AsyncIterator[Gateway]:
    async with a_gateway(services, tmp_path) as gateway:
        yield gateway


async def test_a_program_gets_tokens_by_its_users_word_and_uses_them(gateway: Gateway) -> None:
    program = await gateway.register()
    answer = await gateway.decide(await gateway.page(program))
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(CALLBACK + "&code=")
    said = parameters(answer)
    assert (said["state"], said["iss"], said["from"]) == ("a state & more", ISSUER, "here")
    found = await gateway.exchange(program, said["code"])
    assert (found.status_code, found.headers["cache-control"]) == (200, "no-store")
    tokens = found.json()
    assert set(tokens) == {"access_token", "token_type", "expires_in", "scope", "refresh_token"}
    assert (tokens["token_type"], tokens["expires_in"], tokens["scope"]) == ("Bearer", 900, "llm:chat models:read")
    me = (await gateway.me(tokens["access_token"])).json()
    assert (me["name"], me["scopes"], me["client_id"]) == ("Ana", ["llm:chat", "models:read"], program.id)
    chat = {"model": "fake-llm", "messages": [{"role": "user", "content": "Hello."}]}
    bearer = {"authorization": f"Bearer {tokens['access_token']}"}
    assert (await gateway.client.post("/v1/chat/completions", json=chat, headers=bearer)).status_code == 200
    assert (await gateway.client.get("/v1/api-keys", headers=bearer)).status_code == 403


async def test_the_page_says_who_asks_for_what_and_is_safe_to_show(gateway: Gateway) -> None:
    program = await gateway.register(name="<script>alert(1)</script> & Co")
    page = await gateway.page(program)
    assert page.status_code == 200
    assert "<script>" not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; Co" in page.text
    assert "https://app.example</code>" in page.text
    assert "<code>llm:chat</code>" in page.text
    assert "<code>asr:transcribe</code>" not in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self' https://app.example;" in policy
    assert (page.headers["x-frame-options"], page.headers["cache-control"]) == ("DENY", "no-store")
    assert "set-cookie" not in page.headers


async def test_whoever_says_no_tells_it_the_program(gateway: Gateway) -> None:
    program = await gateway.register()
    answer = await gateway.decide(await gateway.page(program), decision="deny", email="", password="")
    assert (answer.status_code, parameters(answer)["error"]) == (303, "access_denied")
    assert parameters(answer)["state"] == "a state & more"


async def test_a_wrong_password_shows_the_page_again_and_is_counted(gateway: Gateway) -> None:
    program = await gateway.register()
    page = await gateway.page(program)
    answers = [await gateway.decide(page, password="wrong password") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert "There is no user with this e-mail address and this password." in answers[0].text
    assert "wrong password" not in answers[0].text
    assert EMAIL in answers[0].text
    assert answers[5].headers["retry-after"] == "30"
    gateway.world.clock.move(30)
    assert (await gateway.decide(answers[0])).status_code == 303


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": None},
        {"client_id": "client_nobody"},
        {"client_id": ""},
        {"redirect_uri": None},
        {"redirect_uri": ""},
        {"redirect_uri": "https://app.example/callback"},
        {"redirect_uri": CALLBACK + "/"},
        {"redirect_uri": CALLBACK + "&x=1"},
        {"redirect_uri": CALLBACK.replace("app", "APP")},
        {"redirect_uri": CALLBACK.replace("/callback", "/x/../callback")},
        {"redirect_uri": CALLBACK.replace("app.", "me@app.")},
        {"redirect_uri": CALLBACK.replace("https", "http")},
        {"redirect_uri": CALLBACK.replace(".example", ".example:443")},
        {"redirect_uri": "https://evil.example/"},
        {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": "//evil.example"},
    ],
)
async def test_where_it_may_not_be_the_program_nobody_is_sent_anywhere(
    gateway: Gateway, changes: dict[str, str | None]
) -> None:
    page = await gateway.page(await gateway.register(), **changes)
    assert page.status_code == 400
    assert "location" not in page.headers
    assert "form-action 'none'" in page.headers["content-security-policy"]
    assert "evil" not in page.text


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
async def test_a_program_that_is_named_twice_is_none(gateway: Gateway, name: str) -> None:
    question = list(gateway.question(await gateway.register()).items())
    params = [*question, *(each for each in question if each[0] == name)]
    assert (await gateway.client.get("/v1/oauth/authorize", params=params)).status_code == 400


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": None}, "unsupported_response_type"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge": "=" * 43}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": "s256"}, "invalid_request"),
        ({"scope": "llm:chat users:write"}, "invalid_scope"),
        ({"scope": "nonsense"}, "invalid_scope"),
    ],
)
async def test_a_bad_request_of_a_known_program_is_told_to_the_program(
    gateway: Gateway, changes: dict[str, str | None], error: str
) -> None:
    answer = await gateway.page(await gateway.register(), **changes)
    assert answer.status_code == 303
    said = parameters(answer)
    assert (said["error"], said["state"], said["iss"]) == (error, "a state & more", ISSUER)
    assert "code" not in said


async def test_a_program_without_that_way_gets_no_codes(gateway: Gateway) -> None:
    program = await gateway.register(kind="confidential", grant_types=["client_credentials"], redirect_uris=[])
    page = await gateway.page(program, redirect_uri="https://app.example/")
    assert page.status_code == 400


async def test_a_user_gives_no_more_than_they_may(gateway: Gateway) -> None:
    program = await gateway.register(scopes=["llm:chat", "keys:read"])
    await gateway.world.add_user("bob@example.com", roles=("viewer",))
    await gateway.world.add_user("eve@example.com", roles=("user",))
    answer = await gateway.decide(await gateway.page(program, scope=None), email="bob@example.com")
    assert parameters(answer)["error"] == "access_denied"
    assert (await gateway.granted(program, "eve@example.com", scope=None))["scope"] == "llm:chat"


async def test_a_page_that_was_changed_or_is_old_is_refused(gateway: Gateway) -> None:
    program = await gateway.register()
    page = await gateway.page(program)
    sealed = sealed_in(page)
    for text in (sealed[:-1] + ("0" if sealed[-1] != "0" else "1"), "A" + sealed, "x.y", ".", "é", sealed + "\n"):
        assert (await gateway.decide(page, request=text)).status_code == 400
    gateway.world.clock.move(600)
    answer = await gateway.decide(page)
    assert (answer.status_code, "location" in answer.headers) == (400, False)


async def test_a_page_of_a_program_that_was_revoked_meanwhile_is_refused(gateway: Gateway) -> None:
    program = await gateway.register()
    page = await gateway.page(program)
    await gateway.ask("DELETE", f"/v1/oauth/clients/{program.id}", 204)
    assert (await gateway.decide(page)).status_code == 400


async def test_a_page_is_only_answered_from_where_it_is(gateway: Gateway) -> None:
    page = await gateway.page(await gateway.register())
    form = {"request": sealed_in(page), "decision": "allow", "email": EMAIL, "password": "x"}
    for origin in ("https://evil.example", "null"):
        answer = await gateway.client.post("/v1/oauth/authorize", data=form, headers={"origin": origin})
        assert answer.status_code == 403
    assert (
        await gateway.client.post("/v1/oauth/authorize", data=form, headers={"origin": "http://gateway"})
    ).status_code == 401


@pytest.mark.parametrize(
    "changes",
    [
        {"code": "slac_nothing"},
        {"code_verifier": "w" * 43},
        {"code_verifier": VERIFIER + "v"},
        {"code_verifier": "short"},
        {"code_verifier": "é" * 43},
        {"redirect_uri": CALLBACK + "/"},
        {"redirect_uri": "https://app.example/callback"},
    ],
)
async def test_a_code_is_good_only_with_all_that_belongs_to_it(gateway: Gateway, changes: dict[str, str]) -> None:
    program = await gateway.register()
    code = await gateway.code(program)
    refused = await gateway.exchange(program, code, **changes)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert (await gateway.exchange(program, code)).status_code == 200


async def test_a_code_is_for_its_program_and_for_a_minute(gateway: Gateway) -> None:
    program, other = await gateway.register(), await gateway.register()
    code = await gateway.code(program)
    assert (await gateway.exchange(other, code)).json()["error"] == "invalid_grant"
    gateway.world.clock.move(60)
    assert (await gateway.exchange(program, code)).json()["error"] == "invalid_grant"


async def test_a_code_that_is_used_twice_takes_back_what_was_given_for_it(gateway: Gateway) -> None:
    program = await gateway.register()
    code = await gateway.code(program)
    tokens = (await gateway.exchange(program, code)).json()
    assert (await gateway.me(tokens["access_token"])).status_code == 200
    gateway.world.clock.move(3600)
    assert (await gateway.exchange(program, code)).json()["error"] == "invalid_grant"
    assert (await gateway.refresh(program, tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert "oauth_grant.code_reused" in await gateway.world.actions()


@pytest.mark.parametrize("name", ["code", "redirect_uri", "code_verifier"])
async def test_what_is_missing_is_told(gateway: Gateway, name: str) -> None:
    program = await gateway.register()
    answer = await gateway.exchange(program, await gateway.code(program), **{name: ""})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert name in answer.json()["error_description"]


async def test_metadata_names_the_issuer_that_answers_name(gateway: Gateway) -> None:
    found = (await gateway.client.get("/.well-known/oauth-authorization-server")).json()
    answer = await gateway.decide(await gateway.page(await gateway.register()))
    assert found["issuer"] == parameters(answer)["iss"] == ISSUER
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert found["authorization_response_iss_parameter_supported"] is True
    for name in ("authorization", "token", "revocation", "introspection"):
        assert found[f"{name}_endpoint"].startswith(f"{ISSUER}/v1/oauth/")
