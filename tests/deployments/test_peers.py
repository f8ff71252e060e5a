"""A replica's peers: how many there are, and that a call to one passes through and ends with its caller."""

import threading
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest
from ray.serve.exceptions import RayServeException

from deployments.peers import Peers, open_peers
from smartlite.errors import Unavailable


class Stage:
    def __init__(self) -> None:
        self.asked: list[tuple[str, object, int]] = []
        self.closed = False

    async def stream(self, method: str, request: object, size_bytes: int = 0) -> AsyncGenerator[Any, None]:
        self.asked.append((method, request, size_bytes))
        try:
            yield 1
            yield 2
        finally:
            self.closed = True


async def test_a_process_that_is_no_replica_has_no_peers() -> None:
    peers = open_peers(1, 1)
    assert await peers.running() is None
    with pytest.raises(Unavailable):
        await anext(peers.stream("verb", "request"))


async def test_a_call_passes_through() -> None:
    stage = Stage()
    peers = Peers(lambda: stage, lambda: 2)
    assert [event async for event in peers.stream("verb", "request", 7)] == [1, 2]
    assert stage.asked == [("verb", "request", 7)]


async def test_a_call_ends_with_its_caller() -> None:
    stage = Stage()
    async with aclosing(Peers(lambda: stage, lambda: 2).stream("verb", "request")) as events:
        assert await anext(events) == 1
    assert stage.closed


async def test_replicas_are_counted_once_in_a_while() -> None:
    counted = []

    def count() -> int:
        counted.append(1)
        return 3

    peers = Peers(Stage, count)
    assert [await peers.running(), await peers.running()] == [3, 3]
    assert len(counted) == 1


async def test_a_controller_that_fails_leaves_the_last_number() -> None:
    def count() -> int:

        raise RayServeException("gone")

    assert await Peers(Stage, count).running() is None


async def test_a_controller_that_does_not_answer_is_not_asked_again_before_it_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each question holds a thread for as long as the controller likes, and encoding needs the same threads."""
    monkeypatch.setattr("deployments.peers._COUNT_TIMEOUT_S", 0.01)
    monkeypatch.setattr("deployments.peers._COUNT_AGE_S", 0.0)
    answers = threading.Event()
    asked = []

    def count() -> int:
        asked.append(1)
        answers.wait(10)
        return 2

    peers = Peers(Stage, count)
    assert [await peers.running() for _ in range(3)] == [None] * 3
    assert len(asked) == 1
    monkeypatch.setattr("deployments.peers._COUNT_TIMEOUT_S", 10.0)
    answers.set()
    assert await peers.running() == 2
