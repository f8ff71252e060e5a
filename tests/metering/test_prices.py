"""What use costs, and what is wrong with a list of prices."""

from pathlib import Path

import pytest

from smartlite.domain.usage import ModelUsage
from smartlite.errors import ConfigurationError
from smartlite.metering.prices import Prices, load_prices

LIST = """
models:
  ears: {audio_input_minute: 0.006}
  voice: {characters_1m: 15, audio_output_minute: 0.1}
  "*": {input_tokens_1m: 0.15, output_tokens_1m: 0.6, request: 0.001}
"""


@pytest.fixture
def prices(tmp_path: Path) -> Prices:
    (tmp_path / "prices.yaml").write_text(LIST)
    return load_prices(tmp_path / "prices.yaml")


@pytest.mark.parametrize(
    ("used", "micros"),
    [
        (ModelUsage("ears", audio_input_s=60), 6000),
        (ModelUsage("ears", audio_input_s=0.001), 1),
        (ModelUsage("voice", characters=1000, audio_output_s=30), 15_000 + 50_000),
        (ModelUsage("any", 1_000_000, 1_000_000), 150_000 + 600_000 + 1000),
        (ModelUsage("", 1_000_000), 0),
        (ModelUsage("ears"), 0),
    ],
)
def test_use_costs_what_the_list_says(prices: Prices, used: ModelUsage, micros: int) -> None:
    assert prices.cost_micros(used) == micros


def test_without_a_list_nothing_costs_anything() -> None:
    assert load_prices(None).cost_micros(ModelUsage("any", 10**9)) == 0


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("models: {a: {input: 1}}", "models.a.input"),
        ("models: {a: {request: -1}}", "models.a.request"),
        ("models: {a: {request: .inf}}", "models.a.request"),
        ("model: {}", "model"),
        ("[]", "the file"),
        ("a: [", "cannot be read"),
    ],
)
def test_a_wrong_list_is_refused_with_the_field(tmp_path: Path, text: str, named: str) -> None:
    (tmp_path / "prices.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match="SMARTLITE_PRICES") as caught:
        load_prices(tmp_path / "prices.yaml")
    assert named in caught.value.message
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_prices(tmp_path / "missing.yaml")
