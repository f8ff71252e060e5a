"""An answer is recorded while it passes, and is decided about before its end is sent."""

from collections.abc import Iterator

import pytest
from starlette.types import Message

from smartlite.api.recording import Recording, kept_headers, replay
from smartlite.auth.kept_answer import Answer


def head(*headers: tuple[bytes, bytes]) -> Message:
    return {
        "type": "http.response.start",
        "status": 201,
        "headers": list(headers or ((b"Content-Type", b"text/plain"),)),
    }


class World:
    """A client, and somebody who decides."""

    def __init__(self, outcome: bool = True, max_bytes: int = 10) -> None:
        self.events: list[Message | Answer | None] = []
        self.outcome = outcome
        self.recording = Recording(self.send, self.settle, max_bytes)

    async def send(self, message: Message) -> None:
        self.events.append(message)

    async def settle(self, answer: Answer | None) -> bool:
        self.events.append(answer)
        return self.outcome

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(next(event for event in self.events if isinstance(event, dict))["headers"])


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.recording.close()


@pytest.fixture
def refusing(world: World) -> World:
    """Whoever decides cannot keep anything."""
    world.outcome = False
    return world


def piece(data: bytes, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": data, "more_body": more}


async def test_each_piece_is_sent_at_once_and_the_last_after_the_decision(world: World) -> None:
    await world.recording.send(head())
    assert world.events == []
    await world.recording.send(piece(b"one"))
    assert world.events == [head(), piece(b"one")]
    await world.recording.send(piece(b"two", more=False))
    answer = Answer(201, [("content-type", "text/plain")], b"onetwo")
    assert world.events[2:] == [answer, piece(b"two", more=False)]


async def test_an_answer_of_one_piece_that_should_have_been_kept_says_that_it_is_not(refusing: World) -> None:
    await refusing.recording.send(head())
    await refusing.recording.send(piece(b"one", more=False))
    assert refusing.headers[b"idempotency-kept"] == b"false"


@pytest.mark.parametrize("sizes", [(11,), (11, 1)], ids=["in one piece", "in the first of two"])
async def test_an_answer_that_is_too_large_says_so_where_the_head_has_not_gone(
    refusing: World, sizes: tuple[int, ...]
) -> None:
    await refusing.recording.send(head())
    for place, size in enumerate(sizes):
        await refusing.recording.send(piece(b"x" * size, more=place < len(sizes) - 1))
    assert refusing.headers[b"idempotency-kept"] == b"false"
    assert None in refusing.events


async def test_an_answer_that_says_it_is_too_large_is_not_recorded(refusing: World) -> None:
    await refusing.recording.send(head((b"content-length", b"11")))
    await refusing.recording.send(piece(b"x"))
    assert refusing.headers[b"idempotency-kept"] == b"false"


async def test_an_answer_that_becomes_too_large_is_sent_whole(refusing: World) -> None:
    await refusing.recording.send(head())
    for more in (True, True, False):
        await refusing.recording.send(piece(b"12345", more))
    assert b"idempotency-kept" not in refusing.headers
    assert [event["body"] for event in refusing.events if isinstance(event, dict) and "body" in event] == [b"12345"] * 3
    assert None in refusing.events


def test_what_belongs_to_the_request_is_not_kept() -> None:
    given = ["content-type", "content-length", "date", "server-timing", "x-request-id", "x-ratelimit-limit-requests"]
    given += ["retry-after", "x-should-retry", "set-cookie", "x-smartlite-voice", "location", "content-disposition"]
    kept = {name for name, _ in kept_headers([(name, "1") for name in given])}
    assert kept == {"content-type", "x-smartlite-voice", "location", "content-disposition"}


async def test_a_kept_answer_is_given_again_with_its_length(world: World) -> None:
    await replay(Answer(201, [("content-type", "text/plain")], b"four"), world.send)
    assert world.headers == {b"content-type": b"text/plain", b"content-length": b"4", b"idempotent-replayed": b"true"}
    assert world.events[1] == piece(b"four", more=False)
