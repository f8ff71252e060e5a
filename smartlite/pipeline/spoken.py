"""Turns written text into sentences to be spoken: cut, and without markup. Must not know voices."""

import re
from collections.abc import Iterable
from typing import Final

from smartlite.domain.sentences import SentenceSplitter

_LINK: Final = re.compile(r"!?\[([^\]\n]{0,500})\]\([^)\s]{0,500}\)")
_LINE_MARK: Final = re.compile(r"^[ \t]{0,8}(?:#{1,6}|>|[-*+•])[ \t]+", re.MULTILINE)
_EMPHASIS: Final = re.compile(r"[*`~]+|(?<!\w)_+|_+(?!\w)")


class SpokenSentences:
    """Cuts written text that arrives in pieces into sentences to be spoken, each as soon as its end is certain.

    Args:
        first_clause_characters: The first one may end at a comma once it is this long, so that speech starts earlier;
            0 never.
    """

    def __init__(self, first_clause_characters: int = 0) -> None:
        self._splitter = SentenceSplitter(first_clause_chars=first_clause_characters)

    def feed(self, text: str) -> list[str]:
        """Take more text; the sentences that are complete and hold something to say."""
        return _to_say(self._splitter.feed(text))

    def flush(self) -> list[str]:
        """End the text; what is left."""
        return _to_say(self._splitter.flush())


def to_spoken(text: str) -> str:
    """Remove Markdown that a voice would read aloud or stumble over: headings, list marks, emphasis, code, links."""
    text = _LINK.sub(r"\1", text)
    text = _LINE_MARK.sub("", text)
    return _EMPHASIS.sub("", text).strip()


def _to_say(sentences: Iterable[str]) -> list[str]:
    return [spoken for spoken in map(to_spoken, sentences) if any(character.isalnum() for character in spoken)]
