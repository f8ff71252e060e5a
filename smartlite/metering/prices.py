"""What use costs: the operator's list of prices. Must not know who pays.

A YAML file (``SMARTLITE_PRICES``)::

    models:
      whisper-base: {audio_input_minute: 0.006}
      en_US-joe-medium: {characters_1m: 15}
      "*": {input_tokens_1m: 0.15, output_tokens_1m: 0.60}

Prices are in units of one currency, which is the operator's; ``*`` is for every model that is not named (by its own
id, not by an alias). Costs are whole micro-units: each use is rounded up, so that nothing is free that has a price.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from smartlite.domain.metering import MeteredUsage
from smartlite.domain.usage import ModelUsage
from smartlite.errors import ConfigurationError

ANY_MODEL: Final = "*"
_Price = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]


class Price(BaseModel):
    """Of one model; what is absent costs nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    request: _Price = 0.0
    """Of each request that the model works for."""
    input_tokens_1m: _Price = 0.0
    """Of a million tokens of prompts."""
    output_tokens_1m: _Price = 0.0
    """Of a million tokens of answers."""
    audio_input_minute: _Price = 0.0
    """Of a minute of recordings."""
    audio_output_minute: _Price = 0.0
    """Of a minute of speech."""
    characters_1m: _Price = 0.0
    """Of a million characters spoken."""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    models: dict[str, Price]


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices by model."""

    by_model: Mapping[str, Price] = field(default_factory=dict)

    def cost_micros(self, used: ModelUsage) -> int:
        """What this use costs, in micro-units."""
        price = self.by_model.get(used.model) or self.by_model.get(ANY_MODEL)
        if price is None or not used.model:
            return 0
        # A price of one in a million is a micro-unit of one.
        cost = (
            1e6 * price.request
            + price.input_tokens_1m * used.prompt_tokens
            + price.output_tokens_1m * used.completion_tokens
            + 1e6 * price.audio_input_minute * used.audio_input_s / 60
            + 1e6 * price.audio_output_minute * used.audio_output_s / 60
            + price.characters_1m * used.characters
        )
        return math.ceil(round(cost, 6))

    def metered(self, used: ModelUsage) -> MeteredUsage:
        """In whole units, with its price."""
        return MeteredUsage(
            used.model,
            round(used.prompt_tokens),
            round(used.completion_tokens),
            round(1000 * used.audio_input_s),
            round(1000 * used.audio_output_s),
            round(used.characters),
            self.cost_micros(used),
        )


def load_prices(path: Path | None) -> Prices:
    """Read the operator's file.

    Raises:
        ConfigurationError: It cannot be read, or a field is wrong; names the field.
    """
    if path is None:
        return Prices()
    try:
        found = _File.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"SMARTLITE_PRICES: {path} cannot be read: {error}.", "prices") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise ConfigurationError(f"SMARTLITE_PRICES: {path}: {place}: {first['msg']}.", "prices") from error
    return Prices(found.models)
