"""Real deliveries over a socket, judged by the official ``openai`` client: it accepts our signatures."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from openai import InvalidWebhookSignatureError, OpenAI

from smartlite.auth.noted import Actor
from smartlite.domain.webhooks import DeliveryState, WebhookEndpoint
from smartlite.jobs.http_client import GuardedClient
from smartlite.jobs.http_hosts import AllowedHosts
from smartlite.jobs.webhook_sender import Pace, WebhookSender
from smartlite.jobs.webhooks import Wanted, Webhooks
from smartlite.storage.database import Database
from smartlite.storage.encryption import Cipher
from tests.jobs.world import Office, asked

pytestmark = [pytest.mark.integration, pytest.mark.enable_socket]

NOBODY = Actor(None)
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@dataclass
class Receiver:
    """A server that keeps what it is sent, and answers bytes."""

    port: int = 0
    answer: bytes = OK
    got: asyncio.Queue[tuple[dict[str, str], bytes]] = field(default_factory=asyncio.Queue)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        await self.got.put((headers, await reader.readexactly(int(headers["content-length"]))))
        writer.write(self.answer)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def a_receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    yield receiver
    server.close()
    await server.wait_closed()


class Postal:
    """Endpoints of one receiver, and a sender that works."""

    def __init__(self, database: Database, receiver: Receiver, *allowed: str, key: bytes = b"k" * 32) -> None:
        cipher = Cipher(database, {"one": key})
        hosts = AllowedHosts(allowed or (f"127.0.0.1:{receiver.port}",))
        self.receiver = receiver
        self.webhooks = Webhooks(database, cipher, hosts)
        client = GuardedClient(hosts, max_bytes=64 * 1024, cuts=True, https_only=True)
        self.sender = WebhookSender(database, client, cipher, pace=Pace(timeout_s=5, poll_s=0.01))
        self.sender.begin()

    async def endpoint(self) -> tuple[WebhookEndpoint, str]:
        return await self.webhooks.add(NOBODY, "user_1", None, self.receiver.url, "", ["run.succeeded", "run.failed"])

    async def arrived(self) -> tuple[dict[str, str], bytes]:
        async with asyncio.timeout(20):
            return await self.receiver.got.get()


@pytest.fixture
async def postal(database: Database) -> AsyncIterator[Postal]:
    async with a_receiver() as receiver:
        postal = Postal(database, receiver)
        yield postal
        await postal.sender.close()


def client(secret: str) -> OpenAI:
    return OpenAI(api_key="unused", webhook_secret=secret)


async def test_the_official_client_unwraps_the_end_of_a_run(postal: Postal, office: Office) -> None:
    _, secret = await postal.endpoint()
    office.script.on("a", "A")
    office.worker()
    run = await office.runs().submit(asked())
    headers, body = await postal.arrived()
    event = client(secret).webhooks.unwrap(body, headers)
    assert (event.type, event.data.id, event.object) == ("run.succeeded", run.id, "event")
    assert event.id == headers["webhook-id"]
    assert json.loads(body)["data"]["pipeline_id"] == "pl_1"


async def test_the_official_client_refuses_what_was_changed_on_the_way(postal: Postal) -> None:
    endpoint, secret = await postal.endpoint()
    await postal.webhooks.test(endpoint)
    headers, body = await postal.arrived()
    client(secret).webhooks.verify_signature(body, headers)
    with pytest.raises(InvalidWebhookSignatureError):
        client(secret).webhooks.verify_signature(body + b" ", headers)


async def test_while_a_secret_is_rotated_both_are_good_and_then_only_the_new_one(postal: Postal) -> None:
    endpoint, old = await postal.endpoint()
    changed, new = await postal.webhooks.rotate_secret(NOBODY, endpoint, 3600)
    await postal.webhooks.test(changed)
    headers, body = await postal.arrived()
    for secret in (old, new):
        client(secret).webhooks.verify_signature(body, headers)
    _, newest = await postal.webhooks.rotate_secret(NOBODY, changed, 0)
    await postal.webhooks.test(changed)
    headers, body = await postal.arrived()
    client(newest).webhooks.verify_signature(body, headers)
    with pytest.raises(InvalidWebhookSignatureError):
        client(new).webhooks.verify_signature(body, headers)


async def test_a_receiver_in_this_network_is_reached_only_where_the_operator_says_so(database: Database) -> None:
    async with a_receiver() as receiver:
        postal = Postal(database, receiver)
        endpoint, _ = await postal.endpoint()
        await postal.sender.close()
        strict = Postal(database, receiver, "*")
        await strict.webhooks.test(endpoint)
        async with asyncio.timeout(20):
            while not (found := (await strict.webhooks.page_deliveries(endpoint, (), None, 1)).items[0]).error:  # noqa: ASYNC110 - the database tells
                await asyncio.sleep(0.01)
        await strict.sender.close()
    assert found.error == "The URL does not begin with https://."
    assert receiver.got.empty()


async def test_of_a_long_answer_only_the_beginning_is_read_and_kept(postal: Postal) -> None:
    postal.receiver.answer = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n" + b"x" * 1_000_000
    endpoint, _ = await postal.endpoint()
    await postal.webhooks.test(endpoint)
    await postal.arrived()
    async with asyncio.timeout(20):
        while (found := (await postal.webhooks.page_deliveries(endpoint, (), None, 1)).items[0]).status is None:  # noqa: ASYNC110 - the database tells
            await asyncio.sleep(0.01)
    assert (found.state, found.response) == (DeliveryState.SUCCEEDED, "x" * 1024)


async def test_secrets_are_not_in_the_database_as_they_are(postal: Postal) -> None:
    endpoint, secret = await postal.endpoint()
    changed = await postal.webhooks.change(NOBODY, endpoint, Wanted(name="Another"))
    assert changed.name == "Another"
    assert client(secret).webhook_secret not in repr(changed)
    assert len(changed.secret) > 32
