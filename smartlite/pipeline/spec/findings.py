"""What is wrong with a document: where, in which line, and why. Must not know what a document may hold."""

from collections.abc import Mapping
from typing import Final

from smartlite.errors import PipelineInvalid

MAX_FINDINGS: Final = 20
_SHOWN_CHARACTERS: Final = 80


class Findings:
    """Collects faults, so that somebody who mends a document sees them together."""

    def __init__(self, lines: Mapping[str, int]) -> None:
        """Begin with none.

        Args:
            lines: Path to line, from 1, as ``Document.lines`` has them.
        """
        self._lines = lines
        self._found: list[tuple[int, str, str]] = []
        self._more = False

    def add(self, path: str, reason: str) -> None:
        """Note one fault; of what comes after the first ``MAX_FINDINGS`` it is only told that there is more.

        Args:
            path: Such as ``steps[2].with.model``; empty for the document as a whole.
            reason: A sentence, with the full stop.
        """
        if self.is_full:
            self._more = True
            return
        self._found.append((self._line(path), path, reason))

    @property
    def any(self) -> bool:
        """Whether something is wrong so far."""
        return bool(self._found)

    @property
    def is_full(self) -> bool:
        """Whether further faults are not told: they need not be looked into."""
        return len(self._found) >= MAX_FINDINGS

    def raise_any(self) -> None:
        """End with all of them in one error, in the order of the text.

        Raises:
            PipelineInvalid: 400, there are some; its ``param`` is the first one's path.
        """
        if not self._found:
            return
        found = sorted(self._found, key=lambda finding: finding[0])
        texts = [f"line {line}: {_named(path)}{reason}" for line, path, reason in found]
        if self._more:
            texts.append("There may be more.")
        raise PipelineInvalid("\n".join(texts), found[0][1] or None)

    def _line(self, path: str) -> int:
        while path not in self._lines and path:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self._lines.get(path, 1)


def shown(text: str) -> str:
    """A piece of somebody's text as it may stand in a message: one line, not long."""
    text = " ".join(text[: 4 * _SHOWN_CHARACTERS].split())
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "..."


def _named(path: str) -> str:
    return f"{path}: " if path else ""
