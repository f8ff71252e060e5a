"""Captions of a transcript within limits of line length, lines and reading speed. Must not know srt, vtt or HTTP.

Common practice, where a limit is not named: 42 characters a line, two lines, 17 characters a second, 5/6 s at least and
7 s at most (Netflix Timed Text Style Guide: General Requirements, and English Template); 16 full-width characters a
line and 9 a second in scripts without spaces (the same for Chinese).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from smartlite.domain.abbreviations import NEVER_END
from smartlite.domain.asr import Segment
from smartlite.domain.caption_units import Unit, is_unspaced, units_of

_SHORTEST_S: Final = 5 / 6
_LONGEST_S: Final = 7.0
_PAUSE_S: Final = 1.5
"""Silence over which no caption stays together: its second half would be read before it is said."""
_BREATH_S: Final = 0.3

_SENTENCE_ENDS: Final = tuple(".!?…؟۔।॥。！？｡")
_CLAUSE_ENDS: Final = tuple(",;:—–،؛、，；：")
_CLOSERS: Final = "\"'”’»)]}」』）】》"
_LEAST_FILL: Final = 0.35
"""Part of what fits that a caption holds at least before a sentence's end is taken for a good place to cut."""


@dataclass(frozen=True, slots=True)
class CaptionLimits:
    """What a reader can follow; None takes common practice."""

    max_line_length: int | None = None
    """Characters."""
    max_lines: int | None = None
    max_chars_per_second: float | None = None


@dataclass(frozen=True, slots=True)
class Caption:
    """What stands on the screen at one time."""

    start_s: float
    end_s: float
    lines: tuple[str, ...]


def segment_captions(segments: Iterable[Segment]) -> Iterator[Caption]:
    """One caption of one line for every segment that has text, as OpenAI makes them."""
    for segment in segments:
        if text := " ".join(segment.text.split()):
            yield Caption(segment.start_s, segment.end_s, (text,))


def cut_captions(segments: Sequence[Segment], limits: CaptionLimits, duration_s: float) -> list[Caption]:
    """Cut a transcript anew into captions, in order, never overlapping, with all of its words.

    A caption ends where a sentence or a clause does if one ends late enough, and at every long pause. It stays until it
    can be read, if the next one leaves it the time; words that are spoken faster than can be read stay as they are.

    Args:
        segments: With times of words; segments without share their time out by length.
        limits: What a caption may be.
        duration_s: Length of the recording; the last caption may stay until then.
    """
    unspaced = is_unspaced("".join(segment.text for segment in segments))
    width = limits.max_line_length or (16 if unspaced else 42)
    lines = limits.max_lines or 2
    speed = limits.max_chars_per_second or (9.0 if unspaced else 17.0)
    units = units_of(segments, width)
    captions: list[Caption] = []
    start = 0
    while start < len(units):
        end = _best_cut(units, start, _furthest(units, start, width, lines))
        chosen = units[start:end]
        captions.append(Caption(chosen[0].start_s, chosen[-1].end_s, _wrap(chosen, width)))
        start = end
    if not captions:
        return []
    starts_s = [caption.start_s for caption in captions[1:]]
    last_s = max(duration_s, captions[-1].end_s)
    return [_readable(caption, next_s, speed) for caption, next_s in zip(captions, [*starts_s, last_s], strict=True)]


def _furthest(units: Sequence[Unit], start: int, width: int, lines: int) -> int:
    """The end of the longest caption that begins at a unit; it has at least that one."""
    used, column = 1, len(units[start].text)
    for place in range(start + 1, len(units)):
        unit = units[place]
        if unit.end_s - units[start].start_s > _LONGEST_S or unit.start_s - units[place - 1].end_s > _PAUSE_S:
            return place
        column += len(unit.text) + unit.is_spaced
        if column > width:
            used, column = used + 1, len(unit.text)
        if used > lines:
            return place
    return len(units)


def _best_cut(units: Sequence[Unit], start: int, furthest: int) -> int:
    if furthest == len(units) or units[furthest].start_s - units[furthest - 1].end_s > _PAUSE_S:
        return furthest
    total = sum(len(unit.text) for unit in units[start:furthest])
    best, best_score, filled = furthest, 0.0, 0
    for place in range(start + 1, furthest + 1):
        filled += len(units[place - 1].text)
        fill = filled / total
        score = fill + (_ending(units[place - 1], units[place]) if fill >= _LEAST_FILL else 0.0)
        if score >= best_score:
            best, best_score = place, score
    return best


def _ending(last: Unit, following: Unit) -> float:
    """How good it is to cut between two units, beside the length of what is then before the cut."""
    text = last.text.rstrip(_CLOSERS)
    if text.endswith(_SENTENCE_ENDS) and text[:-1].lower() not in NEVER_END:
        return 1.0
    if text.endswith(_CLAUSE_ENDS):
        return 0.5
    return 0.4 if following.start_s - last.end_s > _BREATH_S else 0.0


def _wrap(units: Sequence[Unit], width: int) -> tuple[str, ...]:
    """As few lines as can be, and of these even ones; two lines are parted at a mark where one is near the middle."""
    lines = _fill(units, width)
    if len(lines) == 2:
        return _halves(units, width)
    narrow = max(len(unit.text) for unit in units)
    while narrow < width:
        # Halving, not counting up: a caption may have 1,600 characters.
        middle = (narrow + width) // 2
        if len(tried := _fill(units, middle)) <= len(lines):
            lines, width = tried, middle
        else:
            narrow = middle + 1
    return tuple(lines)


def _halves(units: Sequence[Unit], width: int) -> tuple[str, str]:
    whole = _fill(units, 2 * width + 1)[0]
    best, best_cost, place = ("", ""), float("inf"), 0
    for unit, following in pairwise(units):
        place += len(unit.text) + (unit.is_spaced and place > 0)
        first, second = whole[:place], whole[place:].lstrip()
        cost = abs(len(first) - len(second)) - width * _ending(unit, following) / 2
        if len(first) <= width and len(second) <= width and cost < best_cost:
            best, best_cost = (first, second), cost
    return best


def _fill(units: Sequence[Unit], width: int) -> list[str]:
    lines = [units[0].text]
    for unit in units[1:]:
        longer = lines[-1] + (" " if unit.is_spaced else "") + unit.text
        if len(longer) > width:
            lines.append(unit.text)
        else:
            lines[-1] = longer
    return lines


def _readable(caption: Caption, next_s: float, speed: float) -> Caption:
    needed_s = max(_SHORTEST_S, sum(map(len, caption.lines)) / speed)
    end_s = min(max(caption.end_s, caption.start_s + needed_s), next_s)
    return Caption(caption.start_s, max(caption.start_s, end_s), caption.lines)
