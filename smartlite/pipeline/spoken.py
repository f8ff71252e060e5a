"""Turns written text into text to be spoken: without markup. Must not know voices."""

import re
from typing import Final

_LINK: Final = re.compile(r"!?\[([^\]\n]{0,500})\]\([^)\s]{0,500}\)")
_LINE_MARK: Final = re.compile(r"^[ \t]{0,8}(?:#{1,6}|>|[-*+•])[ \t]+", re.MULTILINE)
_EMPHASIS: Final = re.compile(r"[*`~]+|(?<!\w)_+|_+(?!\w)")


def to_spoken(text: str) -> str:
    """Remove Markdown that a voice would read aloud or stumble over: headings, list marks, emphasis, code, links."""
    text = _LINK.sub(r"\1", text)
    text = _LINE_MARK.sub("", text)
    return _EMPHASIS.sub("", text).strip()
