"""A gateway that keeps prompts and conversations, and a language model that tells what it is sent.

Must not know any test.
"""

import asyncio
import dataclasses
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import httpx2
from fastapi import FastAPI
from openai import AsyncOpenAI

from smartlite.api.app import create_app
from smartlite.api.services import Services
from smartlite.domain.llm import ChatEvent, ChatFinished, ChatRequest, Message, TextDelta
from smartlite.domain.models import ModelDirectory
from smartlite.domain.stages import LLMStage
from smartlite.domain.usage import TokenUsage
from smartlite.errors import ContextLengthExceeded, SmartLiteError
from smartlite.pipeline.voice import VoiceOptions, VoicePipeline
from smartlite.storage.database import Database
from smartlite.storage.encryption import Cipher
from smartlite.storage.schema import migrate
from tests.api.pipelined import Works
from tests.conftest import PlainEncoder

MODEL = "fake-llm"
NO_KEYS: Final[Mapping[str, bytes]] = {}


class Listened:
    """An LLM stage that keeps what it was asked, and fails or waits where a test wants it to.

    Args:
        stage: Answers.
    """

    def __init__(self, stage: LLMStage) -> None:
        self._stage = stage
        self.asked: list[ChatRequest] = []
        self.error: SmartLiteError | None = None
        self.most_messages = 10_000
        """More are too many for its context."""
        self.gate: asyncio.Event | None = None
        """Answers wait for it."""
        self.has_begun = asyncio.Event()
        self.padding = ""
        """Comes after a summary."""
        self.summaries = 0
        """So many were asked for; the answer is ``Summary`` and the number."""

    async def chat(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        self.asked.append(request)
        self.has_begun.set()
        if len(request.messages) > self.most_messages:
            raise ContextLengthExceeded("That is too long.", "messages")
        if self.gate is not None:
            await self.gate.wait()
        if "summary" in request.messages[0].content:
            self.summaries += 1
            yield TextDelta(f"Summary {self.summaries}.{self.padding}")
            yield ChatFinished("stop", TokenUsage(100, 3))
            return
        number = 0
        async for event in self._stage.chat(request):
            if self.error is not None and number == 1:
                raise self.error
            number += 1
            yield event

    @property
    def told(self) -> list[tuple[str, str]]:
        """What it was sent last."""
        return said(self.asked[-1].messages)


def said(messages: tuple[Message, ...]) -> list[tuple[str, str]]:
    """Messages as pairs."""
    return [(message.role, message.content) for message in messages]


@dataclasses.dataclass(frozen=True)
class Talk:
    """The gateway, without authentication, and its clients."""

    app: FastAPI
    works: Works
    llm: Listened
    http: httpx.AsyncClient
    openai: AsyncOpenAI
    database: Database

    async def __call__(self, method: str, path: str, status: int = 200, body: Any = None) -> Any:
        answer = await self.http.request(method, f"/v1{path}", json=body)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def conversation(self, **fields: Any) -> str:
        """A new one's id."""
        made: dict[str, Any] = await self("POST", "/conversations", 200, fields)
        return str(made["id"])

    async def chat(self, text: str, status: int = 200, **fields: Any) -> Any:
        """The whole answer to one message."""
        body = {"model": MODEL, "messages": [{"role": "user", "content": text}], **fields}
        return await self("POST", "/chat/completions", status, body)

    async def texts(self, conversation: str) -> list[tuple[str, str]]:
        """What was said in one, in order."""
        page = await self("GET", f"/conversations/{conversation}/items?order=asc&limit=100")
        return [(each["role"], each["content"][0]["text"]) for each in page["data"] if each["type"] == "message"]


@asynccontextmanager
async def a_talk(
    services: Services, folder: Path, context: int = 2048, keys: Mapping[str, bytes] = NO_KEYS
) -> AsyncIterator[Talk]:
    """One on a new database; ``keys`` encrypt what is said."""
    database = Database(f"sqlite+aiosqlite:///{folder}/talk.db")
    await migrate(database)
    llm = Listened(services.llm)
    options = VoiceOptions(temperature=0.0, top_p=1.0, max_reply_tokens=200, first_clause_characters=0)
    models = ModelDirectory(
        tuple(dataclasses.replace(model, context_tokens=context) for model in services.models.models)
    )
    heard = dataclasses.replace(
        services,
        llm=llm,
        models=models,
        pipeline=VoicePipeline(services.asr, llm, services.tts, PlainEncoder, options),
    )
    works = Works(heard, database, folder, Cipher(database, keys))
    app = create_app(works.added_to(heard))
    http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway")
    official = AsyncOpenAI(
        base_url="http://gateway/v1",
        api_key="unused",
        max_retries=0,
        http_client=httpx2.AsyncClient(transport=httpx2.ASGITransport(app)),
        _strict_response_validation=True,
    )
    async with http, official:
        yield Talk(app, works, llm, http, official, database)
    await works.close()
    await database.close()
