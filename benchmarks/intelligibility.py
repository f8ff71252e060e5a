"""Whether the answer to a spoken question can be understood: what ASR hears in it against the reply's text.

Must not know how the platform speaks.
"""

import sys
from typing import Final, get_args

import jiwer

from benchmarks.clips import question
from benchmarks.measure import Goal, Row, Sample, value_row
from benchmarks.normalise import normalise
from benchmarks.target import Target
from smartlite.domain.audio import AudioFormat
from smartlite.pipeline.spoken import to_spoken

_FORMATS: Final[tuple[AudioFormat, ...]] = tuple(name for name in get_args(AudioFormat) if name in ("wav", "mp3"))
_INSTRUCTIONS: Final = (
    "You are a friendly voice assistant. Your answer is spoken aloud: use plain short sentences, without lists, "
    "headings, symbols or code."
)
_QUESTIONS: Final = (
    "What is the capital of France?",
    "Why is the sky blue?",
    "How do I make a cup of tea?",
    "Can you tell me something about whales?",
    "What is a good way to fall asleep?",
)
_GOAL: Final = Goal("at most", 10, "%")


def measure(target: Target) -> list[Row]:
    """Word error rate over all questions together, by format; the worst single answer beside it."""
    rows: list[Row] = []
    with target.gateway() as gateway:
        questions = [question(gateway, text).read_bytes() for text in _QUESTIONS]
        for audio_format in _FORMATS:
            references: list[str] = []
            heard: list[str] = []
            for data in questions:
                reply, audio = gateway.turn(data, _INSTRUCTIONS, audio_format)
                references.append(normalise(to_spoken(reply)))
                heard.append(normalise(gateway.transcribe(audio)[0]))
            pairs = zip(references, heard, strict=True)
            worst, said, understood = max((100 * jiwer.wer(one, other), one, other) for one, other in pairs)
            if not _GOAL.is_met(worst):
                print(f"  spoken: {said}\n  heard:  {understood}", file=sys.stderr, flush=True)
            words = sum(len(reference.split()) for reference in references)
            rate = Sample((100 * jiwer.wer(references, heard),), "%")
            what = (
                f"Answer as {audio_format}, word error rate; {len(questions)} questions, {words} words, worst "
                f"answer {worst:.1f} %"
            )
            rows.append(value_row(what, rate, _GOAL))
    return rows
