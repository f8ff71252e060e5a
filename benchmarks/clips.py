"""Recordings to ask with: made by the platform's own voice, kept in a folder of the system's temporary directory.

Must not know what is measured with them.
"""

import hashlib
import io
import tempfile
import wave
from pathlib import Path
from typing import Final

from benchmarks.client import Gateway
from smartlite.domain.audio import SPEECH_SAMPLE_RATE_HZ

CLIP_S: Final = 30.0
"""One window of Whisper (section 2.1 of its paper); a sample more would cost a second one."""

_READING: Final = (
    "The lighthouse at the end of the bay was built more than a hundred years ago. For most of that time a family "
    "lived there and kept the lamp burning through every night of the year. In winter the road was closed by snow, "
    "and letters came by boat once a week. The children learned to read from old newspapers and to count by the "
    "waves. When the first electric lamp arrived, the oldest daughter wrote that the evenings had become too bright "
    "for stories. Today the building is a small museum, and visitors climb the narrow stairs to look at the sea. "
    "On a clear day they can see three islands and the coast of the next country. The guide likes to end the tour "
    "with a question, and nobody has ever answered it in the same way twice."
)


def reading(gateway: Gateway) -> Path:
    """A clip of 30 s of connected speech, as a WAV file."""
    return _recording(gateway, _READING, CLIP_S)


def question(gateway: Gateway, text: str) -> Path:
    """A spoken question, as a WAV file."""
    return _recording(gateway, text, None)


def wav(pcm: bytes, sample_rate_hz: int = SPEECH_SAMPLE_RATE_HZ) -> bytes:
    """Put a header before 16-bit mono samples; without a rate, as the platform speaks them."""
    file = io.BytesIO()
    with wave.open(file, "wb") as target:
        target.setnchannels(1)
        target.setsampwidth(2)
        target.setframerate(sample_rate_hz)
        target.writeframes(pcm)
    return file.getvalue()


def _recording(gateway: Gateway, text: str, length_s: float | None) -> Path:
    folder = Path(tempfile.gettempdir()) / "smartlite-benchmarks"
    folder.mkdir(mode=0o700, exist_ok=True)
    name = hashlib.sha256(f"{length_s} {text}".encode()).hexdigest()[:16]
    path = folder / f"{name}.wav"
    if not path.exists():
        pcm = gateway.speak(text, "pcm").data
        if length_s is not None:
            wanted = round(length_s * SPEECH_SAMPLE_RATE_HZ) * 2
            pcm = (pcm * (1 + wanted // len(pcm)))[:wanted]
        arriving = path.with_suffix(".part")
        arriving.write_bytes(wav(pcm))
        arriving.replace(path)
    return path
