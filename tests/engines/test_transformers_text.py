"""The text of an answer from its tokens: stop texts, characters of several tokens, probabilities."""

import pytest

from smartlite.domain.logprobs import TokenLogprob
from smartlite.engines.transformers_text import AnswerText, TokenPiece, show


def piece(data: bytes) -> TokenPiece:
    return TokenPiece(data, TokenLogprob(show(data), -0.5, data))


def say(tokens: list[bytes], *stop: str) -> tuple[list[str], list[bytes], bool]:
    text = AnswerText(stop)
    deltas = [delta for token in tokens if (delta := text.push(piece(token)))]
    if last := text.finish():
        deltas.append(last)
    for delta in deltas:
        assert b"".join(logprob.data for logprob in delta.logprobs).decode() == delta.text
    return [delta.text for delta in deltas], [p.data for delta in deltas for p in delta.logprobs], text.stopped


def test_every_token_is_a_piece_of_its_own() -> None:
    assert say([b"Hel", b"lo", b" you"]) == (["Hel", "lo", " you"], [b"Hel", b"lo", b" you"], False)


def test_a_character_of_several_tokens_comes_whole() -> None:
    assert say([b" \xf0\x9f", b"\x8e", b"\x89", b"!"])[0] == [" 🎉", "!"]


def test_the_start_of_a_character_that_is_never_completed_is_not_said() -> None:
    assert say([b"a", b"\xf0\x9f"]) == (["a"], [b"a"], False)
    assert say([b"a\xf0\x9f"]) == (["a"], [b"a"], False)


def test_bytes_that_are_no_text_are_shown_as_such() -> None:
    text = AnswerText(())
    delta = text.push(TokenPiece(b"a\xffb"))
    assert delta is not None
    assert delta.text == "a\ufffdb"


@pytest.mark.parametrize(
    ("tokens", "stop", "expected"),
    [
        ([b"is", b" Pa", b"ris", b"."], "Paris", "is "),
        ([b"a", b"\n", b"\n", b"b"], "\n\n", "a"),
        ([b"a\n\nb"], "\n\n", "a"),
        ([b"aab", b"c"], "abc", "a"),
        ([b"\xf0\x9f", b"\x8e\x89 x"], "🎉", ""),
    ],
)
def test_the_text_ends_before_a_stop_text_however_it_is_cut_into_tokens(
    tokens: list[bytes], stop: str, expected: str
) -> None:
    said, _, stopped = say(tokens, stop)
    assert "".join(said) == expected
    assert stopped


def test_the_first_of_several_stop_texts_counts() -> None:
    assert say([b"one two three"], "three", "two")[0] == ["one "]


def test_what_only_looked_like_a_stop_text_is_said_late_but_whole() -> None:
    said, data, stopped = say([b"a", b"\n", b"b", b"\n"], "\n\n")
    assert ("".join(said), data, stopped) == ("a\nb\n", [b"a", b"\n", b"b", b"\n"], False)
    assert said[0] == "a"


def test_nothing_follows_a_stop_text_and_empty_ones_stop_nothing() -> None:
    text = AnswerText(["", "x"])
    assert text.push(piece(b"x")) is None
    assert text.push(piece(b"y")) is None
    assert text.finish() is None
    assert say([b"abc"], "") == (["abc"], [b"abc"], False)


def test_control_tokens_say_nothing() -> None:
    assert say([b"a", b"", b"b"]) == (["a", "b"], [b"a", b"b"], False)
