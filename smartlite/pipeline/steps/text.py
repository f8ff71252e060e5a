"""``text.template`` and ``text.split``. Must not know who reads the text."""

import asyncio
import re
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from typing import Final

from smartlite.domain.pipelines import JSON
from smartlite.domain.sentences import split_sentences
from smartlite.errors import InvalidRequest
from smartlite.pipeline.execution.kinds import StepContext, StepEvent, StepOutput
from smartlite.pipeline.spec.templates import render

MAX_PIECES: Final = 10_000
_DEFAULT_CHARACTERS: Final = 2000
_CHAPTER: Final = re.compile(
    r"^(?:#{1,6}\s+\S|(?:chapter|part|kapitel|chapitre|capítulo|capitolo)\s+[\divxlc]+\b)", re.I
)
_LONGEST_SENTENCE: Final = 400


async def template(context: StepContext, fields: Mapping[str, JSON]) -> AsyncGenerator[StepEvent, None]:
    """A StepRunner."""
    yield StepOutput(await asyncio.to_thread(render, fields["template"], fields.get("vars", {})))


async def split(context: StepContext, fields: Mapping[str, JSON]) -> AsyncGenerator[StepEvent, None]:
    """A StepRunner."""
    how, most = fields.get("by", "paragraph"), fields.get("max_characters")
    pieces = await asyncio.to_thread(split_text, fields["text"], how, most)
    if len(pieces) > MAX_PIECES:
        raise InvalidRequest(f"The text has {len(pieces)} pieces; at most {MAX_PIECES} are made.", "text")
    yield StepOutput(pieces)


def split_text(text: str, by: str, max_characters: int | None) -> list[str]:
    """Cut a text.

    Args:
        text: Of any length.
        by: ``sentence``, ``paragraph``, ``chapter`` (one begins with a heading) or ``characters``.
        max_characters: Longest piece; sentences and paragraphs are put together as far as they fit. None: each is a
            piece of its own, and ``characters`` are 2,000.

    Returns:
        Pieces that are not empty, without white space at their ends.
    """
    if by == "chapter":
        chapters = _chapters(text)
        return [
            piece
            for chapter in chapters
            for piece in _fitting(_paragraphs(chapter), "\n\n", max_characters or len(text))
        ]
    if by == "paragraph":
        paragraphs = _paragraphs(text)
        return list(paragraphs) if max_characters is None else list(_fitting(paragraphs, "\n\n", max_characters))
    longest = max_characters or _DEFAULT_CHARACTERS
    sentences = split_sentences(text, max_chars=min(longest, _LONGEST_SENTENCE))
    if by == "sentence" and max_characters is None:
        return sentences
    return list(_fitting(sentences, " ", longest))


def _paragraphs(text: str) -> Iterator[str]:
    return (piece.strip() for piece in re.split(r"\n[ \t]*\n\s*", text) if piece.strip())


def _chapters(text: str) -> Iterator[str]:
    lines: list[str] = []
    for line in text.splitlines():
        if _CHAPTER.match(line) and any(each.strip() for each in lines):
            yield "\n".join(lines)
            lines = []
        lines.append(line)
    yield "\n".join(lines)


def _fitting(parts: Iterable[str], joint: str, longest: int) -> Iterator[str]:
    """Parts put together as far as they fit; one that is too long is cut after sentences."""
    piece = ""
    for part in parts:
        shorter = (
            [part] if len(part) <= longest else list(_fitting(split_sentences(part, max_chars=longest), " ", longest))
        )
        for each in shorter:
            if piece and len(piece) + len(joint) + len(each) > longest:
                yield piece
                piece = ""
            piece = f"{piece}{joint}{each}" if piece else each
    if piece:
        yield piece
