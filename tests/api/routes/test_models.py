"""The list of models through the official client, and names that do not exist."""

import httpx
import openai
import pytest
from openai import AsyncOpenAI


async def test_ids_and_aliases_are_listed(openai_client: AsyncOpenAI) -> None:
    models = {model.id: model async for model in openai_client.models.list()}
    assert {"fake-asr", "fake-llm", "fake-tts", "whisper-1", "tts-1", "tts-1-hd", "gpt-4o-mini"} <= set(models)
    assert models["whisper-1"].object == "model"
    assert models["whisper-1"].created == 1_767_225_600
    assert models["whisper-1"].owned_by == "smartlite"


async def test_what_is_known_here_is_told_besides(client: httpx.AsyncClient) -> None:
    model = (await client.get("/v1/models/tts-1")).json()
    assert model["root"] == "fake-tts"
    assert (model["task"], model["engine"], model["languages"]) == ("tts", "fake", ["en"])
    assert model["voices"] == [{"id": "fake", "name": "A sine tone", "language": "en-US", "aliases": ["alloy", "nova"]}]


@pytest.mark.parametrize("name", ["fake-llm", "gpt-4o-mini", "fake/llm"])
async def test_a_model_is_retrieved_by_id_and_by_alias_with_a_slash(openai_client: AsyncOpenAI, name: str) -> None:
    assert (await openai_client.models.retrieve(name)).id == name


@pytest.mark.parametrize("name", ["nothing", "a/b/c", "%00", "%ff", "..%2f..%2fetc", "x" * 10_000, "%ed%a0%80", ""])
async def test_an_unknown_name_is_a_404_that_does_not_repeat_it_at_length(client: httpx.AsyncClient, name: str) -> None:
    answer = await client.get(f"/v1/models/{name}")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "model_not_found"
    assert len(answer.text) < 500


async def test_the_official_client_raises_not_found(openai_client: AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as error:
        await openai_client.models.retrieve("nothing")
    assert error.value.param == "model"


async def test_models_cannot_be_deleted(client: httpx.AsyncClient) -> None:
    answer = await client.delete("/v1/models/whisper-1")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET"
    assert answer.json()["error"]["code"] == "method_not_allowed"
