"""The embedding replica: has an engine make vectors of texts. Must not know wire formats."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from deployments.engine_replica import EngineReplica
from smartlite.domain.embedding import EmbeddingEvent, EmbedRequest
from smartlite.engines.protocols import EmbeddingEngine


class EmbeddingDeployment(EngineReplica[EmbeddingEngine]):
    """An EmbeddingStage around engines in this process; see EngineReplica for its arguments."""

    async def embed(self, request: EmbedRequest) -> AsyncGenerator[EmbeddingEvent, None]:
        """See EmbeddingStage."""
        async with self.engine(request.model) as engine, aclosing(engine.embed(request.texts)) as events:
            async for event in events:
                yield event
