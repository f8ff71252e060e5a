"""Every lie that another provider can tell when somebody signs in through it, and every way to be away."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey, RSAKey
from starlette.responses import JSONResponse, RedirectResponse, Response

from smartlite.api.services import Services
from smartlite.auth.oidc import asking
from tests.api.oauth_gateway import a_gateway
from tests.api.oidc_visit import Visit, known
from tests.auth.keyring import Clock
from tests.auth.oidc_provider import CLIENT_ID, GONE, a_provider

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


NOW = int(Clock().now.timestamp())
LIES: list[dict[str, Any]] = [
    *({"iss": value} for value in ("https://evil.example", "", None, GONE, ["x"])),
    *({"aud": value} for value in ("other", [CLIENT_ID, "other"], [], "", None, GONE, {"x": 1})),
    {"azp": "other"},
    {"aud": [CLIENT_ID, "other"], "azp": CLIENT_ID},
    *({"exp": value} for value in (NOW - 61, "soon", True, None, GONE, 10**400)),
    *({"iat": value} for value in (NOW + 61, NOW - 700, "now", None, GONE)),
    {"nbf": NOW + 61},
    *({"sub": value} for value in ("", 1, None, GONE, "x" * 256, "a\n", "é", ["x"])),
]


@pytest.mark.parametrize("lie", LIES, ids=str)
async def test_what_a_provider_may_not_sign_signs_nobody_in(visit: Visit, lie: dict[str, Any]) -> None:
    visit.provider.lies = lie
    assert await visit.refused() == (502, "identity_provider_failed")


@pytest.mark.parametrize("nonce", ["x", "", None, 1, GONE, "é"])
async def test_what_was_signed_for_another_sign_in_signs_nobody_in(visit: Visit, nonce: Any) -> None:
    visit.provider.lies = {"nonce": nonce}
    assert await visit.refused() == (400, "external_sign_in_failed")


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "HS256"},
        {"kid": "key-2"},
        {"alg": "HS256", "kid": GONE},
        {"crit": ["exp"], "exp": 1},
    ],
    ids=str,
)
async def test_what_is_not_signed_as_it_must_be_signs_nobody_in(visit: Visit, header: dict[str, Any]) -> None:
    visit.provider.header = header
    assert await visit.refused() == (502, "identity_provider_failed")


@pytest.mark.parametrize("text", ["x", "a.b.c", "..", "a.b", "é.a.b", "x" * 20_000, "[" * 5000 + ".a.b"])
async def test_what_is_no_token_signs_nobody_in(visit: Visit, text: str) -> None:
    visit.provider.raw_token = text
    assert await visit.refused() == (502, "identity_provider_failed")


async def test_a_token_of_another_key_with_the_right_name_signs_nobody_in(visit: Visit) -> None:
    assert (await visit.sign_in()).status_code == 200
    visit.provider.keys.append(RSAKey.generate_key(2048, {"kid": "key-1"}, private=True))
    assert await visit.refused() == (502, "identity_provider_failed")


async def test_a_new_key_is_fetched_and_an_invented_one_at_most_once_a_minute(visit: Visit) -> None:
    assert (await visit.sign_in()).status_code == 200
    visit.provider.keys.append(RSAKey.generate_key(2048, {"kid": "key-2"}, private=True))
    visit.provider.header = {"kid": "key-2"}
    visit.gateway.world.clock.move(61)
    assert (await visit.sign_in()).status_code == 200
    assert visit.provider.asked["/keys"] == 2
    visit.provider.header = {"kid": "invented"}
    for _ in range(3):
        assert (await visit.refused())[0] == 502
    assert visit.provider.asked["/keys"] == 2
    assert visit.provider.asked["/.well-known/openid-configuration"] == 1
    visit.provider.header = {"kid": "key-2"}
    visit.gateway.world.clock.move(600)
    assert (await visit.sign_in()).status_code == 200
    assert visit.provider.asked["/keys"] == 3


async def test_keys_that_cannot_be_used_are_passed_over(visit: Visit) -> None:
    good = visit.provider.keys[0].as_dict(private=False)
    odd: list[Any] = [1, {}, {"kty": "oct", "k": "AAAA", "kid": "key-1"}, {"kty": "RSA"}, {"kty": "x"}]
    odd += [ECKey.generate_key("P-256", {"use": "enc"}, private=True).as_dict(private=False)]
    visit.provider.answers["/keys"] = JSONResponse({"keys": [*odd, good]})
    assert (await visit.sign_in()).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"token_endpoint": "http://evil.example/token"},
        {"token_endpoint": "file:///etc/passwd"},
        {"token_endpoint": None},
        {"jwks_uri": 1},
        {"jwks_uri": "https://me@evil.example/"},
        {"authorization_endpoint": "javascript:alert(1)"},
    ],
    ids=str,
)
async def test_a_provider_that_says_wrong_things_of_itself_is_not_asked(visit: Visit, change: dict[str, Any]) -> None:
    visit.provider.metadata = change
    assert await visit.refused() == (502, "identity_provider_failed")


GARBAGE = {
    "text": Response("hello", media_type="text/html"),
    "a list": JSONResponse([]),
    "not UTF-8": Response(b"\xff\xfe", media_type="application/json"),
    "deep": Response("[" * 100_000, media_type="application/json"),
    "too much": Response(b" " * 2_000_000, media_type="application/json"),
    "compressed": Response(b"x", headers={"content-encoding": "gzip"}),
    "elsewhere": RedirectResponse("http://127.0.0.1:1/"),
    "not found": Response(status_code=404),
    "broken": Response(status_code=500),
}


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/keys", "/token"])
@pytest.mark.parametrize("garbage", GARBAGE)
async def test_garbage_is_a_502(visit: Visit, path: str, garbage: str) -> None:
    visit.provider.answers[path] = GARBAGE[garbage]
    assert await visit.refused() == (502, "identity_provider_failed")


@pytest.mark.parametrize(
    "answer",
    [{"error": "invalid_client"}, {"id_token": 1}, {"access_token": "x"}, {}, {"id_token": None}, {"error": {"x": 1}}],
    ids=str,
)
async def test_tokens_that_are_none_are_a_502(visit: Visit, answer: dict[str, Any]) -> None:
    visit.provider.answers["/token"] = JSONResponse(answer)
    assert await visit.refused() == (502, "identity_provider_failed")


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/keys", "/token"])
async def test_a_provider_that_is_busy_or_slow_is_a_503(
    visit: Visit, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit.provider.answers[path] = Response(status_code=503)
    assert await visit.refused() == (503, "identity_provider_unavailable")
    monkeypatch.setattr(asking, "TIMEOUT_S", 0.2)
    visit.provider.waits.add(path)
    assert await visit.refused() == (503, "identity_provider_unavailable")


async def test_a_provider_that_is_away_is_a_503(services: Services, tmp_path: Path) -> None:
    async with a_provider(Clock()) as provider:
        pass
    async with a_gateway(services, tmp_path, [known(provider)]) as gateway:
        assert await Visit(gateway, provider).refused() == (503, "identity_provider_unavailable")
