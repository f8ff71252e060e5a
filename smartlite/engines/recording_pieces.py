"""A long recording in pieces that end where nobody speaks. Must not know who recognises them.

Whisper fills every window up to 30 s, and each costs about the same: a piece holds as much sound as fits one (or as
``piece_s`` says). Only about a piece is looked at to cut one: 40 ms on one core, whatever the length of the recording.
"""

import math
from dataclasses import dataclass
from threading import Lock
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smartlite.domain.audio import RECOGNITION_SAMPLE_RATE_HZ, AudioChunk
from smartlite.engines.speech_cut import Stretch, pauses

_MARGIN_S: Final = 2.0
"""A piece has this much less sound than ``piece_s``, at most a tenth: where sound reaches the end of its window,
Whisper takes the last sentence for cut off and spends one more window on it. Ten minutes: 27 windows with 1 s, 24 to
26 with 2 s."""
_LEAST: Final = 0.75
"""Of what it may hold, a piece holds this part at least, where there is a pause after it."""
_PAUSE_S: Final = 0.3
"""Between sentences; within one where there is none of this length."""
_SKIPPED_S: Final = 2.0
"""Engines leave out a pause that is longer, but for what follows (WhisperOptions.vad_min_silence_s)."""
_KEPT_S: Final = 0.8
_LOOK: Final = 1.25
"""Looked at first, of what a piece may hold; then twice as much each time, where much of it is silence."""
_MOST_LOOK: Final = 5.0
_LAST_ROUND: Final = 0.9
"""Left of what all may hold that work: it is cut into equal parts then, since pauses are not where pieces are full."""
_EVEN: Final = 1.1
"""In the last round, pieces may be longer than their equal part by this, to reach a pause."""
_QUIET_S: Final = 0.2
SHORTEST_PART: Final = 2
"""A recording is shared out to so many that nobody's part is shorter than ``piece_s`` divided by this: a window that is
filled with silence costs more than half of a full one."""


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
        piece_s: The most sound in a piece, long pauses left out.
        side_by_side: How many are worked on at the same time. What is left for the last piece of each is cut into equal
            parts, so that all end together.
    """

    def __init__(self, audio: AudioChunk, piece_s: float, side_by_side: int) -> None:
        self._audio = audio
        self._lock = Lock()
        self._start = 0
        self._number = 0
        self._piece = max(1, math.ceil(piece_s * RECOGNITION_SAMPLE_RATE_HZ))
        self._most = max(1, self._piece - min(self._piece // 10, round(_MARGIN_S * RECOGNITION_SAMPLE_RATE_HZ)))
        self._side_by_side = side_by_side
        self._left_in_last_round: int | None = None

    def next(self) -> Piece | None:
        """The next piece; None after the last. Blocks: 1 ms for each second of sound that is looked at."""
        with self._lock:
            samples, start = self._audio.samples, self._start
            if start >= len(samples):
                return None
            end = start + self._length(samples[start:])
            piece = Piece(
                self._number,
                start / RECOGNITION_SAMPLE_RATE_HZ,
                AudioChunk(samples[start:end], RECOGNITION_SAMPLE_RATE_HZ),
            )
            self._start, self._number = end, self._number + 1
            return piece

    def _length(self, left: NDArray[np.float32]) -> int:
        """How many samples the next piece has, of those that are left."""
        if self._left_in_last_round is None and len(left) <= _LAST_ROUND * self._most * self._side_by_side:
            self._left_in_last_round = self._side_by_side
        parts = self._left_in_last_round or 1
        most = self._most
        if parts > 1:
            self._left_in_last_round = parts - 1
            most = min(most, math.ceil(_EVEN * len(left) / parts))
        elif len(left) <= self._piece:
            return len(left)
        look = round(_LOOK * most)
        while True:
            seen = left[:look]
            cut = _cut(seen, most)
            if cut is not None:
                return cut
            if look >= len(left):
                return len(left)
            if look >= _MOST_LOOK * most:
                return _middle(pauses(seen)[-1])
            look *= 2


def _cut(samples: NDArray[np.float32], most: int) -> int | None:
    """Where a piece ends that holds at most so many samples of sound; None where all of them are not more."""
    least = round(_LEAST * most)
    skipped = 0
    within: list[Stretch] = []
    for pause in pauses(samples):
        if pause["start"] - skipped > most:
            break
        if pause["start"] - skipped >= least:
            within.append(pause)
        if _size(pause) > _SKIPPED_S * RECOGNITION_SAMPLE_RATE_HZ:
            skipped += _size(pause) - round(_KEPT_S * RECOGNITION_SAMPLE_RATE_HZ)
    if len(samples) - skipped <= most:
        return None
    between = [pause for pause in within if _size(pause) >= _PAUSE_S * RECOGNITION_SAMPLE_RATE_HZ]
    if between:
        return _middle(between[-1])
    if within:
        return _middle(max(within, key=_size))
    return least + skipped + _quietest(samples[least + skipped : most + skipped])


def _size(pause: Stretch) -> int:
    return pause["end"] - pause["start"]


def _middle(pause: Stretch) -> int:
    return (pause["start"] + pause["end"]) // 2


def _quietest(samples: NDArray[np.float32]) -> int:
    """The middle of the quietest moment."""
    frame = round(_QUIET_S * RECOGNITION_SAMPLE_RATE_HZ)
    whole = len(samples) // frame * frame
    if not whole:
        return len(samples)
    powers = np.square(samples[:whole].reshape(-1, frame)).sum(axis=1)
    return int(powers.argmin()) * frame + frame // 2
