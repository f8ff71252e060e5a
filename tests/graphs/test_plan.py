"""Which deployment runs which models: from arguments, catalog and registry, with everything wrong named."""

from typing import Any

import pytest
from pydantic import ValidationError

from graphs.args import PlatformArgs
from graphs.plan import Plan, make_plan
from smartlite.domain.models import resolve_voice
from smartlite.errors import ConfigurationError
from smartlite.models.catalog import Catalog
from smartlite.models.catalog_file import load_catalog

CATALOG = load_catalog()
UPSTREAM = {"engine": "openai_upstream", "options": {"base_url": "http://127.0.0.1:1/v1", "api_key_env": ""}}


def plan(catalog: Catalog = CATALOG, **stages: Any) -> Plan:
    """A plan whose stages are fake but for those that are named: ``plan(tts=[{...}], llm=[{...}])``."""
    fakes = {
        "asr": [{"model": "mine-asr", "engine": "fake"}],
        "llm": [{"model": "mine-llm", "engine": "fake"}],
        "tts": [{"model": "mine-tts", "engine": "fake", "voices": [{"id": "fake", "name": "Fake", "language": "en"}]}],
    }
    args = {
        task: models if isinstance(models, dict) else {"models": models} for task, models in (fakes | stages).items()
    }
    return make_plan(PlatformArgs.model_validate(args), catalog)


def test_every_stage_has_a_deployment_of_its_own_name() -> None:
    assert {each.name: [model.entry.id for model in each.models] for each in plan().deployments} == {
        "asr": ["mine-asr"],
        "llm": ["mine-llm"],
        "tts": ["mine-tts"],
    }


def test_a_model_may_have_a_deployment_of_its_own() -> None:
    planned = plan(asr=[{"model": "whisper-base"}, {"model": "whisper-tiny.en", "deployment": "asr-english"}])
    assert [each.name for each in planned.deployments] == ["asr", "asr-english", "llm", "tts"]
    assert planned.directory().find("whisper-tiny.en").deployment == "asr-english"


def test_only_models_that_start_with_their_replica_are_fetched_before_it() -> None:
    planned = plan(asr=[{"model": "whisper-base"}, {"model": "whisper-tiny.en", "load": "on_demand"}])
    assert [entry.id for entry in planned.to_fetch()] == ["whisper-base"]
    assert planned.directory().find("whisper-tiny.en").load == "on_demand"


def test_a_language_model_says_how_much_one_request_may_have() -> None:
    small = {"model": "smollm2-135m-instruct", "options": {"context_tokens": 4096, "parallel": 2}}
    directory = plan(llm=[small, {"model": "far", **UPSTREAM}]).directory()
    assert [directory.find(name).context_tokens for name in ("smollm2-135m-instruct", "far")] == [2048, None]
    assert directory.find("mine-asr").context_tokens is None


def test_a_deployment_keeps_as_many_models_on_demand_as_its_stages_say() -> None:
    tts = [{"model": f"t{n}", **UPSTREAM, "load": "on_demand", "voices": [_VOICE]} for n in range(3)]
    planned = plan(tts={"models": tts, "max_loaded": 1})
    assert {each.name: each.max_loaded for each in planned.deployments} == {"asr": 0, "llm": 0, "tts": 1}


_VOICE = {"id": "alloy", "name": "Alloy", "language": "en", "languages": ["en", "de"], "aliases": ["nova"]}


def test_a_model_behind_an_engine_without_files_is_written_inline() -> None:
    described = {"model": "my-voice", **UPSTREAM, "aliases": ["spoken"], "languages": ["en", "de"], "voices": [_VOICE]}
    model = plan(tts=[described]).directory().resolve("spoken", "tts")
    assert (model.id, model.engine, model.languages) == ("my-voice", "openai_upstream", ("en", "de"))
    assert resolve_voice(model, "nova").languages == ("en", "de")


def test_a_model_that_can_tell_its_voices_needs_none_in_the_configuration() -> None:
    named = {"model": "vctk", "engine": "coqui", "options": {"model_name": "tts_models/en/vctk/vits"}}
    assert [model.id for model in plan(tts=[{"model": "mine", **UPSTREAM}, named]).directory().untold] == [
        "mine",
        "vctk",
    ]


def test_a_name_that_is_an_alias_in_the_catalog_may_be_a_model_of_an_upstream() -> None:
    planned = plan(asr=[{"model": "whisper-1", **UPSTREAM}])
    assert planned.models[0].entry.id == "whisper-1"
    assert planned.to_fetch() == ()


def test_a_model_of_the_catalog_that_an_upstream_runs_needs_no_files() -> None:
    planned = plan(asr=[{"model": "whisper-base", **UPSTREAM}])
    assert planned.to_fetch() == ()
    assert "de" in planned.directory().find("whisper-base").languages


def test_aliases_may_be_added_to_a_model_of_the_catalog() -> None:
    served = plan(asr=[{"model": "whisper-tiny.en", "aliases": ["quick"]}, {"model": "whisper-base"}]).directory()
    assert served.find("quick").id == "whisper-tiny.en"
    assert served.find("whisper-1").id == "whisper-base"


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ({"asr": [{"model": "nothing"}]}, "The catalog has no model 'nothing'"),
        ({"asr": [{"model": "nothing", "engine": "faster_whisper"}]}, "The catalog has no model 'nothing'"),
        ({"asr": [{"model": "nothing", "engine": "openai_upstrem"}]}, "Did you mean 'openai_upstream'?"),
        ({"asr": [{"model": "mine", "engine": "openai_upstream"}]}, "'base_url'"),
        ({"tts": [{"model": "mine", "engine": "espeak"}]}, "a tts model of the engine 'espeak' needs voices"),
        ({"tts": [{"model": "mine", **UPSTREAM, "load": "on_demand"}]}, "list them, or load it at the start"),
        ({"asr": [{"model": "mine", **UPSTREAM, "voices": [_VOICE]}]}, "only a tts model has voices"),
        ({"asr": [{"model": "mine/asr", **UPSTREAM}]}, "asr.models[0]: 'id'"),
        ({"llm": [{"model": "mine", **UPSTREAM, "deployment": "asr"}]}, "would run models of asr and llm"),
        ({"llm": [{"model": "mine", **UPSTREAM, "deployment": "ingress"}]}, "'ingress' runs no model"),
        ({"asr": [{"model": "whisper-base", "languages": ["en"]}]}, "'asr.models[0].languages': the catalog has"),
    ],
)
def test_what_cannot_be_served_is_refused_with_the_reason(stages: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        plan(**stages)
    assert message in caught.value.message


@pytest.mark.parametrize("wrong", [{"load": "lazily"}, {"deployment": "My Own"}, {"deployment": ""}, {"alias": ["x"]}])
def test_a_value_that_is_not_allowed_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        plan(asr=[{"model": "whisper-base", **wrong}])
