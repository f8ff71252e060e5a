"""Subtitle files, compared byte for byte."""

import pytest

from smartlite.api.subtitles import to_srt, to_vtt
from smartlite.domain.captions import Caption


def _caption(start_s: float, end_s: float, *lines: str) -> Caption:
    return Caption(start_s, end_s, lines)


TWO = (_caption(0.0, 2.5, " Hello, world."), _caption(2.5, 3661.0015, " Second line."))


def test_srt_numbers_cues_from_one_and_writes_times_with_a_comma() -> None:
    assert to_srt(TWO) == (
        "1\n00:00:00,000 --> 00:00:02,500\nHello, world.\n\n2\n00:00:02,500 --> 01:01:01,002\nSecond line.\n\n"
    )


def test_vtt_begins_with_its_signature_and_writes_times_with_a_point() -> None:
    assert to_vtt(TWO) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:02.500\nHello, world.\n\n00:00:02.500 --> 01:01:01.002\nSecond line.\n\n"
    )


def test_an_empty_transcript_gives_an_empty_srt_and_a_vtt_with_its_signature_only() -> None:
    assert to_srt(()) == ""
    assert to_vtt(()) == "WEBVTT\n\n"


def test_an_arrow_in_the_text_cannot_be_read_as_a_timing_line() -> None:
    captions = (_caption(0, 1, " 00:00:05.000 --> 00:00:06.000"),)
    assert to_srt(captions).count("-->") == 1
    assert to_vtt(captions).count("-->") == 1
    assert "00:00:05.000 --&gt; 00:00:06.000" in to_vtt(captions)


def test_vtt_escapes_markup_and_srt_keeps_it() -> None:
    captions = (_caption(0, 1, " AT&T <b>bold</b>"),)
    assert "AT&amp;T &lt;b&gt;bold&lt;/b&gt;" in to_vtt(captions)
    assert "AT&T <b>bold</b>" in to_srt(captions)


@pytest.mark.parametrize("write", [to_srt, to_vtt])
def test_a_blank_line_in_a_text_does_not_end_its_cue(write: object) -> None:
    assert callable(write)
    assert "one two three\n\n" in write((_caption(0, 1, " one\n\ntwo\r\n three\n"),))


def test_a_caption_without_text_is_no_cue_and_takes_no_number() -> None:
    assert to_srt((_caption(0, 1, "  \n"), _caption(1, 2, " Here."))).startswith(
        "1\n00:00:01,000 --> 00:00:02,000\nHere."
    )


def test_hours_beyond_99_keep_all_their_digits() -> None:
    assert "100:00:00,000 --> 1000:00:00,000" in to_srt((_caption(360_000, 3_600_000, "late"),))


def test_times_are_rounded_to_the_millisecond_and_never_run_backwards() -> None:
    assert "00:00:59,999 --> 00:01:00,000" in to_srt((_caption(59.9994, 59.9996, "a"),))
    assert "00:00:02.000 --> 00:00:02.000" in to_vtt((_caption(2.0, 1.5, "b"),))
    assert "00:00:00.000 --> 00:00:01.000" in to_vtt((_caption(-0.2, 1.0, "c"),))


@pytest.mark.parametrize("write", [to_srt, to_vtt])
def test_lines_stay_lines_and_empty_ones_are_left_out(write: object) -> None:
    assert callable(write)
    assert "\none\ntwo\n\n" in write((_caption(0, 1, "one", " ", "two"),))
