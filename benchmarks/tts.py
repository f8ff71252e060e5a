"""Speech synthesis: time to first audio through HTTP against the engine's own first sentence, in every format.

Must not know engines: the configuration names them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from benchmarks.client import Gateway
from benchmarks.in_process import InProcess
from benchmarks.measure import Goal, Row, Sample, alternate, ratio_row, rounds_of, value_row
from benchmarks.replicas import speech_rows
from benchmarks.target import Target

_TEXT: Final = (
    "The train to the coast leaves every morning at a quarter past eight. It stops in four small towns on the way. "
    "Passengers may bring bicycles, but not in the last carriage. The journey takes a little under three hours."
)
_FIRST: Final = _TEXT.partition(". ")[0] + "."
_GOAL: Final = Goal("at most", 1.25)
_LATER_GOAL: Final = Goal("at most", 10, "ms")
_FORMATS: Final = ("pcm", "wav", "mp3", "opus")
_SHORT_ROUNDS: Final = 3
"""Times as many for the first audio alone: the voice is sampled, so that no two runs of the engine are of a length."""


def measure(target: Target) -> list[Row]:
    """First byte of the body against the first sentence's samples; the whole text; a long text by two replicas."""
    with target.gateway() as gateway, InProcess("tts", target.config) as engine:
        alone, through = alternate(target.runs, lambda: engine.ask(text=_TEXT), lambda: gateway.speak(_TEXT, "pcm"))
        asked: dict[str, Callable[[], _Heard]] = {"engine": lambda: _Heard(engine.ask(text=_FIRST)["first_audio_s"])}
        for name in _FORMATS:
            asked[name] = partial(_hear, gateway, name)
        heard = rounds_of(_SHORT_ROUNDS * target.runs, asked)
    return [
        ratio_row(
            "TTS, first audio",
            Sample(tuple(answer["first_audio_s"] for answer in alone), "s"),
            Sample(tuple(speech.first_audio_s for speech in through), "s"),
            _GOAL,
        ),
        *(_later_row(name, heard["engine"], heard[name]) for name in _FORMATS),
        *_ways(heard["pcm"]),
        ratio_row(
            f"TTS, {len(_TEXT)} characters, whole",
            Sample(tuple(answer["total_s"] for answer in alone), "s"),
            Sample(tuple(speech.total_s for speech in through), "s"),
        ),
        *speech_rows(target.config, target.runs),
    ]


@dataclass(frozen=True, slots=True)
class _Heard:
    """When the first sentence was heard first, in seconds since it was asked for."""

    first_s: float
    stage_s: float = 0.0
    gateway_s: float = 0.0


def _hear(gateway: Gateway, name: str) -> _Heard:
    speech = gateway.speak(_FIRST, name)
    return _Heard(speech.first_audio_s, speech.stage_s, speech.gateway_s)


def _later_row(name: str, engine: Sequence[_Heard], through: Sequence[_Heard]) -> Row:
    later = tuple(1000 * (ours.first_s - alone.first_s) for ours, alone in zip(through, engine, strict=True))
    return value_row(f"TTS, first audio as {name} after the engine's", Sample(later, "ms"), _LATER_GOAL)


def _ways(heard: Sequence[_Heard]) -> list[Row]:
    """Where the time of a request goes that is not the stage's: the engine's own is in the stage's."""
    parts: dict[str, Callable[[_Heard], float]] = {
        "in the stage and on the way to it": lambda one: one.stage_s,
        "in the gateway, before and after the stage": lambda one: one.gateway_s - one.stage_s,
        "edge, client": lambda one: one.first_s - one.gateway_s,
    }
    return [
        value_row(f"TTS, first audio as pcm: {name}", Sample(tuple(1000 * part(one) for one in heard), "ms"))
        for name, part in parts.items()
    ]
