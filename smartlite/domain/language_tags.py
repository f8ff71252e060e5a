"""Languages as people and programs write them: BCP 47 tags, and which of them mean the same. Must not know speakers."""

import re
from typing import Final

from smartlite.domain.languages import language_code

_TAG: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,6}")
_SAME: Final[dict[str, str]] = {
    "arb": "ar", "ary": "ar", "arz": "ar", "cmn": "zh", "wuu": "zh", "fil": "tl", "gom": "kok", "gug": "gn",
    "hbo": "he", "in": "id", "iw": "he", "ji": "yi", "jw": "jv", "nb": "no", "nn": "no", "sdh": "ku", "sh": "hr",
    "uzs": "uz", "zsm": "ms", "pes": "fa", "prs": "fa",
}  # fmt: skip
"""Codes of languages whose text one voice reads: former codes, members of a macrolanguage, written alike."""


def read_tag(text: str) -> str | None:
    """Read a tag (``pt-BR``, ``pt_br``) or the English name of a language; None where it is neither.

    Returns:
        A tag in the case that RFC 5646 recommends.
    """
    wanted = text.strip().replace("_", "-")
    if _TAG.fullmatch(wanted):
        first, *rest = wanted.split("-")
        return "-".join([first.lower(), *(_cased(part, rest[:at]) for at, part in enumerate(rest))])
    return language_code(text) if wanted.replace(" ", "").isalpha() else None


def primary(tag: str) -> str:
    """The language itself, without region, script or variant, under one code for all that mean it."""
    code = tag.partition("-")[0].lower()
    return _SAME.get(code, code)


def distance(asked: str, spoken: str) -> int | None:
    """How far a spoken tag is from the one asked for; None for another language.

    0 the same tag, 1 the same region, 2 the language without more, 3 another region, 4 another script or accent.
    """
    if primary(asked) != primary(spoken):
        return None
    if asked.lower() == spoken.lower():
        return 0
    wanted, offered = set(asked.lower().split("-")[1:]), spoken.split("-")[1:]
    if any(part.lower() == "x" or len(part) == 4 for part in offered):
        return 4
    if wanted & {part.lower() for part in offered}:
        return 1
    return 3 if offered else 2


def _cased(part: str, before: list[str]) -> str:
    if any(len(each) == 1 for each in before):
        return part.lower()
    if len(part) == 2 and part.isalpha():
        return part.upper()
    return part.title() if len(part) == 4 and part.isalpha() else part.lower()
