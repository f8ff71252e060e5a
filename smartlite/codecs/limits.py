"""What an audio file may be before and after decoding. Must not know formats or who decodes."""

from dataclasses import dataclass

from smartlite.errors import AudioInvalid, AudioTooLarge, ChannelsUnsupported, SampleRateUnsupported

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class AudioLimits:
    """Bounds on one recording, checked in this order, each before more work is spent on it."""

    max_bytes: int = 25 * _MIB
    """Size of the file as sent."""
    max_streams: int = 8
    """Audio, video and other streams that a container may hold; the first audio stream is decoded."""
    min_sample_rate_hz: int = 8_000
    max_sample_rate_hz: int = 192_000
    max_channels: int = 8
    max_duration_s: float = 1800.0
    max_decoded_bytes: int = 2048 * _MIB
    """Samples x channels x 4 of the whole recording at its own rate: a bound on work, since no more than 1 MiB of it
    is ever held. 2 GiB are 30 minutes of 48 kHz 5.1, or of 96 kHz stereo."""


def check_shape(sample_rate_hz: int, channels: int, limits: AudioLimits) -> None:
    """Refuse a rate or a number of channels.

    Raises:
        AudioInvalid: 422, not positive.
        SampleRateUnsupported, ChannelsUnsupported: 422, outside the limits.
    """
    if sample_rate_hz <= 0 or channels <= 0:
        raise AudioInvalid(f"The header declares {channels} channels at {sample_rate_hz} Hz.", "file")
    if not limits.min_sample_rate_hz <= sample_rate_hz <= limits.max_sample_rate_hz:
        allowed = f"{limits.min_sample_rate_hz} to {limits.max_sample_rate_hz} Hz"
        raise SampleRateUnsupported(f"The sample rate is {sample_rate_hz} Hz; {allowed} are supported.", "file")
    if channels > limits.max_channels:
        raise ChannelsUnsupported(
            f"The audio has {channels} channels; at most {limits.max_channels} are supported.", "file"
        )


def too_large(limits: AudioLimits) -> AudioTooLarge:
    """The refusal of more samples than ``max_decoded_bytes``."""
    return AudioTooLarge(
        f"The audio would need more than {limits.max_decoded_bytes} bytes once decoded (samples x channels x 4).",
        "file",
    )
