"""Embeddings through the official client and by hand: both encodings, what is refused, the work that stops."""

import base64
import dataclasses
from collections.abc import AsyncIterator
from typing import Any

import httpx
import httpx2
import numpy as np
import openai
import pytest
from fastapi import FastAPI
from openai import AsyncOpenAI

from smartlite.api.app import create_app
from smartlite.api.services import Services
from smartlite.domain.embedding import Embedding, EmbeddingFinished, EmbedRequest
from smartlite.domain.models import ModelDirectory, ServedModel
from smartlite.domain.usage import TokenUsage
from smartlite.errors import ContextLengthExceeded, ReplicaLost
from tests.api.scripted import Connection, ScriptedEmbedding

PATH = "/v1/embeddings"
MODEL = ServedModel("fake-embedding", "embedding", "fake", 1_767_225_603, "smartlite", ("text-embedding-3-small",))
VECTORS = (np.array([0.6, 0.8], np.float32), np.array([-1.0, 0.1234567], np.float32))
DONE = EmbeddingFinished(TokenUsage(5, 0))


def script() -> ScriptedEmbedding:
    return ScriptedEmbedding(*(Embedding(index, vector) for index, vector in enumerate(VECTORS)), DONE)


def app_of(services: Services, stage: ScriptedEmbedding | None, **settings: Any) -> FastAPI:
    return create_app(
        dataclasses.replace(
            services,
            models=ModelDirectory((*services.models.models, MODEL)),
            embedding=stage,
            settings=services.settings.model_copy(update=settings),
        )
    )


def client_of(services: Services, stage: ScriptedEmbedding | None, **settings: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app_of(services, stage, **settings))
    return httpx.AsyncClient(transport=transport, base_url="http://gateway")


@pytest.fixture
async def official(services: Services) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(
        base_url="http://gateway/v1",
        api_key="unused",
        max_retries=0,
        http_client=httpx2.AsyncClient(transport=httpx2.ASGITransport(app_of(services, script()))),
    ) as client:
        yield client


@pytest.mark.parametrize("encoding", [{}, {"encoding_format": "float"}])
async def test_the_official_client_reads_both_encodings(official: AsyncOpenAI, encoding: Any) -> None:
    # Strict where it can be: its own type of a vector has no room for the base64 that it asks for by default.
    client = official.with_options(_extra_kwargs={"_strict_response_validation": bool(encoding)})
    answer = await client.embeddings.create(model="text-embedding-3-small", input=["a", "b"], **encoding)
    assert [item.index for item in answer.data] == [0, 1]
    for item, vector in zip(answer.data, VECTORS, strict=True):
        assert np.array_equal(np.array(item.embedding, np.float32), vector)
    assert answer.model == "text-embedding-3-small"
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (5, 5)


async def test_base64_is_little_endian_32_bit(services: Services) -> None:
    async with client_of(services, script()) as client:
        body = {"model": "fake-embedding", "input": ["a", "b"], "encoding_format": "base64"}
        data = (await client.post(PATH, json=body)).json()["data"]
    decoded = [np.frombuffer(base64.b64decode(item["embedding"]), "<f4") for item in data]
    assert all(np.array_equal(got, vector) for got, vector in zip(decoded, VECTORS, strict=True))


async def test_the_stage_gets_the_model_and_the_texts(services: Services) -> None:
    stage = ScriptedEmbedding(Embedding(0, VECTORS[0]), DONE)
    async with client_of(services, stage) as client:
        body = {"model": "text-embedding-3-small", "input": "one text", "dimensions": 2, "user": "u", "extra": 1}
        answer = await client.post(PATH, json=body)
    assert stage.asked == [EmbedRequest("fake-embedding", ("one text",))]
    assert answer.json()["object"] == "list"
    assert len(answer.json()["data"][0]["embedding"]) == 2
    assert "embedding;dur=" in answer.headers["server-timing"]


