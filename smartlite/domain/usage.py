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
