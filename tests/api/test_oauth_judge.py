"""The whole of OAuth as another's client sees it: Authlib's own, over a socket."""

import dataclasses
import re
import socket
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata

from smartlite.api.app import create_app
from smartlite.api.services import Services
from smartlite.auth.accounts import open_accounts
from smartlite.auth.attempts import Attempts
from smartlite.auth.authenticator import Authenticator
from smartlite.auth.identity import Identity
from smartlite.auth.passwords import Passwords
from smartlite.domain.oauth import ClientKind, GrantType
from smartlite.storage.database import Database
from smartlite.storage.schema import migrate
from tests.auth.accounts import ACTOR, EMAIL, PASSWORD
from tests.auth.oidc_provider import served

pytestmark = [pytest.mark.integration, pytest.mark.enable_socket]

CALLBACK = "http://127.0.0.1:8765/callback"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"


@dataclasses.dataclass
class Platform:
    """A gateway that listens, and a client that is registered there."""

    url: str
    client_id: str
    secret: str


@pytest.fixture
async def platform(services: Services, tmp_path: Path) -> AsyncIterator[Platform]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/smartlite.db")
    await migrate(database)
    passwords = Passwords(8)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        accounts = open_accounts(database, passwords=passwords, attempts=Attempts(), issuer=url)
        identity = Identity(database)
        user = (await identity.add_user(ACTOR, EMAIL, "Ana", ["developer"])).user
        await accounts.sign_in.set_password(ACTOR, user.id, PASSWORD)
        client, secret = await accounts.oauth.clients.add(
            ACTOR, user.id, "Judge", ClientKind.CONFIDENTIAL, list(GrantType), ["llm:chat", "models:read"], [CALLBACK]
        )
        authenticator = Authenticator(identity.find_key, find_by_token=accounts.check.find)
        services = dataclasses.replace(services, authenticator=authenticator, identity=identity, accounts=accounts)
        async with served(create_app(services), listener):
            yield Platform(url, client.id, secret or "")
    await accounts.sign_in.settle()
    await database.close()
    passwords.close()


async def say_yes(address: str) -> str:
    """As a person with a browser does; where the browser is sent."""
    async with httpx.AsyncClient() as browser:
        page = await browser.get(address)
        sealed = re.search(r'name="request" value="([^"]+)"', page.text)
        action = re.search(r'action="([^"]+)"', page.text)
        assert sealed is not None
        assert action is not None
        form = {"request": unescape(sealed[1]), "decision": "allow", "email": EMAIL, "password": PASSWORD}
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(address))
        answer = await browser.post(origin + unescape(action[1]), data=form, headers={"origin": origin})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_authlibs_client_goes_all_the_way(platform: Platform, method: str) -> None:
    async with httpx.AsyncClient(base_url=platform.url) as plain:
        told = (await plain.get("/.well-known/oauth-authorization-server")).json()
    metadata = AuthorizationServerMetadata(told)
    assert told["issuer"] == platform.url  # of Authlib's own checks only this one insists on https
    for name in AuthorizationServerMetadata.REGISTRY_KEYS:
        if name != "issuer" and not name.endswith("_endpoint"):
            getattr(metadata, f"validate_{name}")()
    async with AsyncOAuth2Client(
        platform.client_id,
        platform.secret,
        scope="llm:chat models:read",
        redirect_uri=CALLBACK,
        code_challenge_method="S256",
        token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
    ) as client:
        address, state = client.create_authorization_url(told["authorization_endpoint"], code_verifier=VERIFIER)
        back = await say_yes(address)
        assert parse_qs(urlsplit(back).query)["iss"] == [platform.url]
        token = await client.fetch_token(
            told["token_endpoint"], authorization_response=back, state=state, code_verifier=VERIFIER
        )
        assert token["scope"] == "llm:chat models:read"
        assert (await client.get(f"{platform.url}/v1/models")).status_code == 200
        fresh = await client.refresh_token(told["token_endpoint"])
        assert fresh["refresh_token"] != token["refresh_token"]
        looked = await client.introspect_token(told["introspection_endpoint"], token=fresh["access_token"])
        assert looked.json()["active"] is True
        gone = await client.revoke_token(told["revocation_endpoint"], token=fresh["refresh_token"])
        assert gone.status_code == 200
        looked = await client.introspect_token(told["introspection_endpoint"], token=fresh["refresh_token"])
        assert looked.json() == {"active": False}


async def test_authlibs_client_acts_for_itself(platform: Platform) -> None:
    async with AsyncOAuth2Client(platform.client_id, platform.secret, scope="models:read") as client:
        token = await client.fetch_token(f"{platform.url}/v1/oauth/token", grant_type="client_credentials")
        assert "refresh_token" not in token
        assert (await client.get(f"{platform.url}/v1/models")).status_code == 200
        assert (await client.post(f"{platform.url}/v1/chat/completions", json={})).status_code == 403
