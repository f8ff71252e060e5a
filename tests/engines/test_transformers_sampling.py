"""How a token is chosen for each of several requests from one batch of scores. Must not know models or text."""

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from smartlite.engines.transformers_sampling import BatchSampler, Draw

pytestmark = pytest.mark.integration  # needs torch, which a plain installation does not have

SIZE = 16


class OnlyOdd:
    """A grammar's matcher that takes odd tokens up to 7."""

    def __init__(self, is_broken: bool = False) -> None:
        self.is_broken = is_broken
        self.taken: list[int] = []

    def is_error(self) -> bool:
        return self.is_broken

    def compute_bitmask(self) -> bytes:
        return bytes([0b10101010, 0])

    def consume_token(self, token: int) -> bool:
        self.taken.append(token)
        return True


def choose(draws: list[Draw], rows: list[list[float]], top_k: int = 0, min_p: float = 0.0) -> list[int]:
    import torch

    sampler = BatchSampler(top_k, min_p)
    requests: list[Any] = []
    for draw in draws:
        requests.append(SimpleNamespace(state=SimpleNamespace(logit_processor_kwargs={}), has_new_token=False))
        requests.append(
            SimpleNamespace(state=SimpleNamespace(logit_processor_kwargs={"draw": draw}), has_new_token=True)
        )
    sampler.prepare_tensor_args(requests, None)
    scores = sampler(None, torch.tensor(rows), None)
    assert tuple(scores.shape) == (len(rows), SIZE)
    chosen: list[int] = scores.argmax(dim=-1).tolist()
    return chosen[: len(draws)]


def flat() -> list[float]:
    return [0.0] * SIZE


def favour(token: int, by: float = 1.0) -> list[float]:
    return [by if other == token else 0.0 for other in range(SIZE)]


def test_at_temperature_0_the_likeliest_is_chosen_whatever_others_do() -> None:
    draws = [Draw(0.0, 1.0), Draw(2.0, 1.0, seed=1), Draw(0.0, 0.1)]
    for _ in range(20):
        first, _, third = choose(draws, [favour(3), flat(), favour(9)])
        assert (first, third) == (3, 9)


def test_a_seed_repeats_its_draws_in_any_company() -> None:
    alone = Draw(1.0, 1.0, seed=-7)
    once = [choose([alone], [flat()])[0] for _ in range(20)]
    again = Draw(1.0, 1.0, seed=-7)
    twice = [choose([Draw(1.0, 1.0), again], [flat(), flat()])[1] for _ in range(20)]
    other = Draw(1.0, 1.0, seed=8)
    assert once == twice
    assert once != [choose([other], [flat()])[0] for _ in range(20)]


def test_draws_follow_the_probabilities() -> None:
    import math

    draw = Draw(1.0, 1.0, seed=1)
    row = [math.log(3.0), math.log(1.0), *[float("-inf")] * (SIZE - 2)]
    counts = Counter(choose([draw], [row])[0] for _ in range(800))
    assert set(counts) == {0, 1}
    assert 540 < counts[0] < 660  # 600 is expected, with a deviation of 12


def test_temperature_flattens_and_sharpens() -> None:
    row = favour(3, by=2.0)
    share = {}
    for temperature in (0.2, 2.0):
        draw = Draw(temperature, 1.0, seed=1)
        share[temperature] = sum(choose([draw], [row])[0] == 3 for _ in range(200)) / 200
    assert share[0.2] > 0.99
    assert share[2.0] < 0.4


@pytest.mark.parametrize(
    ("top_p", "top_k", "min_p", "allowed"),
    [(0.5, 0, 0.0, {5}), (1.0, 2, 0.0, {5, 6}), (1.0, 0, 0.5, {5}), (1.0, 0, 0.3, {5, 6}), (0.01, 1, 1.0, {5})],
)
def test_unlikely_tokens_are_left_out(top_p: float, top_k: int, min_p: float, allowed: set[int]) -> None:
    row = favour(5, by=4.0)
    row[6] = 3.0
    draw = Draw(2.0, top_p, seed=1)
    assert {choose([draw], [row], top_k, min_p)[0] for _ in range(200)} == allowed


def test_rows_of_requests_that_still_read_their_prompt_are_left_alone() -> None:
    assert choose([Draw(0.0, 1.0), Draw(1.0, 1.0, seed=1)], [favour(3), favour(4, by=50.0), flat(), flat()]) == [3, 4]
    assert choose([], [flat()]) == []


def test_a_bias_decides_and_forbids() -> None:
    assert choose([Draw(1.0, 1.0, bias={7: 100.0})], [flat()]) == [7]
    forbid = Draw(0.0, 1.0, bias={3: -100.0, 2: 1.0})
    assert choose([forbid], [favour(3, by=50.0)]) == [2]


def test_penalties_count_the_tokens_of_the_answer() -> None:
    row = favour(3, by=1.0)
    row[4] = 0.5
    once = Draw(0.0, 1.0, presence_penalty=0.75)
    assert [choose([once], [row])[0] for _ in range(4)] == [3, 4, 3, 3]  # 1, 0.25 < 0.5; then 0.25 > -0.25
    often = Draw(0.0, 1.0, frequency_penalty=0.3)
    assert [choose([often], [row])[0] for _ in range(4)] == [3, 3, 4, 3]  # 1, 0.7, 0.4 < 0.5, then 0.4 > 0.2


def test_negative_penalties_make_repetition_likely() -> None:
    draw = Draw(0.0, 1.0, presence_penalty=-2.0)
    draw.take(9)
    assert choose([draw], [favour(3, by=1.5)]) == [9]


def test_a_grammar_leaves_only_what_it_takes_and_hears_what_was_taken() -> None:
    grammar = OnlyOdd()
    draw = Draw(2.0, 1.0, seed=1, grammar=grammar)
    chosen = [choose([draw], [favour(8, by=90.0)])[0] for _ in range(50)]
    assert set(chosen) == {1, 3, 5, 7}
    assert grammar.taken == chosen


def test_a_grammar_that_can_go_no_further_ends_the_answer() -> None:
    assert choose([Draw(1.0, 1.0, grammar=OnlyOdd(is_broken=True), eos_token=11)], [flat()]) == [11]


def test_probabilities_are_the_models_own_and_likeliest_first() -> None:
    import math

    asked = Draw(0.0, 1.0, bias={0: 100.0}, top_logprobs=2)
    silent = Draw(0.0, 1.0)
    row = [math.log(value) for value in (0.5, 0.25, *[0.25 / (SIZE - 2)] * (SIZE - 2))]
    choose([silent, asked], [flat(), row])
    (drawn,) = asked.logprobs
    assert drawn.logprob == pytest.approx(math.log(0.5), abs=1e-5)
    assert [token for token, _ in drawn.likeliest] == [0, 1]
    assert drawn.likeliest[1][1] == pytest.approx(math.log(0.25), abs=1e-5)
    assert silent.logprobs == []


def test_scores_that_are_no_numbers_stop_nobody() -> None:
    assert len(choose([Draw(1.0, 1.0), Draw(0.0, 1.0)], [[float("nan")] * SIZE, favour(3)])) == 2
