"""Speech recognition of a 30 s clip: through HTTP against the same engine called in process.

Must not know engines: the configuration names them.
"""

from typing import Final

import jiwer

from benchmarks.clips import CLIP_S, reading
from benchmarks.in_process import InProcess
from benchmarks.measure import Goal, Row, Sample, alternate, ratio_row, value_row
from benchmarks.normalise import normalise
from benchmarks.target import Target

_GOAL: Final = Goal("at most", 1.10)


def measure(target: Target) -> list[Row]:
    """Whole request against the engine's own time on decoded samples; decoding counts for HTTP only."""
    with target.gateway() as gateway, InProcess("asr", target.config) as engine:
        path = reading(gateway)
        data = path.read_bytes()
        alone, through = alternate(
            target.runs,
            lambda: engine.ask(path=str(path), language="en"),
            lambda: gateway.transcribe(data),
        )
    # Threads are divided otherwise in a replica, so sums round otherwise: a comma here and there is no difference.
    differs = jiwer.wer([normalise(answer["text"]) for answer in alone], [normalise(text) for text, _ in through])
    baseline = Sample(tuple(answer["seconds"] for answer in alone), "s")
    platform = Sample(tuple(seconds for _, seconds in through), "s")
    factor = Sample(tuple(CLIP_S / seconds for seconds in platform.values), "x real time")
    return [
        ratio_row(f"ASR, {CLIP_S:g} s clip, whole transcript", baseline, platform, _GOAL),
        value_row(f"ASR, speed through HTTP (words that differ from in process: {100 * differs:.1f} %)", factor),
    ]
