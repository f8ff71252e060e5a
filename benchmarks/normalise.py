"""Brings two ways of writing the same speech together, before words are compared. Must not know audio.

English: a small part of what Whisper's text normaliser does (section 4.4 of its paper): case, marks, fillers,
contractions, titles, units, numbers. Other languages: case, marks, digits; Japanese is compared by characters.
"""

import re
import unicodedata
from typing import Final

_FILLERS: Final = re.compile(r"\b(hmm|mm|mhm|uh|um)\b")
_BRACKETS: Final = re.compile(r"[<\[][^>\]]*[>\]]|\([^)]+?\)")
_REPLACEMENTS: Final = (
    (re.compile(r"\bwon't\b"), "will not"),
    (re.compile(r"\bcan't\b"), "can not"),
    (re.compile(r"\bcannot\b"), "can not"),
    (re.compile(r"\blet's\b"), "let us"),
    (re.compile(r"n't\b"), " not"),
    (re.compile(r"'re\b"), " are"),
    (re.compile(r"'ll\b"), " will"),
    (re.compile(r"'ve\b"), " have"),
    (re.compile(r"'m\b"), " am"),
    (re.compile(r"\b(it|that|there|he|she|what|who|here)'s\b"), r"\1 is"),
    (re.compile(r"\bmr\b\.?"), "mister"),
    (re.compile(r"\bmrs\b\.?"), "missus"),
    (re.compile(r"\bdr\b\.?"), "doctor"),
    (re.compile(r"\bst\b\.?"), "saint"),
    (re.compile(r"\betc\b\.?"), "et cetera"),
    (re.compile(r"\be\.g\."), "for example"),
    (re.compile(r"\bi\.e\."), "that is"),
    (re.compile(r"\b([ap])\.m\."), r"\1m"),
    (re.compile(r"%"), " percent"),
    (re.compile(r"&"), " and "),
    (re.compile(r"\$(\d+(?:\.\d+)?)"), r"\1 dollars"),
    (re.compile(r"°\s*c\b"), " degrees celsius"),
    (re.compile(r"(?<=\d),(?=\d{3})"), ""),
    (re.compile(r"(?<=\d)(st|nd|rd|th)\b"), ""),
)
_ONES: Final = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS: Final = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ORDINALS: Final = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_SCALES: Final = {"thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
_VALUES: Final = (
    {word: value for value, word in enumerate(_ONES)}
    | {word: 10 * value for value, word in enumerate(_TENS, start=2)}
    | {word: value for value, word in enumerate(_ORDINALS, start=1)}
)


_DIGITS: Final = {
    "de": ["null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"],
    "es": ["cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve"],
    "fr": ["zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf"],
    "it": ["zero", "uno", "due", "tre", "quattro", "cinque", "sei", "sette", "otto", "nove"],
    "pt": ["zero", "um", "dois", "três", "quatro", "cinco", "seis", "sete", "oito", "nove"],
}


def normalise_in(language: str, text: str) -> str:
    """As ``normalise``, by the rules of a language; an ISO-639-1 code."""
    if language == "en":
        return normalise(text)
    words = re.sub(r"[^\w\s]|_", " ", unicodedata.normalize("NFKC", text).casefold()).split()
    if language == "ja":
        return " ".join("".join(words))
    digits = _DIGITS[language]
    return " ".join(digits[int(word)] if re.fullmatch("[0-9]", word) else word for word in words)


def normalise(text: str) -> str:
    """Lower case words and digits, one space between them."""
    text = _BRACKETS.sub(" ", text.lower().replace("’", "'"))
    text = _FILLERS.sub(" ", text)
    for pattern, instead in _REPLACEMENTS:
        text = pattern.sub(instead, text)
    text = re.sub(r"(?<=\d)\.(?=\d)", "·", text)
    text = re.sub(r"[^\w\s'·]", " ", text).replace("'", "").replace("·", ".").replace("_", " ")
    return " ".join(_digits(text.split()))


def _digits(words: list[str]) -> list[str]:
    """Write each run of number words as the number it names: "two hundred and five" gives "205"."""
    result: list[str] = []
    position = 0
    while position < len(words):
        value, length = _number(words, position)
        result.append(words[position] if not length else str(value))
        position += length or 1
    return result


def _number(words: list[str], start: int) -> tuple[int, int]:
    """The number that begins at a word, and how many words it has; (0, 0) where none does."""
    total = current = 0
    position = start
    previous = ""
    while position < len(words):
        word = words[position]
        if word in _VALUES and (not previous or previous == "scale" or (previous == "tens" and _VALUES[word] < 10)):
            current += _VALUES[word]
            previous = "tens" if word in _TENS else "ones"
        elif word == "hundred" and previous == "ones":
            current, previous = 100 * current, "scale"
        elif word in _SCALES and previous:
            total, current, previous = total + current * _SCALES[word], 0, "scale"
        elif word == "and" and previous == "scale" and position + 1 < len(words) and words[position + 1] in _VALUES:
            pass
        else:
            break
        position += 1
    return total + current, position - start
