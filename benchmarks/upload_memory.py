"""``python -m benchmarks upload_memory``: what recordings of 100 MB cost the memory of those who pass them on.

Starts a platform of fake engines, whose ASR replica decodes for true, and sends it recordings of every kind of coding.
Must not know how they are passed on. Linux: a process' largest resident size is reset and read by ``/proc``.
"""

import argparse
import io
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import av
import httpx
import numpy as np
import psutil  # type: ignore[import-untyped]  # it has no annotations

from benchmarks.clips import wav
from benchmarks.machine import describe_run
from benchmarks.measure import Goal, Row, Sample, markdown_table, value_row
from benchmarks.processes import PlatformProcesses
from benchmarks.servers.started import fake_configuration, start_platform, write_configuration
from smartlite.errors import Unavailable

_SIZE: Final = 100_000_000
_SMALL: Final = 500_000
_GOAL: Final = Goal("at most", 20, "MB")
_RATE_HZ: Final = 48_000
_TIMEOUT_S: Final = 120.0
_SETTINGS: Final = {"SMARTLITE_MAX_UPLOAD_BYTES": "110000000", "SMARTLITE_MAX_AUDIO_DURATION_S": "3600"}
_WATCHED: Final = ("ingress", "pipeline", "asr")


def main(arguments: list[str]) -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks upload_memory", description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="uploads of each kind")
    parsed = parser.parse_args(arguments)
    heading = describe_run(["python", "-m", "benchmarks", "upload_memory", *arguments])
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="smartlite-upload-memory-")))
        config = write_configuration(folder / "serve_config.yaml", fake_configuration())
        platform = stack.enter_context(start_platform(config, folder / "data", "off", 12_000, _SETTINGS))
        client = stack.enter_context(httpx.Client(base_url=platform.url, timeout=_TIMEOUT_S, trust_env=False))
        rows = list(_measure(client, platform.processes, folder, parsed.runs))
    print(f"{heading}\n\n{markdown_table(rows)}")
    return 1 if any(row.is_met is False for row in rows) else 0


def _measure(client: httpx.Client, processes: PlatformProcesses, folder: Path, runs: int) -> Iterator[Row]:
    files = {name: folder / f"long.{name}" for name in _MADE}
    for name, path in files.items():
        path.write_bytes(_MADE[name]())
    short = folder / "short.wav"
    short.write_bytes(_wav(_SMALL))
    transcriptions, turns = "/v1/audio/transcriptions", "/v1/voice/turns"
    plain: Mapping[str, str] = {}
    cases: list[tuple[str, str, Path, Mapping[str, str]]] = [
        *((f"{transcriptions}, {name}", transcriptions, path, plain) for name, path in files.items()),
        ("/v1/audio/translations, wav", "/v1/audio/translations", files["wav"], plain),
        (f"{turns}, wav", turns, files["wav"], plain),
        (
            f"{transcriptions}, wav, with an Idempotency-Key",
            transcriptions,
            files["wav"],
            {"idempotency-key": "key-{}"},
        ),
        (f"{transcriptions}, wav, to be answered later", transcriptions, files["wav"], {"prefer": "respond-async"}),
    ]
    for _ in range(8):  # whatever a first request loads, on each replica, is not counted
        for path in (transcriptions, turns):
            _post(client, path, short, {})
    for what, path, file, headers in cases:
        grown: dict[str, list[float]] = {name: [] for name in _WATCHED}
        seconds = []
        for number in range(runs):
            watched = {name: [_Peak(process) for process in processes.replicas(name)] for name in _WATCHED}
            began = time.perf_counter()
            _post(
                client,
                path,
                file,
                {name: value.format(number) for name, value in headers.items()},
            )
            seconds.append(time.perf_counter() - began)
            for name, peaks in watched.items():
                grown[name].append(max(peak.grown() for peak in peaks) / 1e6)
        size = f"{file.stat().st_size / 1e6:.0f} MB"
        yield value_row(f"{what}, {size}: growth of the ingress", Sample(tuple(grown["ingress"]), "MB"), _GOAL, True)
        yield value_row(f"{what}, {size}: growth of the pipeline replica", Sample(tuple(grown["pipeline"]), "MB"))
        yield value_row(f"{what}, {size}: growth of the ASR replica", Sample(tuple(grown["asr"]), "MB"))
        yield value_row(f"{what}, {size}: whole request", Sample(tuple(seconds), "s"))


class _Peak:
    """The largest resident size of a process from now on."""

    def __init__(self, process: psutil.Process) -> None:
        self._folder = Path("/proc") / str(process.pid)
        (self._folder / "clear_refs").write_text("5", encoding="ascii")
        self._before = self._most()

    def grown(self) -> int:
        """By how many bytes it has been larger than it was."""
        return self._most() - self._before

    def _most(self) -> int:
        for line in (self._folder / "status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise Unavailable("This system does not tell how large a process has been.")


def _post(client: httpx.Client, path: str, file: Path, headers: Mapping[str, str]) -> None:
    fields = {} if path.startswith("/v1/voice") else {"model": "fake-asr"}
    with file.open("rb") as data:
        answer = client.post(path, files={"file": data}, data=fields, headers=headers)
    if answer.status_code not in {200, 202}:
        raise Unavailable(f"{path} answered {answer.status_code}: {answer.text[:500]}")


def _wav(size_bytes: int = _SIZE) -> bytes:
    pcm = np.random.default_rng(1).integers(-3000, 3000, size_bytes // 2, np.int16)
    return wav(pcm.tobytes(), _RATE_HZ * 2)  # 520 s


def _encoded(codec: str, seconds: int, bit_rate: int | None) -> bytes:
    noise = np.random.default_rng(1)
    target = io.BytesIO()
    with av.open(target, "w", format={"libmp3lame": "mp3"}.get(codec, codec)) as container:
        stream: Any = container.add_stream(codec, rate=_RATE_HZ, layout="stereo")
        if bit_rate is not None:
            stream.bit_rate = bit_rate
        for _ in range(seconds):
            samples = noise.integers(-20_000, 20_000, (1, 2 * _RATE_HZ), np.int16)
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="stereo")
            frame.sample_rate = _RATE_HZ
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return target.getvalue()


def _mp3() -> bytes:
    clip = _encoded("libmp3lame", 20, 320_000)
    return clip * (_SIZE // len(clip))  # frames follow frames: a decoder passes by the headers between them


_MADE: Final[Mapping[str, Callable[[], bytes]]] = {
    "wav": _wav,
    "flac": lambda: _encoded("flac", _SIZE // (4 * _RATE_HZ), None),
    "mp3": _mp3,
}
