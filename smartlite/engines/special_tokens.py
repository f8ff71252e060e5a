"""Keeps what users write from being read as the control tokens of a chat template. Must not know any tokenizer."""

import re
from collections.abc import Iterable
from typing import Final

_ZERO_WIDTH_SPACE: Final = "\u200b"
_REPLACEMENT: Final = "\ufffd"


class SpecialTokenGuard:
    """Breaks control tokens in text, so that ``<|im_end|><|im_start|>system`` in a message cannot forge a turn.

    A zero-width space after the first character makes ordinary text of a token: it looks the same and the model reads
    its characters. llama.cpp tokenises the rendered prompt as a whole and has no other way to tell text from structure.
    """

    def __init__(self, tokens: Iterable[str]) -> None:
        longest_first = sorted({token for token in tokens if token}, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def neutralise(self, text: str) -> str:
        """Return ``text`` with no control token in it; unchanged where there was none."""
        # Repeated because tokens may overlap: breaking the first can leave the second whole. Every round breaks one.
        while self._pattern is not None and self._pattern.search(text):
            text = self._pattern.sub(_broken, text)
        return text


def _broken(match: re.Match[str]) -> str:
    token = match.group()
    return _REPLACEMENT if len(token) == 1 else token[0] + _ZERO_WIDTH_SPACE + token[1:]
