"""``python -m benchmarks long_recordings``: a recording of ten minutes, by two ASR replicas against one.

Recorded prompts with pauses between them make the recording, so that its words are known. Platforms run one after the
other (one replica, two, two, one), so that a machine that slows down slows both; every replica has one thread.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import jiwer
import numpy as np
import yaml
from numpy.typing import NDArray

from benchmarks.client import Gateway
from benchmarks.clips import wav
from benchmarks.machine import describe_run
from benchmarks.measure import Goal, Sample, markdown_table, ratio_row, value_row
from benchmarks.normalise import normalise
from benchmarks.recordings import recordings
from benchmarks.servers.started import start_platform, write_configuration
from benchmarks.tune.knobs import Value, with_setting
from smartlite.codecs.decode import decode_pcm
from smartlite.codecs.limits import AudioLimits
from smartlite.domain.audio import RECOGNITION_SAMPLE_RATE_HZ

_GOAL: Final = Goal("at most", 0.65)
_WER_GOAL: Final = Goal("at most", 10.0, "%")
_FIRST_PORT: Final = 28_000
_ORDER: Final = (1, 2, 2, 1)
_PAUSES_S: Final = (0.4, 1.6)
_SILENCE_S: Final = 6.0
"""After every fifteenth prompt."""
_RESULTS: Final = Path(__file__).with_name("RESULTS.md")


def main(arguments: list[str]) -> int:
    """Measure and print the table.

    Returns:
        0 when both goals are met, else 1.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks long_recordings", description=__doc__)
    parser.add_argument("--config", type=Path, default=Path("serve_config.yaml"), help="what the platforms serve")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long the recording is")
    parser.add_argument("--runs", type=int, default=2, help="requests to each platform that is started")
    parser.add_argument("--seed", type=int, default=1, help="another one draws other pauses and begins elsewhere")
    parser.add_argument("--threads", type=int, default=1, help="of every replica")
    parser.add_argument("--record", action="store_true", help=f"append the table to {_RESULTS.name}")
    parsed = parser.parse_args(arguments)
    heading = describe_run(["python", "-m", "benchmarks", "long_recordings", *arguments])
    samples, said = long_recording(parsed.minutes * 60, parsed.seed)
    data = wav(np.round(samples * 32767).astype("<i2").tobytes(), RECOGNITION_SAMPLE_RATE_HZ)
    document = yaml.safe_load(parsed.config.read_text(encoding="utf-8"))
    seconds: dict[int, list[float]] = {1: [], 2: []}
    texts: dict[int, str] = {}
    for replicas in _ORDER:
        with _platform(document, replicas, parsed.threads) as gateway:
            for _ in range(parsed.runs):
                texts[replicas], spent = gateway.transcribe(data)
                seconds[replicas].append(spent)
                print(f"{replicas} replicas: {spent:.1f} s", file=sys.stderr, flush=True)
    errors = {count: 100 * jiwer.wer(normalise(said), normalise(text)) for count, text in texts.items()}
    what = f"ASR, {parsed.minutes:g} minutes, 2 replicas against 1, {parsed.threads} threads each"
    rows = [
        ratio_row(what, Sample(tuple(seconds[1]), "s"), Sample(tuple(seconds[2]), "s"), _GOAL),
        value_row(f"Word error rate with 2 replicas; with 1: {errors[1]:.1f} %", Sample((errors[2],), "%"), _WER_GOAL),
    ]
    report = f"{heading}\n\n{markdown_table(rows)}\n"
    print(report)
    if parsed.record:
        with _RESULTS.open("a", encoding="utf-8") as results:
            results.write(f"\n## long_recordings\n\n{report}")
    return 1 if any(row.is_met is False for row in rows) else 0


def long_recording(length_s: float, seed: int = 1) -> tuple[NDArray[np.float32], str]:
    """At least so many seconds of prompts at 16 kHz, and what is said in them."""
    random = np.random.default_rng(seed)
    prompts = [(_decode(prompt.path.read_bytes()), prompt.words) for prompt in recordings("en")]
    parts: list[NDArray[np.float32]] = []
    words: list[str] = []
    size = 0
    while size < length_s * RECOGNITION_SAMPLE_RATE_HZ:
        samples, said = prompts[(len(words) + 7 * (seed - 1)) % len(prompts)]
        words.append(said)
        pause_s = random.uniform(*_PAUSES_S) + (_SILENCE_S if len(words) % 15 == 0 else 0.0)
        parts += [samples, np.zeros(round(pause_s * RECOGNITION_SAMPLE_RATE_HZ), np.float32)]
        size += len(parts[-2]) + len(parts[-1])
    return np.concatenate(parts), " ".join(words)


def _decode(data: bytes) -> NDArray[np.float32]:
    pcm = b"".join(decode_pcm(data, "wav", AudioLimits(), RECOGNITION_SAMPLE_RATE_HZ))
    return np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)


@contextmanager
def _platform(document: dict[str, Any], replicas: int, threads: int) -> Iterator[Gateway]:
    """A platform with so many ASR replicas, warm."""
    setting: tuple[tuple[str, Value], ...] = (
        ("deployments.asr.num_replicas", replicas),
        ("args.asr.models.0.options.threads", threads),
    )
    with tempfile.TemporaryDirectory(prefix="smartlite-long-") as folder:
        config = write_configuration(Path(folder) / "serve_config.yaml", with_setting(document, setting))
        with (
            start_platform(config, Path(folder) / "data", "off", _FIRST_PORT) as platform,
            Gateway(platform.url) as gateway,
        ):
            samples, _ = long_recording(5)
            clip = wav(np.round(samples * 32767).astype("<i2").tobytes(), RECOGNITION_SAMPLE_RATE_HZ)
            for _ in range(replicas):
                gateway.transcribe(clip)
            yield gateway
