"""Where somebody speaks in a recording, by Silero VAD, and the way back to the recording's own times.

Must not know recognition. The network comes with faster-whisper and needs no torch.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smartlite.domain.audio import RECOGNITION_SAMPLE_RATE_HZ

_FRAMES_PER_S: Final = 100

Stretch = dict[str, int]
"""``start`` and ``end``, in samples."""


@dataclass(frozen=True, slots=True)
class SpeechCut:
    """How a recording is cut."""

    threshold: float
    """Probability from which 32 ms are taken for speech."""
    silence_s: float
    """A pause that is longer ends a stretch."""
    before_s: float
    """Kept before each stretch."""
    after_s: float
    """Kept after each stretch."""


_ANY_PAUSE: Final = SpeechCut(threshold=0.5, silence_s=0.1, before_s=0.0, after_s=0.0)


class Speech:
    """The speech of a recording, joined, and where it was."""

    def __init__(self, samples: NDArray[np.float32], cut: SpeechCut | None) -> None:
        """Find it. Blocks: 3 ms per second of audio.

        Args:
            samples: Shape (n,), at 16 kHz.
            cut: None takes everything for speech.
        """
        whole: list[Stretch] = [{"start": 0, "end": len(samples)}] if len(samples) else []
        self.stretches = whole if cut is None or not whole else _find(samples, cut)
        """In order and apart; empty where nobody speaks."""
        parts = [samples[stretch["start"] : stretch["end"]] for stretch in self.stretches]
        self.samples = np.concatenate(parts) if parts else samples[:0]
        """Shape (n,)."""
        self._duration_s = len(samples) / RECOGNITION_SAMPLE_RATE_HZ
        self._times: Any = None
        if cut is not None and self.stretches:
            from faster_whisper.vad import SpeechTimestampsMap

            self._times = SpeechTimestampsMap(self.stretches, RECOGNITION_SAMPLE_RATE_HZ)

    def original_s(self, time_s: float, *, middle_s: float | None = None, is_end: bool = False) -> float:
        """When a moment of the joined speech was in the recording.

        Args:
            time_s: Whisper counts in windows of 30 s, so it may lie behind the end.
            middle_s: The middle of a word that begins or ends then, so that both ends fall into one stretch.
            is_end: It ends something: at the border of two stretches it belongs to the first.
        """
        if self._times is not None:
            index = None if middle_s is None else self._times.get_chunk_index(middle_s)
            time_s = self._times.get_original_time(float(time_s), index, is_end)
        return min(max(float(time_s), 0.0), self._duration_s)

    def original_frame(self, frame: int) -> int:
        """Where a frame of 10 ms was."""
        if self._times is None:
            return frame
        return round(self.original_s(frame / _FRAMES_PER_S) * _FRAMES_PER_S)


def pauses(samples: NDArray[np.float32]) -> list[Stretch]:
    """Where nobody speaks for 0.1 s or longer, between speech or at the ends. Blocks: 3 ms per second of audio.

    Args:
        samples: Shape (n,), at 16 kHz.
    """
    stretches = _find(samples, _ANY_PAUSE) if len(samples) else []
    borders = [0, *(border for stretch in stretches for border in (stretch["start"], stretch["end"])), len(samples)]
    gaps = zip(borders[::2], borders[1::2], strict=True)
    return [{"start": start, "end": end} for start, end in gaps if end > start]


def widen(stretches: list[Stretch], before: int, after: int, length: int) -> list[Stretch]:
    """Add to both ends of each stretch; where the silence between two is too short for both, they share it."""
    wide = [dict(stretch) for stretch in stretches]
    for first, second in pairwise(wide):
        silence = second["start"] - first["end"]
        if silence < before + after:
            first["end"] += silence * after // (before + after)
            second["start"] = first["end"]
        else:
            first["end"] += after
            second["start"] -= before
    if wide:
        wide[0]["start"] = max(0, wide[0]["start"] - before)
        wide[-1]["end"] = min(length, wide[-1]["end"] + after)
    return wide


def _find(samples: NDArray[np.float32], cut: SpeechCut) -> list[Stretch]:
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    if not samples.any():
        return []  # digital silence: a muted microphone costs nothing
    pause_ms = round(cut.silence_s * 1000)
    found = get_speech_timestamps(
        samples, VadOptions(threshold=cut.threshold, min_silence_duration_ms=pause_ms, speech_pad_ms=0)
    )
    before, after = (round(seconds * RECOGNITION_SAMPLE_RATE_HZ) for seconds in (cut.before_s, cut.after_s))
    return widen(found, before, after, len(samples))
