"""Probabilities of tokens as OpenAI shows them. Must not know who asked for them."""

from collections.abc import Iterable
from typing import Final

from smartlite.api.schemas.chat import TokenLogprobPart, TopLogprob
from smartlite.domain.logprobs import TokenLogprob

_LEAST_LOGPROB: Final = -9999.0
"""What OpenAI says of a token that was all but impossible; JSON has no infinity."""


def logprob_parts(tokens: Iterable[TokenLogprob]) -> list[TokenLogprobPart]:
    """The tokens of an answer, each with those that were likely in its place."""
    return [{**_part(token), "top_logprobs": [_part(other) for other in token.alternatives]} for token in tokens]


def _part(token: TokenLogprob) -> TopLogprob:
    return {"token": token.token, "logprob": max(token.logprob, _LEAST_LOGPROB), "bytes": list(token.data)}
