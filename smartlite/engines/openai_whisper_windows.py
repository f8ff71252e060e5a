"""How Whisper's tokens of one window of 30 s become segments, and where the next window begins.

Must not know networks. The rules are those of openai-whisper's ``transcribe`` (20250625).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

_FRAMES_PER_TOKEN: Final = 2
"""A timestamp counts 20 ms, a frame is 10 ms."""
_S_PER_FRAME: Final = 0.01


@dataclass(slots=True)
class Span:
    """A segment of a window; times count from the start of the window."""

    start_s: float
    end_s: float
    tokens: list[int]


@dataclass(frozen=True, slots=True)
class Window:
    """A window's segments."""

    spans: list[Span]
    advance_frames: int
    """From this window's start to the next one's."""
    ends_in_silence: bool
    """The model said that nothing is spoken after the last segment."""


def split_window(tokens: Sequence[int], first_timestamp: int, size_frames: int) -> Window:
    """Split at timestamps.

    Args:
        tokens: What the model wrote: text, and timestamps from ``first_timestamp`` on.
        first_timestamp: The token of 0.00 s.
        size_frames: Length of the window's audio.
    """
    stamps = [token >= first_timestamp for token in tokens]
    ends_in_silence = stamps[-2:] == [False, True]
    cuts = [index + 1 for index, pair in enumerate(pairwise(stamps)) if pair == (True, True)]
    if not cuts:
        said = [token for token in tokens if token >= first_timestamp]
        ended = bool(said) and said[-1] != first_timestamp
        duration = (said[-1] - first_timestamp) * _FRAMES_PER_TOKEN if ended else size_frames
        return Window([Span(0.0, duration * _S_PER_FRAME, list(tokens))], size_frames, ends_in_silence)
    if ends_in_silence:
        cuts.append(len(tokens))
    spans = []
    for begin, end in pairwise([0, *cuts]):
        first_s, last_s = (_seconds(tokens[at] - first_timestamp) for at in (begin, end - 1))
        spans.append(Span(first_s, last_s, list(tokens[begin:end])))
    last_end = (tokens[cuts[-1] - 1] - first_timestamp) * _FRAMES_PER_TOKEN
    # A window that ends where it began would be recognised for ever.
    return Window(spans, size_frames if ends_in_silence or last_end <= 0 else last_end, ends_in_silence)


def _seconds(position: int) -> float:
    return position * _FRAMES_PER_TOKEN * _S_PER_FRAME
