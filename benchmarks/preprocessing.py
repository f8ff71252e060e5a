"""``python -m benchmarks preprocessing``: word error rate of noisy, quiet and clean recordings, by what is done first.

Recorded prompts are put together to recordings of half a minute, disturbed, prepared as the ASR replica would, and
recognised by an engine in a process of its own. Must not know the platform: no gateway, no Ray.
"""

import argparse
import sys
import tempfile
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Final

import jiwer
import numpy as np
from numpy.typing import NDArray

from benchmarks.clips import wav
from benchmarks.in_process import InProcess
from benchmarks.machine import describe_run
from benchmarks.normalise import normalise
from benchmarks.recordings import Recording, recordings
from benchmarks.target import ServedEngine
from smartlite.codecs.decode import decode_pcm
from smartlite.codecs.limits import AudioLimits
from smartlite.codecs.preprocessing import prepare
from smartlite.domain.asr import Preprocessing
from smartlite.domain.audio import RECOGNITION_SAMPLE_RATE_HZ, AudioChunk

_ENGINE: Final = ServedEngine("whisper-base", "faster_whisper", {"threads": 2})
_RATE_HZ: Final = 8_000
"""Of the prompts."""
_LENGTH_S: Final = 28.0
_GAP_S: Final = 0.5
_TALKERS: Final = 6
_SEED: Final = 1
_TIMEOUT_S: Final = 300.0
_RESULTS: Final = Path(__file__).with_name("RESULTS.md")

STEPS: Final = {
    "nothing": Preprocessing(False, False, False),
    "by default": Preprocessing(),
    "loudness": Preprocessing(True, False, False),
    "trim_silence": Preprocessing(False, True, False),
    "denoise": Preprocessing(False, False, True),
}

Samples = NDArray[np.float64]
Disturb = Callable[[Samples], Samples]


def main(arguments: list[str]) -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks preprocessing", description=__doc__)
    parser.add_argument("--recordings", type=int, default=99, help="how many half minutes; all by default")
    parser.add_argument("--record", action="store_true", help=f"append the table to {_RESULTS.name}")
    parsed = parser.parse_args(arguments)
    heading = describe_run(["python", "-m", "benchmarks", "preprocessing", *arguments])
    spoken = list(_half_minutes())[: parsed.recordings]
    said = [normalise(words) for _, words in spoken]
    lines = [f"| WER of {sum(len(text.split()) for text in said)} words | {' | '.join(STEPS)} |"]
    lines.append("|---" * (len(STEPS) + 1) + "|")
    with tempfile.TemporaryDirectory(prefix="smartlite-noise-") as folder, InProcess("asr", _ENGINE, _TIMEOUT_S) as ear:
        path = Path(folder) / "disturbed.wav"
        for name, disturb in _disturbances():
            disturbed = [disturb(samples) for samples, _ in spoken]
            cells = []
            known: dict[bytes, str] = {}
            for asked in STEPS.values():
                heard = []
                for samples in disturbed:
                    data = _prepared(samples, asked)
                    if data not in known:  # a step may have nothing to do
                        path.write_bytes(data)
                        known[data] = normalise(ear.ask(path=str(path), language="en")["text"])
                    heard.append(known[data])
                cells.append(f"{100 * jiwer.wer(said, heard):.1f} %")
            lines.append(f"| {name} | {' | '.join(cells)} |")
            print(lines[-1], file=sys.stderr, flush=True)
    report = f"{heading}\n\n" + "\n".join(lines) + "\n"
    print(report)
    if parsed.record:
        with _RESULTS.open("a", encoding="utf-8") as results:
            results.write(f"\n## preprocessing\n\n{report}")
    return 0


def _half_minutes() -> Iterator[tuple[Samples, str]]:
    """Prompts one after the other with pauses between them, and their words."""
    gap = np.zeros(round(_GAP_S * _RATE_HZ))
    parts: list[Samples] = []
    words: list[str] = []
    for prompt in recordings("en"):
        samples = _read(prompt)
        if parts and sum(map(len, parts)) + len(samples) > _LENGTH_S * _RATE_HZ:
            yield np.concatenate(parts), " ".join(words)
            parts, words = [], []
        parts += [samples, gap]
        words.append(prompt.words)
    yield np.concatenate(parts), " ".join(words)


def _read(prompt: Recording) -> Samples:
    with wave.open(str(prompt.path)) as source:
        return np.frombuffer(source.readframes(source.getnframes()), "<i2") / 32768


def _disturbances() -> Iterator[tuple[str, Disturb]]:
    """Named in decibels: of speech over noise, and of speech below full scale."""
    random = np.random.default_rng(_SEED)
    others = np.concatenate([_read(prompt) for language in ("fr", "es", "it") for prompt in recordings(language)])

    def white(count: int) -> Samples:
        return random.normal(size=count)

    def babble(count: int) -> Samples:
        starts = random.integers(0, len(others) - count, _TALKERS)
        return sum((_level(others[start : start + count], 0.0) for start in starts), np.zeros(count))

    def noisy(noise: Callable[[int], Samples], ratio_db: float, level_dbfs: float | None = None) -> Disturb:
        def disturb(samples: Samples) -> Samples:
            added = noise(len(samples))
            mixed = samples + added / np.sqrt(np.mean(added**2)) * _speech_rms(samples) * 10 ** (-ratio_db / 20)
            # Neither may clip: what is measured is the noise.
            return mixed * min(1.0, 0.95 / np.abs(mixed).max()) if level_dbfs is None else _level(mixed, level_dbfs)

        return disturb

    yield "clean", lambda samples: samples
    yield "clean, 5 s of silence around", lambda samples: np.pad(samples, 5 * _RATE_HZ)
    for level_dbfs in (-30, -45, -60, -72):
        yield f"clean, {level_dbfs} dBFS", lambda samples, level=level_dbfs: _level(samples, level)  # type: ignore[misc]
    for name, noise in (("white noise", white), ("babble", babble)):
        for ratio_db in (20, 10, 5, 0):
            yield f"{name}, {ratio_db} dB", noisy(noise, ratio_db)
        yield f"{name}, 10 dB, -45 dBFS", noisy(noise, 10, -45)


def _speech_rms(samples: Samples) -> float:
    """Of what is not pause: frames of 20 ms within 30 dB of the loudest."""
    frames = samples[: len(samples) // 160 * 160].reshape(-1, 160)
    powers = np.mean(frames**2, axis=1)
    return float(np.sqrt(powers[powers > powers.max() / 1000].mean()))


def _level(samples: Samples, dbfs: float) -> Samples:
    return samples / _speech_rms(samples) * 10 ** (dbfs / 20)


def _prepared(samples: Samples, asked: Preprocessing) -> bytes:
    """What the engine is given after a request with these samples, as a file."""
    sent = wav(np.round(samples * 32767).astype("<i2").tobytes(), _RATE_HZ)
    decoded = b"".join(decode_pcm(sent, "wav", AudioLimits(), RECOGNITION_SAMPLE_RATE_HZ))
    audio = AudioChunk(np.frombuffer(decoded, "<i2") / np.float32(32768), RECOGNITION_SAMPLE_RATE_HZ)
    done = prepare(audio, asked, Event()).audio.samples
    return wav(np.round(done * 32767).astype("<i2").tobytes(), RECOGNITION_SAMPLE_RATE_HZ)
