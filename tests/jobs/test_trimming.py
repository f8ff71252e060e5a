"""What part of a conversation is sent: whole turns, the newest, within a room."""

import pytest

from smartlite.domain.conversations import Item, ItemContent, estimated_tokens
from smartlite.jobs.trimming import (
    cut_summary,
    first_that_fits,
    pieces,
    room_for_prompt,
    summary_request,
    summary_tokens,
)
from smartlite.storage.conversation_items import ItemSize
from tests.storage.rows import NOON

TALK = [
    ItemSize(1, "message", "user", 10),
    ItemSize(2, "function_call", None, 10),
    ItemSize(3, "function_call_output", None, 10),
    ItemSize(4, "message", "assistant", 10),
    ItemSize(5, "message", "user", 10),
    ItemSize(6, "message", "assistant", 10),
]


@pytest.mark.parametrize(("room", "first"), [(0, 6), (9, 6), (19, 6), (20, 4), (59, 4), (60, 0), (1000, 0)])
def test_what_is_sent_begins_with_what_a_user_said(room: int, first: int) -> None:
    assert first_that_fits(TALK, room) == first


def test_what_fits_whole_is_sent_whole_whoever_began() -> None:
    assert first_that_fits(TALK[3:], 30) == 0
    assert first_that_fits(TALK[3:], 29) == 1
    assert first_that_fits([], 10) == 0


@pytest.mark.parametrize(
    ("max_tokens", "answer_tokens", "room"),
    [(None, None, 1536), (None, 100, 1948), (None, 5000, 1536), (500, 100, 500), (5000, None, 1536)],
)
def test_an_answer_is_left_what_it_may_have_and_at_most_a_quarter(
    max_tokens: int | None, answer_tokens: int | None, room: int
) -> None:
    assert room_for_prompt(2048, max_tokens, answer_tokens) == room


def test_a_token_is_estimated_for_three_bytes() -> None:
    assert estimated_tokens("abcdef") == 8
    assert estimated_tokens("天気") == 8
    assert estimated_tokens("\ud800") > 0


def items(*texts: str) -> list[Item]:
    return [Item(f"msg_{at}", at, NOON, ItemContent("message", text, "user")) for at, text in enumerate(texts, 1)]


def test_what_is_summed_up_fits_into_the_context_piece_by_piece() -> None:
    said = items(*["word " * 60] * 5, "x" * 100_000)
    found = list(pieces(said, 512))
    assert [[item.position for item in piece] for piece in found] == [[1, 2], [3, 4], [5], [6]]
    for piece in found:
        asked = summary_request("mind", 512, 512, "So far.", piece)
        assert sum(len(message.content) for message in asked.messages) < 512 * 4
        assert asked.options.max_tokens == 64


def test_a_summary_is_a_small_part_of_what_may_be_sent() -> None:
    limits = [summary_request("mind", 8192, most, None, items("x")).options.max_tokens for most in (64, 400, 8192)]
    assert limits == [16, 50, 512]


def test_a_summary_that_was_made_for_more_room_is_cut() -> None:
    assert cut_summary("short", 100) == "short"
    cut = cut_summary("天気" * 100, 100)
    assert cut is not None
    assert summary_tokens(cut) <= 50
    assert cut_summary("short", 0) is None
    assert cut_summary(None, 0) is None
