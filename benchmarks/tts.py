"""Speech synthesis: time to first audio through HTTP against the engine's own first sentence, in every format.

Must not know engines: the configuration names them.
"""

from collections.abc import Callable
from typing import Final

from benchmarks.in_process import InProcess
from benchmarks.measure import Goal, Row, Sample, alternate, ratio_row, rounds_of, value_row
from benchmarks.replicas import speech_rows
from benchmarks.target import Target

_TEXT: Final = (
    "The train to the coast leaves every morning at a quarter past eight. It stops in four small towns on the way. "
    "Passengers may bring bicycles, but not in the last carriage. The journey takes a little under three hours."
)
_GOAL: Final = Goal("at most", 1.25)
_LATER_GOAL: Final = Goal("at most", 10, "ms")
_FORMATS: Final = ("pcm", "wav", "mp3", "opus")
_SHORT_ROUNDS: Final = 3
"""Times as many for the first audio alone: the voice is sampled, so that no two runs of the engine are of a length."""


def measure(target: Target) -> list[Row]:
    """First byte of the body against the first sentence's samples; the whole text; a long text by two replicas."""
    with target.gateway() as gateway, InProcess("tts", target.config) as engine:
        alone, through = alternate(target.runs, lambda: engine.ask(text=_TEXT), lambda: gateway.speak(_TEXT, "pcm"))
        first = _TEXT.partition(". ")[0] + "."
        asked: dict[str, Callable[[], float]] = {"engine": lambda: float(engine.ask(text=first)["first_audio_s"])}
        for name in _FORMATS:
            asked[name] = lambda name=name: gateway.speak(first, name).first_audio_s  # type: ignore[misc]  # bound now
        seconds = rounds_of(_SHORT_ROUNDS * target.runs, asked)
    return [
        ratio_row(
            "TTS, first audio",
            Sample(tuple(answer["first_audio_s"] for answer in alone), "s"),
            Sample(tuple(speech.first_audio_s for speech in through), "s"),
            _GOAL,
        ),
        *(_later_row(name, seconds["engine"], seconds[name]) for name in _FORMATS),
        ratio_row(
            f"TTS, {len(_TEXT)} characters, whole",
            Sample(tuple(answer["total_s"] for answer in alone), "s"),
            Sample(tuple(speech.total_s for speech in through), "s"),
        ),
        *speech_rows(target.config, target.runs),
    ]


def _later_row(name: str, engine: list[float], through: list[float]) -> Row:
    later = tuple(1000 * (ours - alone) for ours, alone in zip(through, engine, strict=True))
    return value_row(f"TTS, first audio as {name} after the engine's", Sample(later, "ms"), _LATER_GOAL)
