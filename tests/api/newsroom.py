"""An organisation and people around it, on a gateway with keys, limits and metering. Must not know any test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from smartlite.api.services import Services
from smartlite.storage.database import Database
from smartlite.storage.schema import migrate
from tests.api.metered import Platform
from tests.auth.keyring import Clock


class Newsroom:
    """Ana owns it, Ben manages it, Eve is in it, Zoe is not, and Root is an administrator of the platform."""

    def __init__(self, platform: Platform, clock: Clock) -> None:
        self.platform = platform
        self.clock = clock
        self.id = ""
        self.headers: dict[str, dict[str, str]] = {}

    async def build(self) -> None:
        names = {"root": "admin", "ana": "developer", "ben": "developer", "eve": "user", "zoe": "developer"}
        for name, role in names.items():
            await (await self.platform.add(name, {role})).aclose()
        self.id = (await self("root", "POST", "/organizations", 201, {"name": "Newsroom"}))["id"]
        for name, role in (("ana", "owner"), ("ben", "admin"), ("eve", "member")):
            body = {"user": f"{name}@example.com", "role": role}
            await self("root", "POST", f"/organizations/{self.id}/members", 201, body)
        await self("root", "DELETE", self.member("root"), 204)
        self.forget()

    def forget(self) -> None:
        """Have the gateway ask the database anew, as it does after a second."""
        self.clock.move(1)

    def member(self, name: str) -> str:
        return f"/organizations/{self.id}/members/{self.platform.users[name]}"

    async def __call__(
        self, name: str, method: str, path: str, status: int, body: Any = None, organization: str | None = None
    ) -> Any:
        headers = {} if organization is None else {"OpenAI-Organization": organization}
        async with self.platform.client(name) as client:
            answer = await client.request(method, f"/v1{path}", json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def key(self, name: str, **fields: Any) -> str:
        """A key that somebody makes for the organisation; asks as ``key_of`` them from then on."""
        made = await self(name, "POST", "/api-keys", 201, {"name": "k", "organization_id": self.id, **fields})
        self.platform.keys[f"key_of_{name}"] = made["key"]
        key_id: str = made["id"]
        return key_id

    async def history(self, name: str, query: str = "") -> list[dict[str, Any]]:
        await self.platform.drain.read_all()
        found: list[dict[str, Any]] = (await self(name, "GET", f"/requests?route=/v1/chat/completions{query}", 200))[
            "data"
        ]
        return found


@asynccontextmanager
async def a_newsroom(services: Services, folder: Path) -> AsyncIterator[Newsroom]:
    """On a database of its own."""
    database = Database(f"sqlite+aiosqlite:///{folder}/smartlite.db")
    await migrate(database)
    clock = Clock()
    newsroom = Newsroom(Platform(services, database, folder / "journal", clock), clock)
    await newsroom.build()
    yield newsroom
    await database.close()
