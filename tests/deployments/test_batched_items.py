"""What a replica makes of a batch: each item for itself, told in messages that are neither many nor large."""

import asyncio
import pickle
from collections.abc import AsyncGenerator

import numpy as np

from deployments.batch_messages import Crash, Frame, Item, Room
from deployments.batched_items import ItemRunner
from deployments.embedding import EmbeddingDeployment
from smartlite.domain.embedding import Embedding, EmbeddingFinished, EmbedRequest
from smartlite.domain.tts import SpeechChunk
from smartlite.domain.usage import TokenUsage
from smartlite.errors import InvalidRequest
from tests.deployments.batching import settle
from tests.deployments.test_engine_replica import Lengths

ROOM = Room(8, 32)


class Replica:
    """Verbs that a test names."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.stopped: list[object] = []

    async def say(self, request: str) -> AsyncGenerator[str, None]:
        yield f"{request}-1"
        await asyncio.sleep(0)
        yield f"{request}-2"

    async def wait(self, request: str) -> AsyncGenerator[str, None]:
        try:
            await self.opened.wait()
        except asyncio.CancelledError:
            self.stopped.append(request)
            raise
        yield request

    async def refuse(self, request: str) -> AsyncGenerator[str, None]:
        raise InvalidRequest(request, "input")
        yield ""

    async def break_down(self, request: str) -> AsyncGenerator[str, None]:
        raise ZeroDivisionError(request)
        yield ""

    async def speak(self, request: int) -> AsyncGenerator[SpeechChunk, None]:
        for _ in range(request):
            yield SpeechChunk(bytes(256 * 1024))


def items(method: str, *requests: object) -> list[Item]:
    return [Item(f"{method}-{request}", method, request, None) for request in requests]


async def collect(frames: AsyncGenerator[Frame, None]) -> list[Frame]:
    return [frame async for frame in frames]


async def test_what_is_ready_at_the_same_moment_leaves_in_one_message() -> None:
    [frame] = await collect(ItemRunner(Replica(), lambda: ROOM).run(items("say", "a", "b")))
    assert [(part.place, list(part.events), part.end) for part in frame.parts] == [
        (0, ["a-1", "a-2"], "done"),
        (1, ["b-1", "b-2"], "done"),
    ]


async def test_the_first_message_tells_what_the_replica_takes() -> None:
    [frame] = await collect(ItemRunner(Replica(), lambda: ROOM).run(items("say", "a")))
    assert frame.room == ROOM


async def test_a_batch_of_slow_items_says_soon_that_it_has_begun() -> None:
    replica = Replica()
    frames = ItemRunner(replica, lambda: ROOM).run(items("wait", "a"))
    assert await anext(frames) == Frame([], ROOM)
    replica.opened.set()
    [frame] = await collect(frames)
    assert frame.room is None
    assert frame.parts[0].end == "done"


async def test_an_error_is_told_and_not_raised() -> None:
    runner = ItemRunner(Replica(), lambda: ROOM)
    [frame] = await collect(runner.run([*items("refuse", "Wrong."), *items("break_down", "x"), *items("say", "a")]))
    ends = {part.place: part.end for part in frame.parts}
    assert isinstance(ends[0], InvalidRequest)
    assert (ends[0].message, ends[0].param) == ("Wrong.", "input")
    assert ends[1] == Crash("ZeroDivisionError: x")
    assert ends[2] == "done"


async def test_an_error_crosses_to_the_gateway() -> None:
    [frame] = await collect(ItemRunner(Replica(), lambda: ROOM).run(items("refuse", "Wrong.")))
    crossed = pickle.loads(pickle.dumps(frame))  # noqa: S301 - it is our own
    assert isinstance(crossed.parts[0].end, InvalidRequest)
    assert crossed.parts[0].end.message == "Wrong."


async def test_one_item_is_cancelled_by_its_id() -> None:
    replica = Replica()
    runner = ItemRunner(replica, lambda: ROOM)
    frames = runner.run(items("wait", "a", "b"))
    await anext(frames)
    runner.cancel(["wait-a", "nobody's"])
    frame = await anext(frames)
    assert [(part.place, part.end) for part in frame.parts] == [(0, "cancelled")]
    assert replica.stopped == ["a"]
    await frames.aclose()


async def test_closing_a_batch_stops_all_of_it() -> None:
    replica = Replica()
    frames = ItemRunner(replica, lambda: ROOM).run(items("wait", "a", "b"))
    await anext(frames)
    await frames.aclose()
    assert replica.stopped == ["a", "b"]


async def test_no_message_is_larger_than_a_call_carries() -> None:
    frames = await collect(ItemRunner(Replica(), lambda: ROOM).run(items("speak", 9, 8)))
    sizes = [sum(len(event.data) for part in frame.parts for event in part.events) for frame in frames]  # type: ignore[attr-defined]
    assert max(sizes) <= 2 * 1024 * 1024
    assert sum(sizes) == 17 * 256 * 1024
    assert [part.end for frame in frames for part in frame.parts if part.end] == ["done", "done"]


async def test_work_stops_while_too_much_waits_to_be_sent() -> None:
    runner = ItemRunner(Replica(), lambda: ROOM)
    frames = runner.run(items("speak", 1000))
    first = await anext(frames)
    await settle()
    waiting = await anext(frames)
    assert sum(len(part.events) for part in (*first.parts, *waiting.parts)) < 20
    await frames.aclose()


async def test_an_engines_replica_answers_a_batch() -> None:
    replica = EmbeddingDeployment(lambda: {"vectors": Lengths()})
    asked = [Item(str(n), "embed", EmbedRequest("vectors", ("a" * n,)), None) for n in (1, 2)]
    frames = await collect(replica.run_items(asked))
    events = [event for frame in frames for part in frame.parts for event in part.events]
    assert [event.vector.tolist() for event in events if isinstance(event, Embedding)] == [[1.0], [2.0]]
    assert [event for event in events if isinstance(event, EmbeddingFinished)] == [
        EmbeddingFinished(TokenUsage(1, 0))
    ] * 2
    assert all(event.vector.dtype == np.float32 for event in events if isinstance(event, Embedding))
