"""Speech synthesis: time to first audio through HTTP against the engine's own first sentence.

Must not know engines: the configuration names them.
"""

from typing import Final

from benchmarks.in_process import InProcess
from benchmarks.measure import Goal, Row, Sample, alternate, ratio_row
from benchmarks.target import Target

_TEXT: Final = (
    "The train to the coast leaves every morning at a quarter past eight. It stops in four small towns on the way. "
    "Passengers may bring bicycles, but not in the last carriage. The journey takes a little under three hours."
)
_GOAL: Final = Goal("at most", 1.25)


def measure(target: Target) -> list[Row]:
    """First byte of streamed pcm, which has no header, against the first sentence's samples; then the whole text."""
    with target.gateway() as gateway, InProcess("tts", target.config) as engine:
        alone, through = alternate(target.runs, lambda: engine.ask(text=_TEXT), lambda: gateway.speak(_TEXT, "pcm"))
    return [
        ratio_row(
            "TTS, first audio",
            Sample(tuple(answer["first_audio_s"] for answer in alone), "s"),
            Sample(tuple(speech.first_audio_s for speech in through), "s"),
            _GOAL,
        ),
        ratio_row(
            f"TTS, {len(_TEXT)} characters, whole",
            Sample(tuple(answer["total_s"] for answer in alone), "s"),
            Sample(tuple(speech.total_s for speech in through), "s"),
        ),
    ]
