"""What a request used, in the units it is counted in. Must not know prices."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens of one answer."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    """Part of the prompt that was not computed again."""

    @property
    def total_tokens(self) -> int:
        """Prompt and answer."""
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class TurnUsage:
    """What one voice turn used."""

    audio_input_s: float
    tokens: TokenUsage
    characters: int
    audio_output_s: float


@dataclass(frozen=True, slots=True)
class ModelUsage:
    """What a request used of one model, or may use at the most before it is begun."""

    model: str
    """A served model's own id; empty: of none."""
    prompt_tokens: float = 0
    completion_tokens: float = 0
    audio_input_s: float = 0.0
    audio_output_s: float = 0.0
    characters: float = 0
    """Spoken."""

    @property
    def tokens(self) -> float:
        """Of prompt and answer."""
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: "ModelUsage") -> "ModelUsage":
        """Both of the same model."""
        return ModelUsage(
            self.model,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.audio_input_s + other.audio_input_s,
            self.audio_output_s + other.audio_output_s,
            self.characters + other.characters,
        )
