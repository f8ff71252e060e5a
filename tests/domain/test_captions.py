"""Captions within limits, over made transcripts in scripts with and without spaces."""

import random

import pytest

from smartlite.domain.asr import Segment, Word
from smartlite.domain.captions import Caption, CaptionLimits, cut_captions, segment_captions

ENGLISH = (
    "The lighthouse at the end of the bay, built by Mr. Stevenson, was lit for a hundred years. Nobody lives there "
    "now! Why? The road is closed; letters come by boat - once a week - and state-of-the-art lamps need no keeper."
)
JAPANESE = (
    "灯台 は 、 百年 以上 前 に 建て られ た 。 冬 に は 「 道 」 が 雪 で 閉ざさ れ 、 手紙 は 船 で 届き まし た 。"
)
CHINESE = "这座 灯塔 建 于 一百 多 年 前 ， 冬天 的 时候 道路 被 雪 封 住 了 。 孩子 们 学会 了 数 海浪 。"
THAI = "ประภาคาร นี้ สร้าง ขึ้น เมื่อ กว่า หนึ่ง ร้อย ปี ที่ แล้ว"
SCRIPTS = {
    "en": (ENGLISH.split(), " "),
    "ja": (JAPANESE.split(), ""),
    "zh": (CHINESE.split(), ""),
    "th": (THAI.split(), ""),
}


def transcript(words: list[str], gap: str, word_s: float = 0.3, each: int = 9, timed: bool = True) -> list[Segment]:
    """Segments of some words, one word after the other."""
    segments = []
    for first in range(0, len(words), each):
        part = words[first : first + each]
        spoken = tuple(Word(text, (first + i) * word_s, (first + i + 1) * word_s, 1.0) for i, text in enumerate(part))
        text = "".join(gap + text for text in part)
        segments.append(
            Segment(len(segments), spoken[0].start_s, spoken[-1].end_s, text, words=spoken if timed else ())
        )
    return segments


def squeezed(texts: object) -> str:
    assert isinstance(texts, list)
    return "".join("".join(texts).split())


def check(segments: list[Segment], captions: list[Caption], width: int, lines: int, duration_s: float) -> None:
    """Everything that holds of all captions."""
    said = squeezed([segment.text for segment in segments])
    assert squeezed([line for caption in captions for line in caption.lines]) == said
    now_s = 0.0
    for caption in captions:
        assert now_s <= caption.start_s <= caption.end_s <= duration_s + 1e-9
        assert 1 <= len(caption.lines) <= lines
        assert all(0 < len(line) <= width for line in caption.lines)
        assert all(line == line.strip() for line in caption.lines)
        now_s = caption.end_s


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("seed", range(25))
def test_nothing_is_lost_or_moved_whatever_the_limits_and_the_times(script: str, seed: int) -> None:
    chance = random.Random(seed)
    words, gap = SCRIPTS[script]
    segments = []
    now_s = 0.0
    for number in range(chance.randint(1, 30)):
        part = [chance.choice(words) for _ in range(chance.randint(1, 12))]
        spoken = []
        for text in part:
            now_s += chance.choice([0.0, 0.0, 0.1, 0.4, 2.5])
            # As engines give them: sometimes of no length, sometimes running back a little.
            start_s = max(0.0, now_s - chance.choice([0.0, 0.0, 0.2]))
            now_s += chance.choice([0.0, 0.05, 0.3, 1.0])
            spoken.append(Word(text, start_s, now_s, 1.0))
        text = "".join(gap + text for text in part) + chance.choice(["", "", " ", " ♪"])
        kept = tuple(spoken) if chance.random() < 0.8 else tuple(spoken[::2]) if chance.random() < 0.5 else ()
        segments.append(Segment(number, spoken[0].start_s, now_s, text, words=kept))
    width, lines = chance.choice([8, 12, 42, 200]), chance.choice([1, 2, 3, 8])
    limits = CaptionLimits(width, lines, chance.choice([1.0, 5.0, 17.0, 100.0]))
    check(segments, cut_captions(segments, limits, now_s + 1), width, lines, now_s + 1)


def test_english_captions_end_where_sentences_and_clauses_do() -> None:
    captions = cut_captions(transcript(*SCRIPTS["en"]), CaptionLimits(), 30)
    assert [caption.lines for caption in captions] == [
        ("The lighthouse at the end of the bay,", "built by Mr. Stevenson,"),
        ("was lit for a hundred years.", "Nobody lives there now! Why?"),
        ("The road is closed; letters come by boat -", "once a week - and state-of-the-art lamps"),
        ("need no keeper.",),
    ]


