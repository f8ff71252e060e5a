"""serve_config.yaml is read strictly, and the files that ship are right."""

from pathlib import Path

import pytest
import yaml

from graphs.config import platform_args, platform_plan, read_serve_config
from graphs.scaling import check_scaling
from smartlite.config import Settings
from smartlite.domain.models import ModelTask
from smartlite.errors import ConfigurationError
from smartlite.models.catalog_file import load_catalog

ROOT = Path(__file__).parents[2]
CATALOG = load_catalog()
NAMES: dict[ModelTask, tuple[str, ...]] = {
    "asr": ("whisper-1", "whisper-base", "whisper-tiny.en"),
    "llm": ("smollm2-135m-instruct",),
    "tts": ("tts-1", "en_US-joe-medium", "tts-1-hd", "gpt-4o-mini-tts", "kokoro-82m", "espeak-ng"),
}


def changed(tmp_path: Path, old: str, new: str) -> Path:
    text = (ROOT / "serve_config.yaml").read_text()
    assert old in text
    path = tmp_path / "serve_config.yaml"
    path.write_text(text.replace(old, new, 1))
    return path


@pytest.mark.parametrize("path", sorted(ROOT.glob("serve_config*.yaml")), ids=lambda path: path.name)
def test_the_configurations_that_ship_are_right_and_serve_the_same_names(path: Path) -> None:
    plan = platform_plan(read_serve_config(path, CATALOG), CATALOG)
    assert plan is not None
    models = plan.directory()
    for task, names in NAMES.items():
        for name in names:
            assert models.resolve(name, task).task == task
        assert models.default(task) == models.resolve(names[0], task)


def test_no_model_that_is_loaded_on_demand_is_a_default() -> None:
    for path in ROOT.glob("serve_config*.yaml"):
        args = platform_args(read_serve_config(path, CATALOG))
        assert args is not None
        assert {stage.models[0].load for stage in (args.asr, args.llm, args.tts)} == {"startup"}


@pytest.mark.parametrize("path", sorted(ROOT.glob("serve_config*.yaml")), ids=lambda path: path.name)
def test_long_texts_are_shared_by_the_tts_replicas_that_there_are(path: Path) -> None:
    args = platform_args(read_serve_config(path, CATALOG))
    assert args is not None
    assert args.tts.sentences_ahead == 2


def test_no_default_model_sleeps_and_none_whose_voices_only_itself_can_tell() -> None:
    document = read_serve_config(ROOT / "serve_config.cluster.yaml", CATALOG)
    check_scaling(document, Settings())
    sleeping = {
        deployment["name"]
        for deployment in document["applications"][0]["deployments"]
        if deployment.get("autoscaling_config", {}).get("min_replicas") == 0
    }
    plan = platform_plan(document, CATALOG)
    assert plan is not None
    models = plan.directory()
    always = [*(models.default(task) for task in NAMES), *models.untold]
    assert sleeping == {"asr-english", "tts-languages"}
    assert not sleeping & {model.deployment for model in always}


def test_the_gpu_profile_shares_one_gpu_in_fractions() -> None:
    document = yaml.safe_load((ROOT / "serve_config.gpu.yaml").read_text())
    gpus = {d["name"]: d["ray_actor_options"].get("num_gpus", 0) for d in document["applications"][0]["deployments"]}
    assert gpus == {"ingress": 0, "pipeline": 0, "asr": 0.25, "tts": 0.25, "llm": 0.5}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("proxy_location:", "proxy_locatoin:", "unknown key 'proxy_locatoin'. Did you mean 'proxy_location'?"),
        (
            "max_ongoing_requests: 256",
            "max_ongoing_request: 256",
            "'applications[0].deployments[0].max_ongoing_request'. Did you mean 'max_ongoing_requests'?",
        ),
        ("{num_cpus: 0.1}", "{num_cpu: 0.1}", "ray_actor_options.num_cpu'. Did you mean 'num_cpus'?"),
        ("max_replicas: 1", "max_replica: 1", "autoscaling_config.max_replica'. Did you mean 'max_replicas'?"),
        ("frame_s: 0.03", "frames: 0.03", "unknown key 'llm.frames'. Did you mean 'frame_s'?"),
        ("frame_s: 0.03", "frame_s: -1", "'llm.frame_s': Input should be greater than or equal to 0"),
        ("- model: whisper-base", "- model: whisper-bse", "Did you mean 'whisper-base'?"),
        ("{threads: 1, parallel: 8", "{threads: 1, paralel: 8", "Did you mean 'parallel'?"),
        ("- model: en_US-joe-medium", "- model: whisper-base", "does asr, not tts"),
        ("- name: tts", "- name: ttss", "there is no deployment 'ttss'. Did you mean 'tts'?"),
        (
            "- model: whisper-tiny.en",
            "- deployment: asr-english\n            model: whisper-tiny.en",
            "the deployment 'asr-english', which has no entry under applications[0].deployments",
        ),
        ("- model: whisper-tiny.en", "- load: lazily\n            model: whisper-tiny.en", "'startup' or 'on_demand'"),
        ("- name: smartlite", "- nam: smartlite", "unknown key 'applications[0].nam'. Did you mean 'name'?"),
        ("proxy_location: HeadOnly", "proxy_location: [", "not YAML"),
        ("num_replicas: 2 ", "num_replicas: two ", "num_replicas"),
    ],
)
def test_a_wrong_key_or_value_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_serve_config(changed(tmp_path, old, new), CATALOG)
    assert message in caught.value.message


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.yaml: cannot be read"):
        read_serve_config(tmp_path / "nowhere.yaml", CATALOG)
