"""How the next token of every request in a batch is chosen. Must not know text, messages or how logits are computed.

The library's continuous batching knows only temperature, top_p and top_k of each request. `BatchSampler` stands in for
its list of logits processors, does what every request asks for, and hands back scores in which only the chosen token
is left: so requests with a seed, penalties or a grammar share batches with all others.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_GREEDY_BELOW: Final = 1e-3
"""A temperature under which only the likeliest token can be drawn, in float32."""


@dataclass(frozen=True, slots=True)
class DrawnLogprob:
    """How likely the model thought a token, and the likeliest at its place."""

    logprob: float
    likeliest: tuple[tuple[int, float], ...]


@dataclass(slots=True)
class Draw:
    """How one request's tokens are drawn, and what was drawn so far."""

    temperature: float
    top_p: float
    seed: int | None = None
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    bias: dict[int, float] = field(default_factory=dict)
    top_logprobs: int | None = None
    """None where no probabilities are asked for."""
    grammar: Any = None
    """llguidance's matcher; None where any text will do."""
    grammar_param: str = ""
    """The request's field that the grammar comes from."""
    eos_token: int = 0
    """Drawn where the grammar allows nothing."""
    logprobs: list[DrawnLogprob] = field(default_factory=list)
    """Of every token so far, where they are asked for."""
    counts: Counter[int] = field(default_factory=Counter)
    _random: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self._random = np.random.default_rng(None if self.seed is None else self.seed % 2**64)

    def __deepcopy__(self, memo: dict[int, object]) -> "Draw":
        # The library copies a request that it starts over; its answer goes on where it was.
        return self

    def added(self) -> dict[int, float]:
        """What is added to logits: the bias less the penalties (OpenAI's formula, over the answer's own tokens)."""
        added = dict(self.bias)
        if self.presence_penalty or self.frequency_penalty:
            for token, count in self.counts.items():
                penalty = self.presence_penalty + count * self.frequency_penalty
                added[token] = added.get(token, 0.0) - penalty
        return added

    def chance(self) -> float:
        """A number in [0, 1) that decides the next token."""
        return float(self._random.random(dtype=np.float32))

    def take(self, token: int) -> None:
        """Note that a token was chosen."""
        if self.presence_penalty or self.frequency_penalty:
            self.counts[token] += 1
        if self.grammar is not None:
            self.grammar.consume_token(token)


class BatchSampler:
    """Has what the library calls of its ContinuousBatchingLogitsProcessorList, in the library's computing thread."""

    do_processing = True
    tensors_required = 0

    def __init__(self, top_k: int, min_p: float) -> None:
        import torch

        self._torch: Any = torch
        self._top_k = top_k
        self._min_p = min_p
        self._draws: list[Draw] = []

    def fill_defaults(self, int32_tensor: Any) -> None:
        """Nothing is kept in the library's tensors."""

    def check_kwargs(self, kwargs: dict[str, object]) -> None:
        """Only this engine adds requests."""

    def prepare_tensor_args(self, requests_in_batch: list[Any], arg_storage: Any) -> Any:
        """Note which requests get a token now, in the order of the scores' rows."""
        self._draws = [r.state.logit_processor_kwargs["draw"] for r in requests_in_batch if r.has_new_token]
        return arg_storage

    def __call__(self, input_ids: Any, scores: Any, logits_processor_args: Any) -> Any:
        """Choose a token for every request.

        Args:
            input_ids: Not looked at.
            scores: Logits of shape (n, vocabulary), float32; the rows of requests that only read a part of their
                prompt now are the last ones and mean nothing.
            logits_processor_args: Not looked at.

        Returns:
            Scores of the same shape whose greatest is at the chosen tokens.
        """
        draws = self._draws
        result = self._torch.full_like(scores, float("-inf"))
        if not draws:
            return result
        scores = scores[: len(draws)]
        wanted = [row for row, draw in enumerate(draws) if draw.top_logprobs is not None]
        logprobs: Any = self._torch.log_softmax(scores[wanted], dim=-1) if wanted else ()
        self._constrain(scores, draws)
        chosen = self._choose(scores, draws)
        for place, row in enumerate(wanted):
            self._note(draws[row], logprobs[place], chosen[row])
        for draw, token in zip(draws, chosen, strict=True):
            draw.take(token)
        rows = self._torch.arange(len(draws), device=scores.device)
        result[rows, self._torch.tensor(chosen, device=scores.device)] = 0.0
        return result

    def _constrain(self, scores: Any, draws: list[Draw]) -> None:
        """Add biases and penalties, and take out what grammars do not allow."""
        for row, draw in enumerate(draws):
            if added := draw.added():
                tokens = self._torch.tensor(list(added), device=scores.device)
                scores[row, tokens] += self._torch.tensor(list(added.values()), device=scores.device)
            if draw.grammar is not None:
                mask = _allowed(draw, scores.shape[-1])
                scores[row].masked_fill_(self._torch.from_numpy(~mask).to(scores.device), float("-inf"))

    def _choose(self, scores: Any, draws: list[Draw]) -> list[int]:
        torch = self._torch
        greedy = [draw.temperature < _GREEDY_BELOW for draw in draws]
        if all(greedy):
            chosen: list[int] = scores.argmax(dim=-1).tolist()
            return chosen
        size = scores.shape[-1]
        logits, tokens = torch.topk(scores, min(self._top_k or size, size), dim=-1)

        def column(values: list[float]) -> Any:
            return torch.tensor(values, dtype=torch.float32, device=scores.device).unsqueeze(-1)

        # As llama.cpp does it, what may be drawn is decided before the temperature, so heat makes no nonsense likely.
        likely = torch.softmax(logits, dim=-1)
        out = likely < self._min_p * likely[:, :1]
        out |= likely.cumsum(dim=-1) - likely >= column([draw.top_p for draw in draws])
        out |= logits == float("-inf")
        out[:, 0] = False
        heat = column([1.0 if cold else draw.temperature for cold, draw in zip(greedy, draws, strict=True)])
        drawn = torch.softmax((logits - logits[:, :1]).masked_fill(out, float("-inf")) / heat, dim=-1).cumsum(dim=-1)
        chance = column([0.0 if cold else draw.chance() for cold, draw in zip(greedy, draws, strict=True)])
        place = torch.searchsorted(drawn, chance * drawn[:, -1:], right=True)
        place = torch.minimum(place, (~out).sum(dim=-1, keepdim=True) - 1)
        found: list[int] = tokens.gather(-1, place).squeeze(-1).tolist()
        return found

    def _note(self, draw: Draw, logprobs: Any, token: int) -> None:
        best = self._torch.topk(logprobs, draw.top_logprobs or 0)
        likeliest = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        draw.logprobs.append(DrawnLogprob(float(logprobs[token]), tuple(likeliest)))


def _allowed(draw: Draw, size: int) -> NDArray[np.bool_]:
    """Which tokens the grammar takes next; the end of the answer where it takes none. Shape (size,)."""
    mask = np.zeros(size, np.bool_)
    if not draw.grammar.is_error():
        bits = np.unpackbits(np.frombuffer(draw.grammar.compute_bitmask(), np.uint8), bitorder="little")[:size]
        mask[: len(bits)] = bits
    if not mask.any():
        mask[draw.eos_token] = True
    return mask
