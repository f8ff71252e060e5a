"""Small requests through a remote stage: which way they go, and what becomes of each in a batch."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from ray.exceptions import ActorDiedError

from deployments.batch_messages import Frame, Part, Room
from deployments.batched_calls import BatchLimits
from deployments.handles import RemoteStage
from smartlite.errors import DeadlineExceeded, ReplicaLost
from tests.deployments.scripted_handle import Handle, Response


class Batching(Handle):
    """Answers a batch with its requests, and notes which way it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def options(self, **options: object) -> "Batching":
        return self

    def __getattr__(self, method: str) -> "Batching":
        self.asked.append(method)
        return self

    def remote(self, request: Any) -> Response:
        return Response(self._answer(request))

    async def _answer(self, request: Any) -> AsyncGenerator[object, None]:
        if self.asked[-1] == "run_items":
            yield Frame([Part(place, [item.request], "done") for place, item in enumerate(request)], Room(8, 8))
        else:
            yield request


@pytest.mark.parametrize(
    ("is_small", "size_bytes", "items", "way"),
    [
        (True, 10, 64, "run_items"),
        (True, 10, 1, "ask"),
        (True, 1001, 64, "ask"),
        (False, 10, 64, "ask"),
    ],
)
async def test_only_small_requests_go_together_where_they_may(
    is_small: bool, size_bytes: int, items: int, way: str
) -> None:
    handle = Batching()
    remote = RemoteStage(handle, "llm", 5, 5, limits=BatchLimits(items, 2, 1000, 10))  # type: ignore[arg-type]
    stream = remote.stream("ask", "request", size_bytes, is_small=is_small)
    assert [event async for event in stream] == ["request"]
    assert handle.asked == [way]


async def test_a_request_in_a_batch_has_its_own_deadline() -> None:
    class Silent(Batching):
        async def _answer(self, request: Any) -> AsyncGenerator[object, None]:
            yield Frame([], Room(8, 8))
            await asyncio.Event().wait()

    remote = RemoteStage(Silent(), "llm", 0.01, 5, limits=BatchLimits(64, 2, 1000, 10))  # type: ignore[arg-type]
    with pytest.raises(DeadlineExceeded):
        _ = [event async for event in remote.stream("ask", "request", 10, is_small=True)]


async def test_a_lost_replica_is_lost_to_each_request_of_a_batch() -> None:
    class Dying(Batching):
        async def _answer(self, request: Any) -> AsyncGenerator[object, None]:
            raise ActorDiedError
            yield

    remote = RemoteStage(Dying(), "llm", 5, 5, limits=BatchLimits(64, 2, 1000, 10))  # type: ignore[arg-type]

    async def ask() -> None:
        _ = [event async for event in remote.stream("ask", "request", 10, is_small=True)]

    failures = await asyncio.gather(ask(), ask(), return_exceptions=True)
    assert [type(failure) for failure in failures] == [ReplicaLost, ReplicaLost]
