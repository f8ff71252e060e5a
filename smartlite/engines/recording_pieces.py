"""A long recording in pieces that end where nobody speaks. Must not know who recognises them.

Where to cut is looked for only around where a piece should end, so the first piece is ready after that much work:
60 ms on one core, whatever the length of the recording.
"""

import math
from dataclasses import dataclass
from threading import Lock
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smartlite.domain.audio import RECOGNITION_SAMPLE_RATE_HZ, AudioChunk
from smartlite.engines.speech_cut import pauses

_SEARCH_S: Final = 20.0
"""Around the wanted end."""
_QUIET_S: Final = 0.2
_LAST_PART: Final = 1.25
"""What is left is not cut again up to this multiple of a piece."""
_SHARE: Final = 2
"""A piece is at most what is left, divided by so many times those who work."""
SHORTEST_PART: Final = 3
"""A piece is not made shorter than ``piece_s`` divided by this, so that everybody gets one or all end together."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a recording."""

    number: int
    """From 0."""
    start_s: float
    """In the recording."""
    audio: AudioChunk

    def after(self, seconds: float) -> "Piece":
        """What is left of it without its first seconds."""
        first = min(round(seconds * self.audio.sample_rate_hz), len(self.audio.samples))
        rest = AudioChunk(self.audio.samples[first:], self.audio.sample_rate_hz)
        return Piece(self.number, self.start_s + first / self.audio.sample_rate_hz, rest)


class Pieces:
    """Cuts piece after piece; may be used by several threads.

    Args:
        audio: At 16 kHz.
        piece_s: About how long pieces shall be, at most a quarter more.
        side_by_side: How many are worked on at the same time. Where everybody gets one piece, they are of one length;
            where there are more, they get shorter towards the end, so that nobody works on a long one when all the
            others have ended (ten minutes by two workers in eight pieces of one length: 3.9 of 18.7 s).
    """

    def __init__(self, audio: AudioChunk, piece_s: float, side_by_side: int) -> None:
        self._audio = audio
        self._lock = Lock()
        self._start = 0
        self._number = 0
        self._longest = max(1, math.ceil(piece_s * RECOGNITION_SAMPLE_RATE_HZ))
        self._side_by_side = side_by_side
        self._is_one_round = len(audio.samples) <= self._longest * side_by_side

    def next(self) -> Piece | None:
        """The next piece; None after the last. Blocks: 3 ms for each second of sound that is looked at."""
        with self._lock:
            samples, start = self._audio.samples, self._start
            if start >= len(samples):
                return None
            wanted = self._wanted(len(samples) - start)
            end = len(samples)
            if end - start > wanted * _LAST_PART:
                reach = min(wanted // 4, round(_SEARCH_S / 2 * RECOGNITION_SAMPLE_RATE_HZ))
                first = start + wanted - reach
                end = first + _best_cut(samples[first : start + wanted + reach])
            piece = Piece(
                self._number,
                start / RECOGNITION_SAMPLE_RATE_HZ,
                AudioChunk(samples[start:end], RECOGNITION_SAMPLE_RATE_HZ),
            )
            self._start, self._number = end, self._number + 1
            return piece

    def _wanted(self, left: int) -> int:
        """How many samples the next piece shall have, of so many that are left."""
        if self._is_one_round:
            return math.ceil(left / max(1, self._side_by_side - self._number))
        shortest = math.ceil(self._longest / SHORTEST_PART)
        return min(self._longest, max(shortest, math.ceil(left / (_SHARE * self._side_by_side))))


def _best_cut(samples: NDArray[np.float32]) -> int:
    """The middle of the longest pause; of the quietest moment where somebody speaks all the time."""
    found = pauses(samples)
    if found:
        longest = max(found, key=lambda pause: pause["end"] - pause["start"])
        return (longest["start"] + longest["end"]) // 2
    frame = round(_QUIET_S * RECOGNITION_SAMPLE_RATE_HZ)
    whole = len(samples) // frame * frame
    if not whole:
        return len(samples)
    powers = np.square(samples[:whole].reshape(-1, frame)).sum(axis=1)
    return int(powers.argmin()) * frame + frame // 2
