"""Text to clauses: what a speech synthesiser may be given, cut at the punctuation that it speaks as a pause.

Must not know phonemes, programs or voices.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

MAX_CLAUSE_WEIGHT: Final = 220
"""Longest clause, in about as many phonemes; a longer one is cut at a space."""

_REPLACEMENTS: Final = str.maketrans(
    {
        "’": "'", "‘": "'", "ʼ": "'", "“": " ", "”": " ", "„": " ", "«": " ", "»": " ", '"': " ",
        "…": "...", "。": ". ", "、": ", ", "，": ", ", "！": "! ", "？": "? ", "：": ": ", "；": "; ",
        "؟": "? ", "،": ", ", "؛": "; ", "—": ", ", "―": ", ", "−": "-", "×": " x ",
        # espeak-ng reads [[...]] as phonemes, whoever wrote them; the rest is the markup of language models.
        "[": " ", "]": " ", "{": " ", "}": " ", "`": " ", "~": " ", "|": " ", "^": " ", "\\": " ", "_": " ",
    }
)  # fmt: skip
_OTHER_SCRIPTS: Final = frozenset(
    "am ar as be bg bn bpy chr cmn el fa grc gu hak he hi hy hyw ja ka kk kn ko kok ky mk ml mni mr my ne or pa ps ru "  # noqa: SIM905 - read as text
    "sd shn si sr ta te th ti tt ug uk ur yue zh".split()
)
_SPOKEN_SYMBOLS: Final = frozenset("°©®™")
_DROPPED_CATEGORIES: Final = frozenset({"Cf", "Cs", "Co", "Cn", "Me", "So"})
_MARKUP = re.compile(r"\*+(?=\S)|(?<=\S)\*+|(?:^|(?<=\s))#+\s")
_SPACED_DASH = re.compile(r"\s+[-–]+\s+")
_MARK = re.compile(r"([.,;:!?]+)([\s)'»]*)(?=\s|$)")
_INITIALS = re.compile(r"\b(?:[A-Z]\.){2,}(?!\w)")


@dataclass(frozen=True, slots=True)
class Clause:
    """Words without a pause between them, and the mark that ends them."""

    text: str
    mark: str
    """One of ``. , ; : ! ?``, or empty where a long clause was cut."""


def in_latin_script(language: str) -> bool:
    """Whether a language of espeak-ng, such as ``en``, is written in Latin letters."""
    return language not in _OTHER_SCRIPTS


def clean_text(text: str, *, latin_only: bool) -> str:
    """Take out what cannot be spoken: control characters, lone surrogates, emoji, markup.

    Args:
        text: As the client sent it.
        latin_only: Also take out letters of other scripts but Greek, which an espeak-ng voice of a language in Latin
            script spells as "Chinese letter" and the like.

    Returns:
        One line; empty where nothing is left.
    """
    normal = unicodedata.normalize("NFC", text).translate(_REPLACEMENTS)
    kept = "".join(_keep(character, latin_only) for character in normal)
    return re.sub(r"\s+", " ", _SPACED_DASH.sub(", ", _MARKUP.sub("", kept))).strip()


def is_speakable(cleaned: str) -> bool:
    """Whether there is a letter, a digit or a symbol with a name, so that asking for phonemes may give some."""
    return any(character.isalnum() or unicodedata.category(character) in _SYMBOLS for character in cleaned)


_SYMBOLS: Final = frozenset({"Sc", "Sm", "So"})


def split_clauses(sentence: str) -> list[Clause]:
    """Cut a cleaned sentence at marks that a space or the end follows, so never inside 3,000.50 or 12:30.

    A full stop in the middle of a sentence ends an abbreviation: it is no pause, and it is taken out where espeak-ng
    would pause at it ("Dr. Smith"). A run of marks is one mark, the strongest of them: "?!" is a question.
    """
    sentence = _INITIALS.sub(lambda match: match[0].replace(".", " ").rstrip() + _stop_at_end(match), sentence)
    clauses: list[Clause] = []
    start = 0
    for match in _MARK.finditer(sentence):
        at_end = match.end() >= len(sentence)
        if match[1] == "." and not at_end:
            continue
        clauses += _bounded(sentence[start : match.start()], _strongest(match[1], at_end))
        start = match.end()
    clauses += _bounded(sentence[start:], ".")
    return clauses


def _keep(character: str, latin_only: bool) -> str:
    category = unicodedata.category(character)
    if category in {"Cc", "Zs", "Zl", "Zp"}:
        return " "
    if character in _SPOKEN_SYMBOLS:
        return character
    if category in _DROPPED_CATEGORIES or "\ufe00" <= character <= "\ufe0f":
        return ""
    if category == "Sk" and character > "\x7f":  # skin tones
        return ""
    if latin_only and category[0] in "LM" and character > "\x7f":
        name = unicodedata.name(character, "")
        if not any(script in name for script in ("LATIN", "GREEK", "COMBINING", "MICRO", "ORDINAL")):
            return " "
    return character


def _strongest(marks: str, at_end: bool) -> str:
    for mark in "?!":
        if mark in marks:
            return mark
    if "." in marks:
        return "." if at_end else ","  # an ellipsis inside a sentence is a pause
    return marks[-1]


def _stop_at_end(match: re.Match[str]) -> str:
    return "." if match.end() == len(match.string) else ""


def _bounded(text: str, mark: str) -> list[Clause]:
    words = [re.sub(r"(?<=[^\W\d])\.$", "", word) if word.count(".") == 1 else word for word in text.split()]
    pieces: list[list[str]] = [[]]
    weight = 0
    for word in (part for each in words for part in _bounded_word(each)):
        cost = _weight(word)
        if pieces[-1] and weight + cost > MAX_CLAUSE_WEIGHT:
            pieces.append([])
            weight = 0
        pieces[-1].append(word)
        weight += cost
    texts = [" ".join(piece) for piece in pieces if piece]
    return [Clause(piece, mark if index == len(texts) - 1 else "") for index, piece in enumerate(texts)]


def _bounded_word(word: str) -> list[str]:
    step = MAX_CLAUSE_WEIGHT // max(1, -(-_weight(word) // len(word)))
    return [word[at : at + step] for at in range(0, len(word), step)]


def _weight(word: str) -> int:
    # A digit is read as a word of up to nine phonemes, a symbol as its name.
    return 1 + sum(1 if character.isalpha() else 9 for character in word)
