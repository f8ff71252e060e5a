"""English numbers as they are said: prices, times, years, units, abbreviations that espeak-ng would spell out.

Must not know phonemes or voices. Digits stay digits wherever espeak-ng reads them well.
"""

import re
from collections.abc import Callable
from typing import Final

_CURRENCIES: Final = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "€": ("euro", "euros", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "¥": ("yen", "yen", "", ""),
}
_UNITS: Final = {
    "°C": "degrees Celsius", "°F": "degrees Fahrenheit", "°": "degrees", "km/h": "kilometers per hour",
    "mph": "miles per hour", "km": "kilometers", "kg": "kilograms", "cm": "centimeters", "mm": "millimeters",
    "ms": "milliseconds", "kHz": "kilohertz", "MHz": "megahertz", "GHz": "gigahertz", "Hz": "hertz",
    "KB": "kilobytes", "MB": "megabytes", "GB": "gigabytes", "TB": "terabytes",
}  # fmt: skip
_ABBREVIATIONS: Final = {
    "vs": "versus", "Prof": "Professor", "approx": "approximately", "Gen": "General", "Gov": "Governor",
    "Sgt": "Sergeant", "Capt": "Captain", "Lt": "Lieutenant", "Ave": "Avenue", "Blvd": "Boulevard",
    "Inc": "Incorporated",
}  # fmt: skip
_MONTH = r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_YEAR = r"(1[1-9]|20)(\d\d)"
_IS_AFTER_SIBILANT: Final = re.compile(r"(?<=[szʃʒ]) ɪz(?=\s|$)")
_NO_MORE_DIGITS = r"(?![\w:]|[.,]\d)"


def spell_english(clause: str) -> str:
    """Rewrite a clause so that espeak-ng says it as people do.

    "$12.50" gives "12 dollars and 50 cents", "5:05" gives "5 oh 5", "in 1999" gives "in 19 99".
    """
    for pattern, say in _RULES:
        clause = pattern.sub(say, clause)
    return clause


def _money(match: re.Match[str]) -> str:
    sign, currency, whole, fraction, scale = match.groups()
    one, many, small_one, small_many = _CURRENCIES[currency]
    minus = "minus " if sign else ""
    trailing = "," if whole.endswith(",") else ""
    whole = whole.rstrip(",")
    if scale:
        return f"{minus}{whole}{fraction or ''} {scale} {many}"
    if fraction is None or not small_one:
        return f"{minus}{whole}{fraction or ''} {one if whole == '1' and not fraction else many}{trailing}"
    if len(fraction) != 3:
        return f"{minus}{whole}{fraction} {many}"
    cents = int(fraction[1:])
    small = f"{cents} {small_one if cents == 1 else small_many}"
    if whole == "0":
        return minus + small
    large = f"{whole} {one if whole == '1' else many}"
    return minus + (f"{large} and {small}" if cents else large)


def _time(match: re.Match[str]) -> str:
    hour, minute, half_day = int(match[1]), match[2], match[3] or ""
    if minute == "00":
        if half_day:
            return f"{hour}{half_day}"
        return f"{hour} o'clock" if 1 <= hour <= 12 else f"{hour} hundred hours"
    return f"{hour} {_two_digits(minute)}{half_day}"


def _year(century: str, rest: str) -> str:
    if century == "20" and rest[0] == "0":
        return century + rest
    return f"{century} hundred" if rest == "00" else f"{century} {_two_digits(rest)}"


def _two_digits(digits: str) -> str:
    return f"oh {digits[1]}" if digits[0] == "0" else digits


_RULES: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...]] = (
    (
        re.compile(r"(-?)([$€£¥])\s?(\d[\d,]*)(\.\d+)?(?:\s(thousand|million|billion|trillion)\b)?"),
        _money,
    ),
    (re.compile(rf"(?<![\d:.,])([01]?\d|2[0-3]):([0-5]\d)(\s?[ap]\.?m\b)?{_NO_MORE_DIGITS}"), _time),
    (re.compile(r"(?<=\d)\s?([AaPp])\.?[Mm]\b\.?"), lambda m: f" {m[1].upper()} M"),
    (
        re.compile(
            rf"\b((?:in|since|until|by|from|to|of|year|{_MONTH}|\d(?:st|nd|rd|th)?,)\s){_YEAR}{_NO_MORE_DIGITS}"
        ),
        lambda m: m[1] + _year(m[2], m[3]),
    ),
    (re.compile(rf"^{_YEAR}$"), lambda m: _year(m[1], m[2])),
    (
        re.compile(rf"(?<=\d)\s?({'|'.join(re.escape(unit) for unit in _UNITS)})(?![\w/])"),
        lambda m: " " + _UNITS[m[1]],
    ),
    (re.compile(r"\b[Nn]o\.?\s(?=\d)"), lambda _: "number "),
    (re.compile(rf"\b({'|'.join(_ABBREVIATIONS)})\b\.?"), lambda m: _ABBREVIATIONS[m[1]]),
    (re.compile(r"(?<=\d)\s?–\s?(?=\d)"), lambda _: " to "),
    (re.compile(r"(?<=\d)-(?=\d)"), lambda _: " "),
    (re.compile(r"(?<=\d)\s?\*\s?(?=\d)|(?<=\d)\sx\s(?=\d)"), lambda _: " times "),
)


def set_is_apart(phonemes: str) -> str:
    """Give "is" after a sibilant a light stress, so that it is heard as a word of its own.

    Unstressed it runs into the word before: "France is Paris" was heard as "Francis Paris" in 5 of 5 renderings, with
    the stress in none of 5 (whisper-base).
    """
    return _IS_AFTER_SIBILANT.sub(" ˌɪz", phonemes)
