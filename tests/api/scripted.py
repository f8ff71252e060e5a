"""What tests of the gateway share: stages that play a script, a client that hangs up, the events of an answer.

Must not know any route. Import it: ``from tests.api.scripted import ScriptedTTS``.
"""

import asyncio
import dataclasses
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Generic, TypeVar

import httpx
import httpx2
from openai import AsyncOpenAI
from starlette.types import ASGIApp, Message

from smartlite.api.app import create_app
from smartlite.api.services import Services
from smartlite.domain.asr import TranscribeRequest, TranscriptEvent
from smartlite.domain.embedding import EmbeddingEvent, EmbedRequest
from smartlite.domain.llm import ChatEvent, ChatRequest
from smartlite.domain.pipeline import TurnEvent, VoiceTurnRequest
from smartlite.domain.tts import SpeakRequest, SpeechEvent

RequestT = TypeVar("RequestT")
EventT = TypeVar("EventT")

_TIMEOUT_S = 10.0


class ScriptedStage(Generic[RequestT, EventT]):
    """Any of the stages: gives what it was told to give, notes what it was asked, and that it was closed.

    Args:
        events: Given to each request, in order.
        error: Raised after them.
        waits: Never ends after them, but by being stopped.
    """

    def __init__(self, *events: EventT, error: BaseException | None = None, waits: bool = False) -> None:
        self.events = events
        self.error = error
        self.waits = waits
        self.asked: list[RequestT] = []
        self.working = asyncio.Event()
        """Set once every event was taken."""
        self.closed = asyncio.Event()

    async def play(self, request: RequestT) -> AsyncGenerator[EventT, None]:
        """Play the script."""
        self.asked.append(request)
        try:
            for event in self.events:
                yield event
            self.working.set()
            if self.waits:
                await asyncio.Event().wait()
            if self.error is not None:
                raise self.error
        finally:
            self.closed.set()

    transcribe = chat = speak = embed = run_turn = play


ScriptedASR = ScriptedStage[TranscribeRequest, TranscriptEvent]
ScriptedLLM = ScriptedStage[ChatRequest, ChatEvent]
ScriptedTTS = ScriptedStage[SpeakRequest, SpeechEvent]
ScriptedEmbedding = ScriptedStage[EmbedRequest, EmbeddingEvent]
ScriptedPipeline = ScriptedStage[VoiceTurnRequest, TurnEvent]


class Connection:
    """A hand-made ASGI connection that sends one request and hangs up when it is told to."""

    def __init__(self, request: httpx.Request, hangs_up: asyncio.Event) -> None:
        self._body: bytes | None = request.read()
        self._hangs_up = hangs_up
        self._scope = {
            "type": "http",
            "method": request.method,
            "path": request.url.path,
            "raw_path": request.url.raw_path,
            "query_string": b"",
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
        }
        self.sent: list[Message] = []

    async def run(self, app: ASGIApp) -> None:
        """Have the app answer.

        Raises:
            TimeoutError: It does not end, though the client is gone.
        """
        async with asyncio.timeout(_TIMEOUT_S):
            await app(self._scope, self._receive, self._send)

    @property
    def statuses(self) -> list[int]:
        """Of every answer that was begun."""
        return [message["status"] for message in self.sent if message["type"] == "http.response.start"]

    @property
    def body(self) -> bytes:
        """What was answered so far."""
        return b"".join(message.get("body", b"") for message in self.sent)

    @property
    def is_complete(self) -> bool:
        """Whether the answer came to its end."""
        return any(message["type"] == "http.response.body" and not message.get("more_body") for message in self.sent)

    async def _receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body}
        await self._hangs_up.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        self.sent.append(message)
        await asyncio.sleep(0)


def events_of(answer: httpx.Response) -> list[dict[str, Any]]:
    """The JSON of each server-sent event, ``[DONE]`` left out."""
    lines = [line.removeprefix("data: ") for line in answer.text.split("\n\n") if line]
    return [json.loads(line) for line in lines if line != "[DONE]"]


@asynccontextmanager
async def official(services: Services, llm: ScriptedLLM) -> AsyncIterator[AsyncOpenAI]:
    """The official client of a gateway with this LLM stage; raises where an answer is not as its types say."""
    app = create_app(dataclasses.replace(services, llm=llm))
    async with AsyncOpenAI(
        base_url="http://gateway/v1",
        api_key="unused",
        max_retries=0,
        http_client=httpx2.AsyncClient(transport=httpx2.ASGITransport(app)),
        _strict_response_validation=True,
    ) as client:
        yield client


def client_of(services: Services, llm: ScriptedLLM) -> httpx.AsyncClient:
    """A client of the same that has no official client's manners."""
    app = create_app(dataclasses.replace(services, llm=llm))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway")
