"""Users, roles, keys and the audit log over HTTP, on a database: and that nobody grants more than they hold."""

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from smartlite.api.app import create_app
from smartlite.api.services import Services
from smartlite.auth.authenticator import Authenticator
from smartlite.auth.identity import Identity
from smartlite.storage.database import Database
from smartlite.storage.schema import migrate

CHAT = {"model": "fake-llm", "messages": [{"role": "user", "content": "Hello."}]}


class Client:
    """Asks with a key."""

    def __init__(self, client: httpx.AsyncClient, key: str) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {key}"}

    async def __call__(self, method: str, path: str, status: int, body: Any = None) -> Any:
        answer = await self._client.request(method, f"/v1{path}", json=body, headers=self._headers)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def of(self, key: str) -> "Client":
        return Client(self._client, key)


@pytest.fixture
async def identity(tmp_path: Path) -> AsyncIterator[Identity]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/smartlite.db")
    await migrate(database)
    yield Identity(database)
    await database.close()


@pytest.fixture
async def admin(services: Services, identity: Identity) -> AsyncIterator[Client]:
    """The administrator of the first start."""
    key = await identity.make_first_admin()
    assert key is not None
    authenticator = Authenticator(identity.find_key)
    app = create_app(dataclasses.replace(services, authenticator=authenticator, identity=identity))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        yield Client(client, key)


async def member(admin: Client, *roles: str, email: str = "ana@example.com") -> tuple[str, Client]:
    """A user with these roles and a key that is not limited."""
    user = await admin("POST", "/users", 201, {"email": email, "roles": list(roles)})
    key = await admin("POST", "/api-keys", 201, {"name": "laptop", "user_id": user["id"]})
    return user["id"], admin.of(key["key"])


async def test_a_user_works_with_the_key_that_was_made_for_them(admin: Client) -> None:
    user_id, ana = await member(admin, "user")
    await ana("POST", "/chat/completions", 200, CHAT)
    assert (await ana("GET", "/users", 403))["error"]["code"] == "insufficient_scope"
    await ana("POST", "/api-keys", 403, {"name": "another"})
    assert (await admin("GET", f"/users/{user_id}", 200))["roles"] == ["user"]
    listed = await admin("GET", "/users", 200)
    assert [user["email"] for user in listed["data"]] == ["admin@localhost", "ana@example.com"]


async def test_a_developer_makes_lists_and_revokes_keys_of_their_own(admin: Client) -> None:
    _, ana = await member(admin, "developer")
    made = await ana("POST", "/api-keys", 201, {"name": "captions", "scopes": ["asr:transcribe", "models:read"]})
    captions = ana.of(made["key"])
    await captions("GET", "/models", 200)
    assert (await captions("POST", "/chat/completions", 403, CHAT))["error"]["code"] == "insufficient_scope"
    listed = (await ana("GET", "/api-keys", 200))["data"]
    assert [(key["name"], key["hint"], "key" in key) for key in listed][1] == ("captions", made["key"][:9], False)
    await ana("DELETE", f"/api-keys/{made['id']}", 204)
    await ana("DELETE", f"/api-keys/{made['id']}", 204)
    assert (await ana("GET", "/api-keys", 200))["data"][1]["revoked_at"] is not None


async def test_the_keys_of_others_are_not_there(admin: Client) -> None:
    _, ana = await member(admin, "developer")
    bob_id, bob = await member(admin, "developer", email="bob@example.com")
    (key,) = (await bob("GET", "/api-keys", 200))["data"]
    assert (await ana("DELETE", f"/api-keys/{key['id']}", 404))["error"]["type"] == "invalid_request_error"
    await ana("GET", f"/api-keys?user_id={bob_id}", 403)
    await ana("POST", "/api-keys", 403, {"name": "x", "user_id": bob_id})
    assert len((await admin("GET", f"/api-keys?user_id={bob_id}", 200))["data"]) == 1
    await admin("DELETE", f"/api-keys/{key['id']}", 204)


