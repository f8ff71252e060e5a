"""Texts that another OpenAI-compatible server makes vectors of. Must not know where it is or how its errors read."""

from collections.abc import AsyncGenerator

import numpy as np

from smartlite.domain.embedding import Embedding, EmbeddingEvent, EmbeddingFinished
from smartlite.domain.usage import TokenUsage
from smartlite.engines.upstream import Upstream
from smartlite.errors import EngineFailed


class UpstreamEmbedding(Upstream):
    """An embedding engine: one request for all texts."""

    async def embed(self, texts: tuple[str, ...]) -> AsyncGenerator[EmbeddingEvent, None]:
        """Make vectors; the contract of EmbeddingEngine. They are brought to length 1 where the server does not.

        Raises:
            InvalidRequest: 400, and other errors of the request as the server has them.
        """
        async with self.translated_errors():
            answer = await self.client().embeddings.create(
                model=self._model, input=list(texts), encoding_format="float"
            )
        if len(answer.data) != len(texts):
            raise EngineFailed(
                f"The server of '{self._files.id}' answered {len(answer.data)} vectors for {len(texts)}."
            )
        for item in sorted(answer.data, key=lambda item: item.index):
            vector = np.asarray(item.embedding, np.float32)
            length = float(np.linalg.norm(vector))
            yield Embedding(item.index, vector / length if length else vector)
        yield EmbeddingFinished(TokenUsage(answer.usage.prompt_tokens, 0))
