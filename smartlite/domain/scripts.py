"""The script that a text is written in, and the languages that are written in it. Must not know speakers or models."""

import unicodedata
from collections import Counter
from dataclasses import dataclass
from typing import Final

_SAMPLE: Final = 600
"""Characters at the start of a text that stand for all of it."""
LATIN: Final = "LATIN"
_LANGUAGES: Final[dict[str, str]] = {
    "ARABIC": "ar fa ur ps sd ug ku",
    "ARMENIAN": "hy hyw",
    "BENGALI": "bn as bpy",
    "CHEROKEE": "chr",
    "CJK": "zh ja yue hak",
    "CYRILLIC": "ru uk bg sr mk be kk ky mn tg tt ba cv nog",
    "DEVANAGARI": "hi mr ne kok sa",
    "ETHIOPIC": "am ti",
    "GEORGIAN": "ka",
    "GREEK": "el grc",
    "GUJARATI": "gu",
    "GURMUKHI": "pa",
    "HANGUL": "ko",
    "HEBREW": "he yi",
    "KANA": "ja",
    "KANNADA": "kn",
    "KHMER": "km",
    "LAO": "lo",
    "MALAYALAM": "ml",
    "MYANMAR": "my shn",
    "ORIYA": "or",
    "SINHALA": "si",
    "TAMIL": "ta",
    "TELUGU": "te",
    "THAI": "th",
    "TIBETAN": "bo dz",
}
"""The most spoken language of a script is its first: what is guessed where nothing else tells."""
_KANA: Final = frozenset({"HIRAGANA", "KATAKANA", "HALFWIDTH"})
_SYLLABIC: Final = frozenset({"KANA", "CJK", "HANGUL"})
_SYLLABLE: Final = 2
"""Letters that one character of these is worth."""
_MIN_KANA: Final = 0.1


@dataclass(frozen=True, slots=True)
class Writing:
    """How a text is written."""

    script: str
    """First word of the Unicode names of its letters; empty where there are none."""
    letters: int
    """How many letters are in this script; a syllable is worth two."""
    languages: tuple[str, ...]
    """Primary codes of the languages that use it; empty for Latin, which hundreds do."""


def writing_of(text: str) -> Writing:
    """Find the script of most letters; a text with kana among Chinese characters is Japanese."""
    counts: Counter[str] = Counter()
    for character in text[:_SAMPLE]:
        if character.isalpha():
            script = unicodedata.name(character, "").partition(" ")[0]
            script = "KANA" if script in _KANA else script
            counts[script] += _SYLLABLE if script in _SYLLABIC else 1
    if counts["KANA"] and counts["KANA"] >= _MIN_KANA * (counts["KANA"] + counts["CJK"]):
        counts["KANA"] += counts.pop("CJK", 0)
    if not counts:
        return Writing("", 0, ())
    script, letters = counts.most_common(1)[0]
    return Writing(script, letters, tuple(_LANGUAGES.get(script, "").split()))


def is_written_in(language: str, script: str) -> bool:
    """Whether a language (its primary code) is written in this script."""
    homes = [name for name, languages in _LANGUAGES.items() if language in languages.split()]
    return script in homes if homes else script in {LATIN, ""}
