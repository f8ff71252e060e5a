"""The list of models through the official client, and names that do not exist."""

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import httpx
import openai
import pytest
from openai import AsyncOpenAI

from smartlite.api.app import create_app
from smartlite.api.services import Services
from smartlite.domain.models import ModelDirectory, ModelState
from tests.conftest import MODELS, FixedStatus


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
    assert model["aliases"] == ["tts-1", "tts-1-hd"]
    assert model["voices"] == [
        {
            "id": "fake",
            "name": "A sine tone",
            "language": "en-US",
            "languages": ["en-US"],
            "aliases": ["alloy", "nova"],
        }
    ]


class ChangingStatus(FixedStatus):
    """A StatusBoard whose models change."""

    states: ClassVar[dict[str, ModelState]] = {"fake-asr": "loaded", "fake-llm": "failed", "fake-tts": "available"}

    async def models(self) -> Mapping[str, ModelState]:
        return dict(self.states)


async def test_every_name_tells_the_state_of_its_model_as_it_changes(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create_app(replace(services, status=ChangingStatus()))

    async def states() -> dict[str, str]:
        listed = (await client.get("/v1/models")).json()["data"]
        return {model["id"]: model["state"] for model in listed if model["task"] in ("asr", "tts")}

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        asr = {"fake-asr": "loaded", "whisper-1": "loaded"}
        assert await states() == asr | dict.fromkeys(("fake-tts", "tts-1", "tts-1-hd"), "available")
        monkeypatch.setitem(ChangingStatus.states, "fake-tts", "loading")
        assert await states() == asr | dict.fromkeys(("fake-tts", "tts-1", "tts-1-hd"), "loading")
        assert (await client.get("/v1/models/gpt-4o-mini")).json()["state"] == "failed"


async def test_the_first_model_of_a_task_is_its_default(services: Services) -> None:
    second = replace(MODELS.models[0], id="second-asr", aliases=(), load="on_demand")
    app = create_app(replace(services, models=ModelDirectory((*MODELS.models, second))))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        listed = {model["id"]: model for model in (await client.get("/v1/models")).json()["data"]}
    assert (listed["fake-asr"]["default"], listed["fake-asr"]["load"]) == (True, "startup")
    assert (listed["second-asr"]["default"], listed["second-asr"]["load"]) == (False, "on_demand")


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
