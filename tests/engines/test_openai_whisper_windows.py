"""How a window's tokens become segments: text is below 1000, timestamps of 20 ms each begin there."""

import pytest

from smartlite.engines.openai_whisper_windows import Span, split_window

FIRST = 1000


def _stamp(seconds: float) -> int:
    return FIRST + round(seconds / 0.02)


@pytest.mark.parametrize(
    ("tokens", "spans", "advance", "silent"),
    [
        # Two segments and an unfinished one, which the next window has again.
        (
            [_stamp(0), 1, _stamp(2), _stamp(2), 2, _stamp(5), _stamp(5), 3],
            [Span(0.0, 2.0, [_stamp(0), 1, _stamp(2)]), Span(2.0, 5.0, [_stamp(2), 2, _stamp(5)])],
            500,
            False,
        ),
        # One timestamp at the end: nothing is spoken after it.
        (
            [_stamp(0), 1, _stamp(2), _stamp(3), 2, _stamp(5)],
            [Span(0.0, 2.0, [_stamp(0), 1, _stamp(2)]), Span(3.0, 5.0, [_stamp(3), 2, _stamp(5)])],
            2000,
            True,
        ),
        ([_stamp(0), 1, _stamp(4)], [Span(0.0, 4.0, [_stamp(0), 1, _stamp(4)])], 2000, True),
        ([_stamp(0), 1, 2], [Span(0.0, 20.0, [_stamp(0), 1, 2])], 2000, False),
        ([], [Span(0.0, 20.0, [])], 2000, False),
    ],
)
def test_segments_end_at_pairs_of_timestamps(tokens: list[int], spans: list[Span], advance: int, silent: bool) -> None:
    window = split_window(tokens, FIRST, 2000)
    assert [(span.tokens, pytest.approx(span.start_s), pytest.approx(span.end_s)) for span in window.spans] == [
        (span.tokens, span.start_s, span.end_s) for span in spans
    ]
    assert (window.advance_frames, window.ends_in_silence) == (advance, silent)


def test_a_window_that_ends_where_it_began_is_not_recognised_again() -> None:
    assert split_window([_stamp(0), _stamp(0), 1], FIRST, 2000).advance_frames == 2000
