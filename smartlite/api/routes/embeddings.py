"""``/v1/embeddings``: texts in, vectors out. Must not know which engine makes them."""

import base64
from contextlib import aclosing
from typing import Any, Final, Literal

import numpy as np
from fastapi import APIRouter, Request, Response
from numpy.typing import NDArray
from starlette.responses import JSONResponse

from smartlite.api.flat import flat
from smartlite.api.json_body import read_json
from smartlite.api.observation import observe
from smartlite.api.openapi import COMMON_ERRORS, error_responses, json_request_body
from smartlite.api.permissions import check_model, needs
from smartlite.api.schemas.embeddings import EmbeddingList, EmbeddingObject, EmbeddingRequest
from smartlite.api.services import ServicesDep
from smartlite.api.spending import spending_of
from smartlite.api.streaming import stopped_when_client_leaves
from smartlite.auth.scopes import Scope
from smartlite.domain.embedding import Embedding, EmbedRequest
from smartlite.domain.estimates import CHARACTERS_PER_TOKEN
from smartlite.domain.stages import EmbeddingStage
from smartlite.domain.usage import ModelUsage
from smartlite.errors import EngineFailed, TextTooLong, Unavailable, UnsupportedParameter

router = APIRouter(tags=["Embeddings"], dependencies=[needs(Scope.LLM_EMBED, is_reserving=True)])

_EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "two": {
        "summary": "The vectors of two texts",
        "value": {"model": "text-embedding-3-small", "input": ["A voice.", "Someone speaks."]},
    },
}


@router.post(
    "/embeddings",
    summary="Make vectors of texts",
    response_model=EmbeddingList,
    responses=error_responses(*COMMON_ERRORS),
    openapi_extra=json_request_body(EmbeddingRequest, _EXAMPLES),
)
@flat
async def create_embeddings(request: Request, services: ServicesDep) -> Response:
    """A vector of length 1 for every text: texts that mean alike have vectors that point alike."""
    body = await read_json(request, EmbeddingRequest)
    model = services.models.resolve(body.model, "embedding")
    check_model(request, Scope.LLM_EMBED, model.id)
    texts = (body.input,) if isinstance(body.input, str) else tuple(body.input)
    limit = services.settings.max_embedding_characters
    if (count := sum(map(len, texts))) > limit:
        raise TextTooLong(f"'input' has {count} characters; one request may have {limit}.", "input")
    if services.embedding is None:
        raise Unavailable(f"The model '{model.id}' has no stage that serves it.")
    spending = spending_of(request)
    await spending.reserve(ModelUsage(model.id, prompt_tokens=count / CHARACTERS_PER_TOKEN))
    observation = observe(request)
    began_s = observation.elapsed_s
    async with stopped_when_client_leaves(request.scope, request.receive):
        answer = await _answer(services.embedding, EmbedRequest(model.id, texts), body)
    spending.use(ModelUsage(model.id, prompt_tokens=answer["usage"]["total_tokens"]))
    observation.record("embedding", observation.elapsed_s - began_s)
    return JSONResponse(answer)


async def _answer(stage: EmbeddingStage, asked: EmbedRequest, body: EmbeddingRequest) -> EmbeddingList:
    data: list[EmbeddingObject] = []
    async with aclosing(stage.embed(asked)) as events:
        async for event in events:
            if isinstance(event, Embedding):
                _check_dimensions(body.dimensions, len(event.vector), asked.model)
                vector = _encoded(event.vector, body.encoding_format or "float")
                data.append({"object": "embedding", "index": event.index, "embedding": vector})
            elif len(data) == len(asked.texts):
                tokens = event.usage.prompt_tokens
                return {
                    "object": "list",
                    "data": data,
                    "model": body.model,
                    "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
                }
    raise EngineFailed(f"The embedding stage ended after {len(data)} of {len(asked.texts)} vectors.")


def _check_dimensions(asked: int | None, own: int, model: str) -> None:
    if asked not in {None, own}:
        raise UnsupportedParameter(
            f"Unsupported value: 'dimensions' must be {own} or absent: so many have the vectors of '{model}'.",
            "dimensions",
        )


def _encoded(vector: NDArray[np.float32], form: Literal["float", "base64"]) -> list[float] | str:
    if form == "base64":
        return base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii")
    floats: list[float] = vector.tolist()
    return floats
