"""The messages between a replica and its decoder process: a kind, a length, that many bytes. Must not know pipes.

Replica to decoder: a JOB (JSON: container, sample_rate_hz), then a FILE. Decoder to replica: READY once; then for each
job any number of PCM blocks and an END, or an ERROR (JSON: class name of ``smartlite.errors``, message).
"""

import json
import struct
from typing import Final

from smartlite import errors

READY: Final = b"R"
JOB: Final = b"J"
FILE: Final = b"F"
PCM: Final = b"P"
END: Final = b"E"
ERROR: Final = b"X"

MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024
"""Longest message of the decoder that is taken. One block of 16,384 samples at 8 kHz is 0.8 MB at 192 kHz."""

_HEADER = struct.Struct("<cI")
HEADER_BYTES: Final = _HEADER.size

_GATE_ERRORS: Final[dict[str, type[errors.SmartLiteError]]] = {
    error.__name__: error
    for error in (
        errors.AudioEmpty,
        errors.AudioInvalid,
        errors.AudioNotFinite,
        errors.AudioTooLarge,
        errors.AudioTooLong,
        errors.ChannelsUnsupported,
        errors.SampleRateUnsupported,
        errors.UnsupportedMediaType,
    )
}


class ProtocolBroken(Exception):
    """The decoder said something that no honest decoder says."""


def pack_header(kind: bytes, size_bytes: int) -> bytes:
    """Make the bytes that go before a message."""
    return _HEADER.pack(kind, size_bytes)


def unpack_header(header: bytes) -> tuple[bytes, int]:
    """Read a message's kind and size."""
    kind, size_bytes = _HEADER.unpack(header)
    return kind, size_bytes


def pack_error(error: errors.SmartLiteError) -> bytes:
    """Make the body of an ERROR. Class and message cross, so that nothing is unpickled from the decoder."""
    return json.dumps([type(error).__name__, error.message]).encode()


def unpack_error(body: bytes) -> errors.SmartLiteError:
    """Rebuild the error of an ERROR.

    Raises:
        ProtocolBroken: Not an error that the gate raises.
    """
    try:
        name, message = json.loads(body)
        return _GATE_ERRORS[name](str(message), "file")
    except (ValueError, TypeError, KeyError) as error:
        raise ProtocolBroken from error
