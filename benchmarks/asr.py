"""Speech recognition through HTTP against the same engine called in process: a clip of 30 s, and eight clips at once.

Must not know engines: the configuration names them.
"""

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import jiwer

from benchmarks.clips import CLIP_S, question, reading
from benchmarks.in_process import InProcess
from benchmarks.measure import Goal, Row, Sample, alternate, ratio_row, value_row
from benchmarks.normalise import normalise
from benchmarks.sentences import ENGLISH
from benchmarks.target import ServedEngine, Target, read_engine

_GOAL: Final = Goal("at most", 1.05)
_AT_ONCE: Final = 8
_AT_ONCE_GOAL: Final = Goal("at least", 1.3)


def measure(target: Target) -> list[Row]:
    """Whole request against the engine's own time on decoded samples; decoding counts for HTTP only."""
    return [*_one_clip(target), _clips_at_once(target)]


def _one_clip(target: Target) -> list[Row]:
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
    decoding = Sample(tuple(answer["decode_s"] for answer in alone), "s")
    return [
        ratio_row(f"ASR, {CLIP_S:g} s clip, whole transcript", baseline, platform, _GOAL),
        value_row(f"ASR, speed through HTTP (words that differ from in process: {100 * differs:.1f} %)", factor),
        value_row("ASR, decoding alone, in process (HTTP has to do it as well)", decoding),
    ]


def _clips_at_once(target: Target) -> Row:
    """Eight clips sent together, against one after the other by one worker that has all the threads."""
    one_by_one = _with_all_threads(read_engine(target.config, "asr"))
    with target.gateway() as gateway, InProcess("asr", one_by_one) as engine:
        paths = [question(gateway, text) for text in ENGLISH[:_AT_ONCE]]
        clips = [path.read_bytes() for path in paths]

        def alone() -> tuple[float, list[str]]:
            answers: list[dict[str, Any]] = [engine.ask(path=str(path), language="en") for path in paths]
            return sum(answer["seconds"] for answer in answers), [answer["text"] for answer in answers]

        def together() -> tuple[float, list[str]]:
            began = time.perf_counter()
            with ThreadPoolExecutor(len(clips)) as clients:
                texts = list(clients.map(lambda clip: gateway.transcribe(clip)[0], clips))
            return time.perf_counter() - began, texts

        theirs, ours = alternate(target.runs, alone, together)
    differs = jiwer.wer(_words(theirs), _words(ours))
    what = (
        f"ASR, {len(clips)} sentences at once, against {one_by_one.engine} in process one by one with "
        f"{one_by_one.options['threads']} threads (words that differ: {100 * differs:.1f} %)"
    )
    baseline = Sample(tuple(len(clips) / seconds for seconds, _ in theirs), "clips/s")
    return ratio_row(what, baseline, Sample(tuple(len(clips) / s for s, _ in ours), "clips/s"), _AT_ONCE_GOAL)


def _with_all_threads(served: ServedEngine) -> ServedEngine:
    """The engine as a program would call it that asks one thing at a time: every thread works on that."""
    options: dict[str, object] = {"threads": len(os.sched_getaffinity(0)), **served.options}
    if served.engine == "faster_whisper":
        options["workers"] = 1
    return ServedEngine(served.model, served.engine, options)


def _words(rounds: Sequence[tuple[float, list[str]]]) -> list[str]:
    return [normalise(text) for _, texts in rounds for text in texts]