INVALID = [
    ({"input": None}, "invalid_type", "input"),
    ({"input": ""}, "invalid_value", "input"),
    ({"input": []}, "invalid_value", "input"),
    ({"input": ["a", ""]}, "invalid_value", "input[1]"),
    ({"input": ["a", 3]}, "invalid_type", "input[1]"),
    ({"input": [1, 2, 3]}, "invalid_value", "input"),
    ({"input": [[1, 2], [3]]}, "invalid_value", "input"),
    ({"input": {"text": "a"}}, "invalid_type", "input"),
    ({"input": ["a"] * 2049}, "invalid_value", "input"),
    ({"encoding_format": "int8"}, "invalid_value", "encoding_format"),
    ({"dimensions": 0}, "invalid_value", "dimensions"),
    ({"dimensions": "2"}, "invalid_type", "dimensions"),
    ({"dimensions": 3}, "unsupported_parameter", "dimensions"),
    ({"model": 1}, "invalid_type", "model"),
]


@pytest.mark.parametrize(("fields", "code", "param"), INVALID)
async def test_a_wrong_field_is_named(services: Services, fields: dict[str, object], code: str, param: str) -> None:
    async with client_of(services, script()) as client:
        answer = await client.post(PATH, json={"model": "fake-embedding", "input": ["a", "b"]} | fields)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, code, param)
    assert f"'{param}'" in error["message"]


async def test_arrays_of_tokens_are_told_to_be_text(services: Services) -> None:
    async with client_of(services, script()) as client:
        answer = await client.post(PATH, json={"model": "fake-embedding", "input": [[1, 2]]})
    assert "send text" in answer.json()["error"]["message"]


async def test_dimensions_that_are_not_the_models_own_are_told_which_are(services: Services) -> None:
    stage = script()
    async with client_of(services, stage) as client:
        answer = await client.post(PATH, json={"model": "fake-embedding", "input": ["a", "b"], "dimensions": 256})
    assert "must be 2" in answer.json()["error"]["message"]
    assert stage.closed.is_set()


async def test_more_characters_than_the_operator_allows_are_refused(services: Services) -> None:
    async with client_of(services, script(), max_embedding_characters=5) as client:
        answer = await client.post(PATH, json={"model": "fake-embedding", "input": ["abc", "def"]})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "string_above_max_length"


async def test_a_model_of_another_task_is_not_found(official: AsyncOpenAI, client: httpx.AsyncClient) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        await official.embeddings.create(model="gpt-4o-mini", input="a")
    assert missing.value.code == "model_not_found"
    answer = await client.post(PATH, json={"model": "text-embedding-9", "input": "a"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
    assert "Served: fake-embedding, text-embedding-3-small" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("error", "status"), [(ContextLengthExceeded("Too long.", "input"), 400), (ReplicaLost("Gone."), 503)]
)
async def test_an_error_of_the_stage_keeps_its_status(services: Services, error: Exception, status: int) -> None:
    async with client_of(services, ScriptedEmbedding(Embedding(0, VECTORS[0]), error=error)) as client:
        answer = await client.post(PATH, json={"model": "fake-embedding", "input": ["a", "b"]})
    assert answer.status_code == status


@pytest.mark.parametrize("events", [(), (Embedding(0, VECTORS[0]),), (Embedding(0, VECTORS[0]), DONE)])
async def test_a_vector_that_is_missing_is_an_error(services: Services, events: Any) -> None:
    async with client_of(services, ScriptedEmbedding(*events)) as client:
        answer = await client.post(PATH, json={"model": "fake-embedding", "input": ["a", "b"]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "engine_failed")


async def test_a_client_that_hangs_up_stops_the_work(services: Services) -> None:
    stage = ScriptedEmbedding(waits=True)
    body = {"model": "fake-embedding", "input": "a"}
    connection = Connection(httpx.Request("POST", f"http://gateway{PATH}", json=body), stage.working)
    await connection.run(app_of(services, stage))
    assert stage.closed.is_set()
    assert connection.statuses == [499]
