"""Which language a recording is in, of those that it may be in. Must not know models."""

from collections.abc import Mapping


def choose_language(probabilities: Mapping[str, float], among: tuple[str, ...]) -> tuple[str, float]:
    """Take the likeliest language.

    Args:
        probabilities: Of every language that the model knows.
        among: The languages that it may be; empty: any.

    Returns:
        Its code, and how likely it is if it is one of them.
    """
    possible = {code: probabilities.get(code, 0.0) for code in among or probabilities}
    total = sum(possible.values())
    code = max(possible, key=lambda code: possible[code])
    return code, possible[code] / total if total > 0 else 1 / len(possible)
