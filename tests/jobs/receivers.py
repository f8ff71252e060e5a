"""Those who receive webhooks in tests, and the clock of those who send them. Must not know any test."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from smartlite.auth.noted import Actor
from smartlite.domain.webhooks import Delivery, DeliveryState, WebhookEndpoint
from smartlite.errors import HTTPRequestFailed
from smartlite.jobs.http_hosts import AllowedHosts
from smartlite.jobs.webhook_sender import Pace, WebhookSender
from smartlite.jobs.webhooks import Webhooks
from smartlite.pipeline.steps.ports import HTTPAnswer, HTTPRequest
from smartlite.storage import webhook_deliveries
from smartlite.storage.database import Database
from smartlite.storage.encryption import Cipher
from tests.storage.rows import NOON

URL: Final = "https://receiver.example/hook"
NOBODY: Final = Actor(None)
FAST: Final = Pace(poll_s=0.01)
Answer = Callable[[HTTPRequest], Awaitable[HTTPAnswer]]


def answering(status: int, body: bytes = b"", **headers: str) -> Answer:
    """A receiver that always answers the same; ``retry_after`` is ``Retry-After``."""

    async def answer(_: HTTPRequest) -> HTTPAnswer:
        return HTTPAnswer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)

    return answer


async def hang(_: HTTPRequest) -> HTTPAnswer:
    """A receiver that never answers."""
    await asyncio.Event().wait()
    raise AssertionError


async def refuse_connections(_: HTTPRequest) -> HTTPAnswer:
    """A receiver that is down."""
    raise HTTPRequestFailed("The service could not be asked: ConnectError.")


@dataclass
class Network:
    """An HTTPClient: what was sent, and who answers by URL; others take everything."""

    answers: dict[str, Answer] = field(default_factory=dict)
    sent: list[HTTPRequest] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, request: HTTPRequest) -> HTTPAnswer:
        self.sent.append(request)
        self.arrived.set()
        return await self.answers.get(request.url, answering(200, b"ok"))(request)


class Post:
    """Endpoints, and senders whose time is only as late as it is set to."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.network = Network()
        self.now = NOON
        self.cipher = Cipher(database, {})
        self.webhooks = Webhooks(database, self.cipher, AllowedHosts(("*",)), clock=self.clock)
        self.senders: list[WebhookSender] = []

    def clock(self) -> datetime:
        return self.now

    def later(self, **time: float) -> None:
        self.now += timedelta(**time)

    def sender(self, pace: Pace = FAST) -> WebhookSender:
        """One more; it works at once."""
        sender = WebhookSender(self.database, self.network, self.cipher, pace=pace, clock=self.clock)
        sender.begin()
        self.senders.append(sender)
        return sender

    async def endpoint(self, url: str = URL, owner: str = "user_1", organization: str | None = None) -> WebhookEndpoint:
        made, _ = await self.webhooks.add(NOBODY, owner, organization, url, "", ["run.succeeded", "run.failed"])
        return made

    async def happen(self, type_: str = "run.failed", owner: str = "user_1", organization: str | None = None) -> None:
        """Something happens that may be told."""
        async with self.database.writing() as session:
            await webhook_deliveries.enqueue(session, owner, organization, type_, {"id": "run_1"}, self.now)

    async def deliveries(self, endpoint: WebhookEndpoint) -> tuple[Delivery, ...]:
        """The newest first."""
        return (await self.webhooks.page_deliveries(endpoint, (), None, 200)).items

    async def all_ended(self, endpoint: WebhookEndpoint) -> None:
        """Wait until nothing of an endpoint's is to be sent."""
        async with asyncio.timeout(30):
            while any(each.state is DeliveryState.PENDING for each in await self.deliveries(endpoint)):  # noqa: ASYNC110 - the database tells
                await asyncio.sleep(0.01)

    async def until(self, endpoint: WebhookEndpoint, is_so: Callable[[Delivery], bool]) -> Delivery:
        """The newest delivery, once it is so."""
        async with asyncio.timeout(20):
            while not is_so(found := (await self.deliveries(endpoint))[0]):  # noqa: ASYNC110 - likewise
                await asyncio.sleep(0.01)
        return found

    async def attempted(self, endpoint: WebhookEndpoint, times: int) -> Delivery:
        """The newest delivery, once so many attempts have ended."""
        claimed_until = self.now + timedelta(seconds=Pace().claim_s)
        return await self.until(endpoint, lambda each: each.attempts >= times and each.next_at != claimed_until)

    async def close(self) -> None:
        await asyncio.gather(*(sender.close() for sender in self.senders))


@asynccontextmanager
async def a_post(database: Database) -> AsyncIterator[Post]:
    """One that is closed at the end."""
    post = Post(database)
    yield post
    await post.close()