async def test_a_limited_key_makes_no_key_that_is_less_limited(admin: Client) -> None:
    _, ana = await member(admin, "developer")
    limited = {"name": "maker", "scopes": ["keys:write", "llm:chat"]}
    maker = ana.of((await ana("POST", "/api-keys", 201, limited))["key"])
    assert (await maker("POST", "/api-keys", 201, {"name": "same"}))["scopes"] == ["keys:write", "llm:chat"]
    await maker("POST", "/api-keys", 403, {"name": "more", "scopes": ["models:read"]})
    await maker("POST", "/api-keys", 201, {"name": "less", "scopes": ["llm:chat:fake-llm"]})


async def test_nobody_grants_more_than_they_hold(admin: Client) -> None:
    helpdesk = ["users:read", "users:write", "roles:write", "keys:read", "keys:write", "models:read"]
    await admin("POST", "/roles", 201, {"name": "helpdesk", "scopes": helpdesk})
    _, bob = await member(admin, "helpdesk", email="bob@example.com")
    await bob("POST", "/users", 403, {"email": "c@example.com", "roles": ["admin"]})
    await bob("POST", "/users", 201, {"email": "c@example.com", "roles": ["viewer"]})
    await bob("POST", "/roles", 403, {"name": "more", "scopes": ["llm:chat"]})
    administrator = (await admin("GET", "/users", 200))["data"][0]["id"]
    await bob("PATCH", f"/users/{administrator}", 403, {"is_active": False})
    await bob("POST", "/api-keys", 403, {"name": "theirs", "user_id": administrator})
    (key,) = (await bob("GET", f"/api-keys?user_id={administrator}", 200))["data"]
    await bob("DELETE", f"/api-keys/{key['id']}", 403)
    await admin("GET", "/models", 200)


async def test_roles_are_made_given_and_taken_away(admin: Client) -> None:
    role = await admin("POST", "/roles", 201, {"name": "captions", "scopes": ["asr:transcribe:fake-asr"]})
    listed = (await admin("GET", "/roles", 200))["data"]
    assert [each["name"] for each in listed] == ["admin", "operator", "developer", "user", "viewer", "captions"]
    user_id, _ = await member(admin, "captions")
    assert (await admin("PATCH", f"/users/{user_id}", 200, {"roles": ["viewer", "captions"]}))["roles"] == [
        *("captions", "viewer"),
    ]
    await admin("DELETE", f"/roles/{role['id']}", 204)
    await admin("DELETE", f"/roles/{role['id']}", 404)
    assert (await admin("GET", f"/users/{user_id}", 200))["roles"] == ["viewer"]


async def test_the_audit_log_tells_who_did_what_newest_first_and_no_secret(admin: Client) -> None:
    await member(admin, "user")
    part = await admin("GET", "/audit?limit=2", 200)
    rest = await admin("GET", f"/audit?after={httpx.QueryParams({'a': part['next']})}".replace("a=", "", 1), 200)
    actions = [entry["action"] for entry in (*part["data"], *rest["data"])]
    assert actions == ["api_key.add", "user.add", "user.add", "api_key.add"]
    assert part["data"][0]["actor_id"] is not None
    assert "sl_" not in str((part, rest))


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/users", {"email": "nobody"}, "email"),
        ("/users", {"email": "a@b.c", "roles": ["nothing"]}, "roles"),
        ("/users", {"email": "admin@LOCALHOST"}, "email"),
        ("/roles", {"name": "admin", "scopes": []}, "name"),
        ("/roles", {"name": "x", "scopes": ["llm"]}, "scopes"),
        ("/api-keys", {"name": "x", "scopes": ["llm:chat:"]}, "scopes"),
        ("/api-keys", {"name": "x", "expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ("/api-keys", {"name": "x", "expires_at": "2040-01-01T00:00:00"}, "expires_at"),
        ("/api-keys", {"name": ""}, "name"),
        ("/api-keys", {}, "name"),
    ],
)
async def test_a_bad_field_is_named(admin: Client, path: str, body: dict[str, Any], param: str) -> None:
    assert (await admin("POST", path, 400, body))["error"]["param"] == param


async def test_where_authentication_is_off_there_are_no_such_routes(client: httpx.AsyncClient) -> None:
    for path in ("/v1/users", "/v1/roles", "/v1/api-keys", "/v1/audit"):
        assert (await client.get(path)).status_code == 404