def test_words_break_after_hyphens_only_where_they_must() -> None:
    segments = transcript(["a", "state-of-the-art", "engine"], " ")
    lines = [line for caption in cut_captions(segments, CaptionLimits(10, 2), 9) for line in caption.lines]
    assert lines == ["a", "state-of-", "the-art", "engine"]


@pytest.mark.parametrize(("script", "forbidden"), [("ja", "、。」"), ("zh", "，。")])
def test_no_line_begins_with_a_closing_mark_or_ends_with_an_opening_one(script: str, forbidden: str) -> None:
    segments = transcript(*SCRIPTS[script])
    for width in range(8, 20):
        for caption in cut_captions(segments, CaptionLimits(width), 60):
            assert not any(line[0] in forbidden or line[-1] == "「" for line in caption.lines)


def test_scripts_without_spaces_have_shorter_lines_where_none_is_named() -> None:
    captions = cut_captions(transcript(*SCRIPTS["ja"]), CaptionLimits(None, 2), 60)
    assert max(len(line) for caption in captions for line in caption.lines) <= 16


@pytest.mark.parametrize("script", SCRIPTS)
def test_words_stay_whole_where_lines_are_long_enough(script: str) -> None:
    words, gap = SCRIPTS[script]
    ends = {len("".join(words[: count + 1])) for count in range(len(words))}
    for width in (16, 20):
        place = 0
        for caption in cut_captions(transcript(words, gap), CaptionLimits(width), 60):
            for line in caption.lines:
                place += len(line.replace(" ", ""))
                assert place in ends


def test_vowel_signs_stay_with_their_consonants() -> None:
    lines = [
        line for caption in cut_captions(transcript(*SCRIPTS["th"]), CaptionLimits(8), 60) for line in caption.lines
    ]
    assert not any("\u0e31" <= line[0] <= "\u0e3a" and line[0] not in "\u0e32\u0e33" for line in lines)


def test_a_caption_stays_until_it_can_be_read_and_never_into_the_next() -> None:
    first = Segment(0, 0.0, 0.5, " A dozen words", words=(Word("A dozen words", 0.0, 0.5, 1.0),))
    for next_s, end_s in ((0.6, 0.6), (2.0, 1.3), (8.0, 1.3)):
        later = Segment(1, next_s, next_s + 1, " Later.", words=(Word("Later.", next_s, next_s + 1, 1.0),))
        captions = cut_captions([first, later], CaptionLimits(13, 1, 10.0), 60)
        assert captions[0].end_s == pytest.approx(end_s)
    assert cut_captions([first], CaptionLimits(13, 1, 10.0), 1.0)[0].end_s == pytest.approx(1.0)


def test_a_long_pause_ends_a_caption() -> None:
    words = (Word("Well,", 0.0, 0.4, 1.0), Word("no.", 4.0, 4.3, 1.0))
    captions = cut_captions([Segment(0, 0.0, 4.3, " Well, no.", words=words)], CaptionLimits(), 9)
    assert [(caption.start_s, caption.lines) for caption in captions] == [(0.0, ("Well,",)), (4.0, ("no.",))]


def test_a_segment_without_words_shares_its_time_out() -> None:
    captions = cut_captions([Segment(0, 10.0, 20.0, " " + "word " * 20)], CaptionLimits(24, 2), 60)
    check([Segment(0, 10.0, 20.0, "word " * 20)], captions, 24, 2, 60)
    assert captions[0].start_s == 10.0
    assert captions[1].start_s == pytest.approx(14.0, abs=1.1)
    assert captions[-1].end_s == pytest.approx(20.0, abs=0.01)


def test_a_word_longer_than_a_line_is_cut() -> None:
    captions = cut_captions([Segment(0, 0.0, 5.0, " " + "x" * 100)], CaptionLimits(30, 2), 60)
    assert [len(line) for caption in captions for line in caption.lines] == [30, 30, 30, 10]


def test_a_transcript_without_text_has_no_captions() -> None:
    assert cut_captions([], CaptionLimits(), 3) == []
    assert cut_captions([Segment(0, 0, 1, "  ")], CaptionLimits(), 3) == []


def test_without_limits_each_segment_is_one_caption_of_one_line() -> None:
    long = " ".join(["three"] * 50)
    segments = [Segment(0, 0, 1, " one\n two"), Segment(1, 1, 2, "  "), Segment(2, 2, 9, f" {long}")]
    captions = list(segment_captions(segments))
    assert [caption.lines for caption in captions] == [("one two",), (long,)]
    assert [(caption.start_s, caption.end_s) for caption in captions] == [(0, 1), (2, 9)]
