"""The pieces of a transcript that a caption is made of: unbreakable, with times. Must not know captions or formats.

A line may be broken where there is white space, and in scripts without spaces between words and next to punctuation,
but never before a closing mark or behind an opening one (JIS X 4051, "kinsoku").
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from smartlite.domain.asr import Segment

_NOT_FIRST: Final = frozenset(
    "、。，．・：；？！)]}）］｝〕〉》」』】〙〗’”»›%％‰℃,.:;?!…‥ーァィゥェォッャュョヮヵヶぁぃぅぇぉっゃゅょゎ々〻"
)
_NOT_LAST: Final = frozenset("([{（［｛〔〈《「『【〘〖‘“«‹¿¡$＄£￡¥￥")
_HYPHENS: Final = frozenset("-‐–—/")
_UNSPACED: Final = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9d]|[\U00020000-\U0003ffff]"
)
"""Thai, Lao, Myanmar, Khmer, kana, Han."""
_CHUNK: Final = re.compile(r"(\s*)(\S+)")


@dataclass(frozen=True, slots=True)
class Unit:
    """Text without white space that stays on one line."""

    text: str
    start_s: float
    end_s: float
    is_spaced: bool
    """Whether white space precedes it."""


def is_unspaced(text: str) -> bool:
    """Whether most letters of a text are of scripts that put no space between words."""
    letters = sum(map(str.isalpha, text))
    return letters > 0 and 2 * len(_UNSPACED.findall(text)) > letters


def units_of(segments: Iterable[Segment], longest: int) -> list[Unit]:
    """Cut the text of segments into units, in order, with nothing left out but white space.

    Args:
        segments: Times of words are used where their texts are found in the segment's; else its time is shared out by
            length.
        longest: Units with more characters are cut anywhere.
    """
    merged: list[Unit] = []
    for unit in _pieces(segments):
        last = merged[-1] if merged else None
        if last is not None and unit.text in _HYPHENS and len(last.text) <= longest - 2:
            # At the head of a line it would announce another speaker.
            merged[-1] = Unit(last.text + " " * unit.is_spaced + unit.text, last.start_s, unit.end_s, last.is_spaced)
        elif last is None or unit.is_spaced or _may_break(last.text[-1], unit.text[0]):
            merged.append(unit)
        else:
            merged[-1] = Unit(last.text + unit.text, last.start_s, unit.end_s, last.is_spaced)
    return [piece for unit in merged for piece in _cut(unit, longest)]


def _pieces(segments: Iterable[Segment]) -> Iterator[Unit]:
    """Every word with its marks, or where words have no times every piece that may end a line; in the order of time."""
    spaced = False
    now_s = 0.0
    for segment in segments:
        for text, first_s, last_s, is_word in _timed(segment):
            start_s = max(now_s, first_s)
            end_s = max(start_s, last_s)
            parts = [
                (bool(gap) and number == 0, part)
                for gap, chunk in _CHUNK.findall(text)
                for number, part in enumerate([chunk] if is_word else _breakable(chunk))
            ]
            total = sum(len(part) for _, part in parts)
            done = 0
            for has_gap, part in parts:
                begin_s = start_s + (end_s - start_s) * done / total
                done += len(part)
                now_s = start_s + (end_s - start_s) * done / total
                yield Unit(part, begin_s, now_s, spaced or has_gap)
                spaced = False
            spaced = spaced or text[-1:].isspace()


def _timed(segment: Segment) -> Iterator[tuple[str, float, float, bool]]:
    """Text with its times: each word and what stands before it, or all of it where a word is not found."""
    found: list[tuple[str, float, float, bool]] = []
    position = 0
    for word in segment.words:
        at = segment.text.find(word.text, position)
        if at < 0:
            found.clear()
            position = 0
            break
        end = at + len(word.text)
        if segment.text[position:end].strip():
            found.append((segment.text[position:end], word.start_s, word.end_s, True))
            position = end
    if not found:
        yield segment.text, segment.start_s, segment.end_s, False
        return
    text, start_s, end_s, _ = found.pop()
    yield from found
    yield text + segment.text[position:], start_s, end_s, True


def _breakable(chunk: str) -> Iterator[str]:
    start = 0
    for place in range(1, len(chunk)):
        if _may_break(chunk[place - 1], chunk[place]):
            yield chunk[start:place]
            start = place
    yield chunk[start:]


def _may_break(before: str, after: str) -> bool:
    if after in _NOT_FIRST or before in _NOT_LAST or unicodedata.category(after)[0] == "M":
        return False
    if before in _HYPHENS:
        return after.isalpha()
    return _UNSPACED.match(before) is not None or _UNSPACED.match(after) is not None


def _cut(unit: Unit, longest: int) -> Iterator[Unit]:
    """What is too long for a line, where a line may end, or else anywhere."""
    if len(unit.text) <= longest:
        yield unit
        return
    texts = [""]
    for piece in _breakable(unit.text):
        if len(texts[-1]) + len(piece) <= longest:
            texts[-1] += piece
        else:
            texts += [piece[start : start + longest] for start in range(0, len(piece), longest)]
    rate = (unit.end_s - unit.start_s) / len(unit.text)
    begin_s = unit.start_s
    for number, text in enumerate(filter(None, texts)):
        end_s = begin_s + rate * len(text)
        yield Unit(text, begin_s, end_s, unit.is_spaced and number == 0)
        begin_s = end_s
