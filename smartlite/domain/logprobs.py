"""How likely a model thought the tokens that it wrote or heard. Must not know which model."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """One token and its probability."""

    token: str
    """As text; a token that is part of a character is shown with U+FFFD."""
    logprob: float
    """Natural logarithm of the probability, at most 0."""
    data: bytes
    """The token's own bytes, UTF-8 where it is whole characters."""
    alternatives: tuple["TokenLogprob", ...] = ()
    """The likeliest tokens at this place, likeliest first, as many as were asked for."""
