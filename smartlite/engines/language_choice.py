"""Which language a recording is in, of those that it may be in. Must not know models."""

import math
from collections.abc import Callable, Mapping
from typing import Final

_TRAINING_HOURS: Final = {
    "zh": 23446, "de": 13344, "es": 11100, "ru": 9761, "fr": 9752, "pt": 8573, "ko": 7993, "ja": 7054, "tr": 4333,
    "pl": 4278, "it": 2585, "sv": 2119, "nl": 2077, "ca": 1883, "fi": 1066, "id": 1014, "ar": 739, "uk": 697,
    "vi": 691, "he": 688, "el": 529, "da": 473, "ms": 382, "hu": 379, "ro": 356, "no": 266, "th": 226, "cs": 192,
    "ta": 136, "ur": 104, "hr": 91, "sk": 90, "bg": 86, "te": 33, "hi": 12, "bn": 10,
}  # fmt: skip
"""Of speech in the language that Whisper was trained to write down (Radford et al., 2022, figure 11)."""
_MOST_HOURS: Final = 15_000
"""English has 438,218; beyond this much, more says nothing of what a stranger speaks."""
_FEWEST_HOURS: Final = 10
_PRIOR_WEIGHT: Final = 0.2
"""Of 110 telephone prompts of 2 to 9 s in es, it, fr, en (whisper-base) 103 were right with it, 102 without; with 0.3
an Italian one went wrong. It only decides between languages that are nearly as likely as each other."""
_SURE: Final = 0.7
"""From this probability on nothing is tried."""
_TRIED: Final = 4
"""The likeliest languages that a doubtful recording is written down in."""
_TEXT_WEIGHT: Final = 6.0
"""Of 190 Spanish prompts of 2 to 9 s 161 were right by probability, 173 with the text; with weights of 4 and 8 169 and
170. French, Italian and English ones were as right as before, and hardly any was doubtful."""
_LEAST: Final = 0.03
"""What is less likely is not tried: a text reads well in a language that it is not in, too."""


def choose_language(
    probabilities: Mapping[str, float], among: tuple[str, ...], write_down: Callable[[str], float]
) -> tuple[str, float]:
    """Take the likeliest language; where any may be spoken, one that is spoken often over one that is not.

    Where the model is in doubt, the recording is written down in the likeliest languages, and how sure the model is of
    each text counts too: short recordings over a telephone sound like many languages and read like one.

    Args:
        probabilities: Of every language that the model knows.
        among: The languages that it may be; empty: any.
        write_down: Gives the mean log-probability of the tokens of the first window's text in a language.

    Returns:
        Its code, and how likely it is if it is one of them.
    """
    possible = {code: probabilities.get(code, 0.0) for code in among or probabilities}
    total = sum(possible.values())
    weighed = {code: possible[code] * (1.0 if among else _prior(code)) for code in possible}
    code = max(weighed, key=weighed.__getitem__)
    if total > 0 and possible[code] / total < _SURE:
        likely = [each for each in weighed if possible[each] / total >= _LEAST]
        tried = sorted(likely, key=weighed.__getitem__, reverse=True)[:_TRIED]
        if len(tried) > 1:
            code = max(tried, key=lambda each: math.log(weighed[each]) + _TEXT_WEIGHT * write_down(each))
    return code, possible[code] / total if total > 0 else 1 / len(possible)


def _prior(code: str) -> float:
    hours = _MOST_HOURS if code == "en" else _TRAINING_HOURS.get(code, _FEWEST_HOURS)
    return math.pow(min(hours, _MOST_HOURS) / _MOST_HOURS, _PRIOR_WEIGHT)
