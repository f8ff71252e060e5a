"""Pipelines against the same work done without them, all through HTTP. Must not know how runs are kept.

The voice assistant's first audio stands beside that of a voice turn, and a step for each of some clips beside the same
clips transcribed one after the other.
"""

import time
from typing import Final

from benchmarks.client import Gateway
from benchmarks.clips import question
from benchmarks.measure import Goal, Row, Sample, alternate, ratio_row
from benchmarks.target import Target

_INSTRUCTIONS: Final = "You are a friendly voice assistant. Answer in one plain sentence of about ten words."
_QUESTION: Final = "What is the capital of France?"
_CLIPS: Final = 20
_FIRST_AUDIO: Final = Goal("at most", 1.15)
_EACH: Final = """name: benchmark-each
inputs:
  clip: {type: audio, required: false}
  clips: {type: array, required: false}
steps:
  - id: hear
    uses: asr.transcribe
    for_each: inputs.clips || `[]`
    with: {audio: "${{ item }}", language: en}
outputs:
  texts: ${{ steps.hear.output[].text }}
"""


def measure(target: Target) -> list[Row]:
    """The assistant turn by turn, then the clips."""
    with target.gateway() as gateway:
        data = question(gateway, _QUESTION).read_bytes()
        turns, runs = alternate(
            target.runs,
            lambda: gateway.stream_turn(data, _INSTRUCTIONS, "mp3").first_audio_s,
            lambda: gateway.stream_assistant(data, _INSTRUCTIONS)[0],
        )
        first = "First audio of the pipeline voice-assistant; alone: the voice turn"
        return [
            ratio_row(first, Sample(tuple(turns), "s"), Sample(tuple(runs), "s"), _FIRST_AUDIO),
            _each(gateway, data, max(1, target.runs // 3)),
        ]


def _each(gateway: Gateway, data: bytes, rounds: int) -> Row:
    gateway.keep_pipeline("benchmark-each", _EACH)
    clip = gateway.run("benchmark-each", {}, ("clip", data))["inputs"]["clip"]
    media = {"$media": {name: value for name, value in clip["$media"].items() if name != "url"}}

    def one_by_one() -> float:
        return sum(gateway.transcribe(data)[1] for _ in range(_CLIPS))

    def for_each() -> float:
        began = time.perf_counter()
        gateway.run("benchmark-each", {"clips": [media] * _CLIPS})
        return time.perf_counter() - began

    alone, together = alternate(rounds, one_by_one, for_each)
    what = f"for_each over {_CLIPS} clips; alone: one after the other"
    return ratio_row(what, Sample(tuple(alone), "s"), Sample(tuple(together), "s"))
