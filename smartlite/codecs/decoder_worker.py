"""The decoder's own process: locks itself in, then decodes one file after another. Must not know asyncio or replicas.

Started as ``python -m smartlite.codecs.decoder_worker SETTINGS`` by ``decoder_process``. What a hostile file could make
this process do is bounded before the first one is read: no file or socket can be opened (RLIMIT_NOFILE), nothing
written (RLIMIT_FSIZE), memory and processor time end, the working directory does not exist any more, the environment
holds no secrets, and the process ends with its parent. An unexpected error ends it too: the replica starts another.
"""

import ctypes
import gc
import io
import json
import os
import resource
import signal
import sys
import wave
from typing import BinaryIO, Final

from smartlite.codecs import framing
from smartlite.codecs.decode import decode_pcm
from smartlite.codecs.limits import AudioLimits
from smartlite.errors import SmartLiteError

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38

_BASE_BYTES: Final = 512 * 1024 * 1024
"""Address space of the process beside the file: 30 minutes of mp3 peak at 248 MB (measured)."""


def main() -> None:
    """Serve jobs from standard input until it ends."""
    settings = json.loads(sys.argv[1])
    limits = AudioLimits(**settings["limits"])
    _end_with_parent(settings["parent_pid"])
    _warm_up(limits)
    _lock_in(limits)
    requests, answers = os.fdopen(0, "rb"), os.fdopen(1, "wb", buffering=0)
    _write(answers, framing.READY)
    while job := _read(requests, framing.JOB):
        options = json.loads(job)
        data = _read(requests, framing.FILE)
        if data is None:
            return
        _bound_cpu(settings["timeout_s"])
        try:
            for block in decode_pcm(data, options["container"], limits, options["sample_rate_hz"]):
                _write(answers, framing.PCM, block)
        except SmartLiteError as error:
            _write(answers, framing.ERROR, framing.pack_error(error))
        else:
            _write(answers, framing.END)
        del data
        # Resamplers are freed by the collector only (faster-whisper issue 390).
        gc.collect()


def _read(source: BinaryIO, kind: bytes) -> bytes | None:
    """Read one message; None at the end of the input."""
    header = _read_exactly(source, framing.HEADER_BYTES)
    if header is None:
        return None
    found, size_bytes = framing.unpack_header(header)
    if found != kind:
        raise framing.ProtocolBroken
    return _read_exactly(source, size_bytes)


def _read_exactly(source: BinaryIO, size_bytes: int) -> bytes | None:
    # A buffered reader that is asked for all of it fills one object: a large file is held once.
    data = source.read(size_bytes)
    return data if len(data) == size_bytes else None


def _write(sink: BinaryIO, kind: bytes, body: bytes = b"") -> None:
    rest = memoryview(framing.pack_header(kind, len(body)) + body)
    while rest:
        rest = rest[sink.write(rest) :]


def _end_with_parent(parent_pid: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() != parent_pid:
        sys.exit("The parent ended before its decoder began.")


def _warm_up(limits: AudioLimits) -> None:
    """Decode a little file, so that every module is loaded before files cannot be opened any more."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(48_000)
        recording.writeframes(bytes(9600))
    for _ in decode_pcm(buffer.getvalue(), "wav", limits, 16_000):
        pass
    gc.collect()
    gc.freeze()


def _lock_in(limits: AudioLimits) -> None:
    bounds = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: 3,
        # The file is held once; twice its size leaves room for the allocator.
        resource.RLIMIT_AS: _BASE_BYTES + 2 * limits.max_bytes,
    }
    for what, bound in bounds.items():
        resource.setrlimit(what, (bound, bound))


def _bound_cpu(timeout_s: float) -> None:
    """Move the processor-time limit ahead of what is used: it kills a job whose replica cannot."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(usage.ru_utime + usage.ru_stime + timeout_s) + 2, hard))


if __name__ == "__main__":
    main()
