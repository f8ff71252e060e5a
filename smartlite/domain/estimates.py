"""What work may need at the most, told before it is begun. Must not know who reserves it."""

from typing import Final

from smartlite.domain.audio import AudioFile

CHARACTERS_PER_TOKEN: Final = 4
"""Of English, about."""
DEFAULT_ANSWER_TOKENS: Final = 1024
"""Reserved for an answer whose request does not bound it."""
DEFAULT_REPLY_CHARACTERS: Final = 1000
"""Reserved for the speech of an answer."""
_BYTES_PER_S: Final = 2_000
"""16 kbit/s, as speech is hardly sent with less: the length of a recording is reserved at the most it may be."""


def most_audio_s(audio: AudioFile, longest_s: float) -> float:
    """So long a recording may be: told by the header of a plain WAV, else by its size.

    Args:
        audio: As it was sent.
        longest_s: Longer ones are refused, and cost nothing then.
    """
    return min(audio.size_bytes / (_wav_bytes_per_s(audio.head) or _BYTES_PER_S), longest_s)


def _wav_bytes_per_s(data: bytes) -> int:
    """Of uncompressed samples, by the fields that decoders go by; 0 where it is something else."""
    if data[:4] != b"RIFF" or data[8:16] != b"WAVEfmt " or len(data) < 36:
        return 0
    form, channels, rate_hz = (
        int.from_bytes(data[at : at + size], "little") for at, size in ((20, 2), (22, 2), (24, 4))
    )
    bits = int.from_bytes(data[34:36], "little")
    return rate_hz * channels * bits // 8 if form in {1, 3, 0xFFFE} else 0
