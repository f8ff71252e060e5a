"""An embedding engine that computes nothing: deterministic vectors, for tests and development graphs.

Must not know models: no file is read, no library is loaded.
"""

import asyncio
import zlib
from collections.abc import AsyncGenerator
from functools import lru_cache
from typing import Annotated, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from smartlite.domain.embedding import Embedding, EmbeddingEvent, EmbeddingFinished
from smartlite.domain.usage import TokenUsage
from smartlite.engines.fake import Fake
from smartlite.engines.protocols import EngineOptions
from smartlite.errors import ContextLengthExceeded, InvalidRequest

DIMENSIONS: Final = 8


class FakeEmbedding(Fake):
    """Adds up a vector for every word, drawn by a checksum of it: texts with the same words are alike."""

    class Options(EngineOptions):
        """The pace and the context of a fake embedding engine."""

        latency_s: Annotated[float, Field(ge=0, le=600)] = 0.0
        """Wait before each vector, in seconds."""
        context_tokens: Annotated[int, Field(ge=1)] = 2048
        """Words that a text may have."""

    async def embed(self, texts: tuple[str, ...]) -> AsyncGenerator[EmbeddingEvent, None]:
        """Yield a vector of 8 numbers for every text, EmbeddingFinished.

        Raises:
            InvalidRequest: 400, a text is empty.
            ContextLengthExceeded: 400, a text has too many words.
        """
        self._check_started()
        counts = [len(text.split()) for text in texts]
        for index, (text, count) in enumerate(zip(texts, counts, strict=True)):
            if not text:
                raise InvalidRequest(f"'input[{index}]' is empty.", "input")
            if count > self._options.context_tokens:
                raise ContextLengthExceeded(
                    f"'input[{index}]' has {count} tokens; the model reads {self._options.context_tokens}.", "input"
                )
        for index, text in enumerate(texts):
            await asyncio.sleep(self._options.latency_s)
            words = text.lower().split() or [text]
            vector = np.sum([_draw(word) for word in words], axis=0)
            yield Embedding(index, np.asarray(vector / np.linalg.norm(vector), np.float32))
        yield EmbeddingFinished(TokenUsage(sum(counts), 0))


@lru_cache(maxsize=4096)
def _draw(word: str) -> NDArray[np.float64]:
    return np.random.default_rng(zlib.crc32(word.encode())).normal(size=DIMENSIONS)
