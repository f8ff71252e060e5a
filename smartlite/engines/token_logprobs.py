"""How likely each token of a transcript was, as the domain says it. Must not know how the numbers were found."""

from collections.abc import Callable, Sequence

from smartlite.domain.logprobs import TokenLogprob


class WindowLogprobs:
    """The text tokens of one window of 30 s, handed out segment by segment."""

    def __init__(self, tokens: Sequence[int], logprobs: Sequence[float], spell: Callable[[int], bytes]) -> None:
        """Take the tokens in order.

        Args:
            tokens: Text tokens of the whole window, of which some may belong to no segment.
            logprobs: Natural logarithm of each one's probability.
            spell: The bytes of a token.
        """
        self._tokens = list(tokens)
        self._logprobs = list(logprobs)
        self._spell = spell
        self._at = 0

    def take(self, tokens: Sequence[int]) -> tuple[TokenLogprob, ...]:
        """Those of the next segment, which has these text tokens."""
        wanted = list(tokens)
        for begin in range(self._at, len(self._tokens) - len(wanted) + 1):
            if self._tokens[begin : begin + len(wanted)] == wanted:
                self._at = begin + len(wanted)
                return tuple(map(self._token, wanted, self._logprobs[begin : self._at]))
        return ()

    def _token(self, token: int, logprob: float) -> TokenLogprob:
        data = self._spell(token)
        return TokenLogprob(data.decode("utf-8", errors="replace"), min(0.0, logprob), data)
