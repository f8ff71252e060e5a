"""Open and closed loops against a small server on loopback."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
import uvloop

from benchmarks.load.connection import Request
from benchmarks.load.loops import closed_loop, lane, open_loop
from tests.benchmarks.load.scripted import Scripted

pytestmark = [pytest.mark.integration, pytest.mark.enable_socket]
_OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n"
_CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"


@asynccontextmanager
async def serving(answer: Callable[[int], bytes | None]) -> AsyncGenerator[tuple[Request, list[bytes]], None]:
    seen: list[bytes] = []
    server = await asyncio.get_running_loop().create_server(lambda: Scripted(answer, seen), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        yield Request.of(httpx.Request("GET", f"http://127.0.0.1:{port}/v1/models")), seen


async def test_an_open_loop_sends_every_request_once() -> None:
    async with serving(lambda _: _OK) as (request, seen), lane(request, 8, 5) as opened:
        outcomes = await open_loop(opened, [0.0, 0.0, 0.01, 0.02], max_under_way=10)

    assert [outcome.status for outcome in outcomes] == ["200"] * 4
    assert len(seen) == 4
    assert seen[0].startswith(b"GET /v1/models HTTP/1.1\r\n")


async def test_a_body_in_chunks_is_read_to_its_end() -> None:
    async with serving(lambda _: _CHUNKED) as (request, _), lane(request, 1, 5) as opened:
        outcome = await opened.ask(0.0, 0.0)

    assert outcome.status == "200"
    assert outcome.first_byte_s <= outcome.ended_s


async def test_requests_that_are_due_while_the_server_is_silent_are_counted_and_not_lost() -> None:
    def never(_: int) -> bytes:
        return b""

    async with serving(never) as (request, _), lane(request, 1, 0.05) as opened:
        outcomes = await open_loop(opened, [0.0, 0.0, 0.0], max_under_way=2)

    assert sorted(outcome.status for outcome in outcomes) == ["timeout", "timeout", "unsent"]
    assert max(outcome.latency_s for outcome in outcomes) > 0.09  # the second waited for the only connection


async def test_a_refusal_says_whether_it_names_a_time() -> None:
    async with serving(lambda _: _BUSY) as (request, _), lane(request, 1, 5) as opened:
        outcome = await opened.ask(0.0, 0.0)

    assert (outcome.status, outcome.has_retry_after) == ("503", True)


async def test_a_connection_that_ends_before_its_answer_is_broken_and_not_used_again() -> None:
    async with serving(lambda number: None if number == 1 else _OK) as (request, _), lane(request, 1, 5) as opened:
        statuses = [(await opened.ask(0.0, 0.0)).status for _ in range(2)]

    assert statuses == ["broken", "200"]


async def test_what_is_no_http_is_broken() -> None:
    async with serving(lambda _: b"220 mail.example ESMTP\r\n") as (request, _), lane(request, 1, 5) as opened:
        assert (await opened.ask(0.0, 0.0)).status == "broken"


async def test_nobody_listening_is_an_outcome_and_no_error() -> None:
    async with serving(lambda _: _OK) as (request, _):
        pass
    async with lane(request, 1, 5) as opened:
        assert (await opened.ask(0.0, 0.0)).status == "refused"


async def test_callers_of_a_closed_loop_use_their_connections_again() -> None:
    async with serving(lambda _: _OK) as (request, seen), lane(request, 2, 5) as opened:
        outcomes = await closed_loop(opened, 2, 0.05)

    assert len(outcomes) == len(seen) > 2
    assert {outcome.status for outcome in outcomes} == {"200"}


def test_the_loop_that_benchmarks_run_on_serves_as_well() -> None:
    async def work() -> str:
        async with serving(lambda _: _OK) as (request, _), lane(request, 1, 5) as opened:
            return (await opened.ask(0.0, 0.0)).status

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(work()) == "200"
