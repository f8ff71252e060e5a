"""What a file of speech holds: its length as a player sees it, and how far two texts are apart in words.

Must not know the platform.
"""

import io
from typing import Final

import av
import jiwer

from benchmarks.normalise import normalise

PCM_RATE_HZ: Final = 24_000
"""Of the `pcm` format, which has no header: 16-bit, mono."""


def duration_s(data: bytes, audio_format: str) -> float:
    """Decode every sample of a file; seconds of sound. A decoder's error passes through."""
    if audio_format == "pcm":
        return len(data) / 2 / PCM_RATE_HZ
    with av.open(io.BytesIO(data)) as container:
        return sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))


def word_error_rate(reference: str, heard: str) -> float:
    """Wrong words by words of the reference, blind to case, punctuation, and how a number is written."""
    return float(jiwer.wer(normalise(reference), normalise(heard)))
