"""Files and batches over fakes, with a worker in the test's loop, for OpenAI's own client. Must not know any test."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx
from openai import AsyncOpenAI
from openai.types import Batch, FileObject

from smartlite.api.app import create_app
from smartlite.api.services import Services
from smartlite.storage.database import Database
from smartlite.storage.schema import migrate
from tests.api.pipelined import Works

LONG_S: Final = 30.0
ENDED: Final = frozenset({"completed", "failed", "cancelled", "expired"})


class Bureau:
    """One gateway without authentication, and one worker."""

    def __init__(self, services: Services, works: Works, http: httpx.AsyncClient) -> None:
        self.services = services
        self.works = works
        self.http = http
        self.client = AsyncOpenAI(
            base_url=http.base_url,
            api_key="none",
            max_retries=0,
            http_client=http,
            _strict_response_validation=True,
        )

    async def uploaded(self, data: bytes, name: str = "in.jsonl", purpose: Any = "batch") -> FileObject:
        """A new file."""
        return await self.client.files.create(file=(name, data), purpose=purpose)

    async def ended(self, endpoint: Any, data: bytes, **more: Any) -> Batch:
        """A new batch, once it has ended."""
        file = await self.uploaded(data)
        create = self.client.batches.create
        batch = await create(input_file_id=file.id, endpoint=endpoint, completion_window="24h", **more)
        async with asyncio.timeout(LONG_S):
            while batch.status not in ENDED:
                await asyncio.sleep(0.02)
                batch = await self.client.batches.retrieve(batch.id)
        return batch

    async def output(self, file_id: str | None) -> dict[str, Any]:
        """The lines of a file that a batch made, by ``custom_id``."""
        assert file_id is not None
        text = (await self.client.files.content(file_id)).text
        return {line["custom_id"]: line for line in map(json.loads, text.splitlines())}


@asynccontextmanager
async def a_bureau(services: Services, folder: Path) -> AsyncIterator[Bureau]:
    """One on a new database."""
    database = Database(f"sqlite+aiosqlite:///{folder}/smartlite.db")
    await migrate(database)
    works = Works(services, database, folder)
    works.batch_worker.begin()
    served = works.added_to(services)
    transport = httpx.ASGITransport(create_app(served))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway/v1") as http:
        yield Bureau(served, works, http)
    await works.close()
    await database.close()


def lines(url: str, *bodies: dict[str, Any]) -> bytes:
    """An input; its lines are called ``r0``, ``r1`` and so on."""
    asked = ({"custom_id": f"r{n}", "method": "POST", "url": url, "body": body} for n, body in enumerate(bodies))
    return "\n".join(map(json.dumps, asked)).encode()
