"""A whole curve of a small server on loopback."""

import asyncio
import threading
from collections.abc import Iterator

import httpx
import pytest

from benchmarks.load.connection import Request
from benchmarks.load.curve import Plan, Server, Step, measure_curves
from smartlite.errors import Unavailable
from tests.benchmarks.load.scripted import Scripted

pytestmark = [pytest.mark.integration, pytest.mark.enable_socket]
_OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
_REFUSED = b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n"
PLAN = Plan(
    connections=2,
    duration_s=0.05,
    warm_up_s=0.01,
    runs=2,
    shares=(0.5,),
    timeout_s=2.0,
    max_connections=8,
    settle_s=0.0,
)


@pytest.fixture
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    """Where the server listens; the parameter is what it answers."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(lambda: Scripted(lambda _: request.param, []), "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield server.sockets[0].getsockname()[1]
    loop.call_soon_threadsafe(server.close)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


def server(port: int) -> Server:
    return Server("ours", Request.of(httpx.Request("POST", f"http://127.0.0.1:{port}/v1/chat", content=b"{}")))


@pytest.mark.parametrize("port", [_OK], indirect=True)
def test_a_curve_goes_from_the_closed_loop_over_fixed_rates_to_overload(port: int) -> None:
    steps: list[Step] = []

    measure_curves([server(port)], PLAN, steps, lambda _: None)

    assert [step.kind for step in steps] == ["closed", "open", "overload"]
    assert [len(step.loads) for step in steps] == [2, 2, 2]
    assert steps[1].rate_per_s == pytest.approx(0.5 * steps[0].rate_per_s)
    assert steps[2].rate_per_s == pytest.approx(3 * steps[0].rate_per_s)


@pytest.mark.parametrize("port", [_REFUSED], indirect=True)
def test_a_server_that_lets_nobody_in_is_told_with_what_it_answers(port: int) -> None:
    with pytest.raises(Unavailable, match="401"):
        measure_curves([server(port)], PLAN, [], lambda _: None)
