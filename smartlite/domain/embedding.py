"""Embeddings: texts in, vectors out. Must not know engines or wire formats."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smartlite.domain.usage import TokenUsage


@dataclass(frozen=True, slots=True)
class EmbedRequest:
    """What the embedding stage takes."""

    model: str
    """A served model's own id, not an alias."""
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Embedding:
    """The vector of one text."""

    index: int
    """Of the text in the request."""
    vector: NDArray[np.float32]
    """Shape (dimensions,), of length 1."""


@dataclass(frozen=True, slots=True)
class EmbeddingFinished:
    """The last event of every request."""

    usage: TokenUsage
    """The answer has no tokens."""


EmbeddingEvent = Embedding | EmbeddingFinished
