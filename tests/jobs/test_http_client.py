"""The HTTP client of steps: it reaches what it may, and nothing else."""

import asyncio
from collections.abc import Sequence

import httpx
import pytest

from smartlite.errors import HTTPRequestFailed, HTTPRequestRefused, SmartLiteError
from smartlite.jobs.http_client import GuardedClient
from smartlite.jobs.http_hosts import AllowedHosts
from smartlite.pipeline.steps.ports import HTTPRequest

ADDRESSES = {
    "public.example": ["93.184.216.34"],
    "mixed.example": ["93.184.216.34", "10.0.0.5"],
    "inner": ["10.0.0.5"],
}


async def resolve(host: str, port: int) -> Sequence[str]:
    if host in ADDRESSES:
        return ADDRESSES[host]
    if host.replace(".", "").isdigit() or ":" in host:
        return [host]
    raise OSError("no such name")


class Network(httpx.AsyncBaseTransport):
    """Remembers what was sent, and answers it."""

    def __init__(self, response: httpx.Response | Exception | None = None) -> None:
        self.sent: list[httpx.Request] = []
        self.response = response

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        if isinstance(self.response, Exception):
            raise self.response
        return self.response or httpx.Response(200, text="hello")


def a_client(*allowed: str, network: Network | None = None, max_bytes: int = 1000) -> tuple[GuardedClient, Network]:
    network = network or Network()
    return GuardedClient(AllowedHosts(allowed, resolve), network, max_bytes), network


def get(url: str, timeout_s: float = 5.0) -> HTTPRequest:
    return HTTPRequest("GET", url, {"x-a": "b"}, b"", timeout_s)


async def test_a_request_goes_to_the_address_that_was_looked_at_and_names_its_host() -> None:
    client, network = a_client("public.example")
    answer = await client.send(get("https://public.example:8443/a?b=c#d"))
    (sent,) = network.sent
    assert str(sent.url) == "https://93.184.216.34:8443/a?b=c"
    assert (sent.headers["host"], sent.headers["x-a"]) == ("public.example:8443", "b")
    assert sent.extensions["sni_hostname"] == "public.example"
    assert (answer.status, answer.body) == (200, b"hello")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://10.0.0.5/",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://[fd00::1]/",
        "http://100.64.0.1/",
        "http://224.0.0.1/",
        "http://0.0.0.0/",
        "http://inner/",
        "http://mixed.example/",
        "ftp://public.example/",
        "file:///etc/passwd",
        "http:///x",
        "http://user:pass@public.example/",
        "//public.example/",
        "http://[zz]/",
        "",
    ],
)
async def test_nothing_inside_is_reached_though_every_host_may_be(url: str) -> None:
    client, network = a_client("*")
    with pytest.raises((HTTPRequestRefused, HTTPRequestFailed)):
        await client.send(get(url))
    assert network.sent == []


@pytest.mark.parametrize("url", ["http://public.example/", "http://inner:8000/", "http://inner:8001/"])
async def test_a_host_that_is_not_named_is_not_asked(url: str) -> None:
    client, network = a_client("other.example", "inner")
    with pytest.raises(HTTPRequestRefused):
        await client.send(get(url))
    assert network.sent == []


@pytest.mark.parametrize("url", ["http://inner:8000/", "http://INNER:8000/", "http://[fd00::1]:9/"])
async def test_a_host_that_is_named_with_its_port_is_asked_wherever_it_is(url: str) -> None:
    client, network = a_client("Inner:8000", "[fd00::1]:9")
    assert (await client.send(get(url))).status == 200
    assert len(network.sent) == 1


async def test_a_redirect_is_an_answer() -> None:
    client, network = a_client("*", network=Network(httpx.Response(302, headers={"location": "http://inner/"})))
    answer = await client.send(get("http://public.example/"))
    assert (answer.status, answer.headers["location"], len(network.sent)) == (302, "http://inner/", 1)


async def test_what_keeps_somebody_signed_in_is_left_out() -> None:
    client, _ = a_client("*", network=Network(httpx.Response(200, headers={"set-cookie": "a=b", "x-y": "z"})))
    assert (await client.send(get("http://public.example/"))).headers.keys() == {"x-y"}


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (httpx.Response(200, content=b"x" * 1001), HTTPRequestRefused),
        (httpx.ConnectError("refused"), HTTPRequestFailed),
        (httpx.RemoteProtocolError("nonsense"), HTTPRequestFailed),
    ],
)
async def test_an_answer_that_is_too_long_or_none_is_told(
    response: httpx.Response | Exception, error: type[SmartLiteError]
) -> None:
    client, _ = a_client("*", network=Network(response))
    with pytest.raises(error):
        await client.send(get("http://public.example/"))


async def test_a_request_that_is_too_long_is_not_sent() -> None:
    client, network = a_client("*")
    with pytest.raises(HTTPRequestRefused):
        await client.send(HTTPRequest("POST", "http://public.example/", {}, b"x" * 1001, 1.0))
    assert network.sent == []


async def test_a_service_that_never_answers_is_given_up() -> None:
    class Silent(Network):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await asyncio.Event().wait()
            raise AssertionError

    client, _ = a_client("*", network=Silent())
    with pytest.raises(HTTPRequestFailed, match="within"):
        await client.send(get("http://public.example/", timeout_s=0.02))


async def test_a_name_that_nobody_knows_may_be_tried_again() -> None:
    client, _ = a_client("*")
    with pytest.raises(HTTPRequestFailed):
        await client.send(get("http://nowhere.example/"))


@pytest.mark.integration
@pytest.mark.enable_socket
async def test_a_real_service_is_asked_by_its_name() -> None:
    heard: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n") + await reader.readexactly(2))
        writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\nX-B: c\r\n\r\nok")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]

        async def loopback(host: str, _port: int) -> Sequence[str]:
            assert host == "service.internal"
            return ["127.0.0.1"]

        client = GuardedClient(AllowedHosts([f"service.internal:{port}"], loopback))
        url = f"http://service.internal:{port}/a"
        found = await client.send(HTTPRequest("POST", url, {"x-a": "b"}, b"hi", 5.0))
    assert (found.status, found.headers["x-b"], found.body) == (201, "c", b"ok")
    assert f"host: service.internal:{port}\r\n".encode() in heard[0].lower()
    assert heard[0].endswith(b"\r\n\r\nhi")
