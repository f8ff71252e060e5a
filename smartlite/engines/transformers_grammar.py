"""What a model's tokens are in bytes, and which of them a grammar takes next, by llguidance. Must not know sampling."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Final

from smartlite.errors import ConfigurationError, InvalidRequest

_INSTALL: Final = "llguidance is not installed: pip install 'smartlite[torch]'."


class Vocabulary:
    """The tokens of a model."""

    def __init__(self, tokenizer: Any, size: int, eos_tokens: Sequence[int]) -> None:
        """Read the tokenizer; takes about half a second.

        Raises:
            ConfigurationError: The library is missing, or this tokenizer is of a kind that it does not know.
        """
        try:
            import llguidance
            import llguidance.hf
        except ImportError as error:
            raise ConfigurationError(_INSTALL, "engine") from error
        try:
            self._tokenizer: Any = llguidance.hf.from_tokenizer(tokenizer, n_vocab=size, eos_token=list(eos_tokens))
        except (ValueError, RuntimeError) as error:
            raise ConfigurationError(f"The model's tokenizer cannot be used: {error}") from error
        self._library: Any = llguidance
        self._control = frozenset(tokenizer.all_special_ids) | frozenset(eos_tokens)
        self.size = size
        self.eos_tokens = tuple(eos_tokens)
        self.token_bytes = cache(self._token_bytes)

    def text_bytes(self, token: int) -> bytes:
        """What a token adds to an answer; nothing for control tokens."""
        return b"" if token in self._control else self.token_bytes(token)

    def grammar(self, grammar: str, param: str) -> Any:
        """Prepare an answer that keeps to a grammar (Lark): llguidance's LLMatcher, for one answer.

        Raises:
            InvalidRequest: 400, naming ``param``: it cannot be compiled.
        """
        matcher = self._library.LLMatcher
        prepared = matcher(self._tokenizer, matcher.grammar_from_lark(grammar), log_level=0)
        if prepared.is_error():
            raise too_complex(param)
        return prepared

    def bias(self, pairs: Iterable[tuple[int, float]]) -> dict[int, float]:
        """What is added to which token's logit.

        Raises:
            InvalidRequest: 400, the model has no such token.
        """
        bias = dict(pairs)
        for token in bias:
            if not 0 <= token < self.size:
                raise InvalidRequest(
                    f"logit_bias has the token {token}; this model's tokens are 0 to {self.size - 1}.", "logit_bias"
                )
        return bias

    def _token_bytes(self, token: int) -> bytes:
        data: bytes = self._tokenizer.decode_bytes([token])
        return data


def too_complex(param: str) -> InvalidRequest:
    """What is said where the library gives up a grammar."""
    return InvalidRequest("The JSON Schema is too complex: an answer could not be kept to it.", param)
