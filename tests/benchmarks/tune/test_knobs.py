"""Numbers by their path in a configuration."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.tune.knobs import Knob, default_knobs, describe, value_at, with_setting
from benchmarks.tune.report import write_tuning
from benchmarks.tune.search import Trial, Tuned
from graphs.config import read_serve_config
from smartlite.config import load_settings
from smartlite.errors import InvalidRequest
from smartlite.models.catalog_file import load_catalog

CONFIG = Path(__file__).parents[3] / "serve_config.yaml"
THREADS = "args.llm.models.0.options.threads"


@pytest.fixture
def document() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    return read


def test_a_knob_is_written_as_its_path_and_values() -> None:
    assert Knob.read(f"{THREADS}=1,2") == Knob(THREADS, (1, 2))


@pytest.mark.parametrize("text", ["threads", "=1", "a=", "a=[1]", "a=" + ",".join("1" * 17)])
def test_a_knob_that_is_written_otherwise_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        Knob.read(text)


def test_a_value_is_changed_in_a_copy(document: dict[str, Any]) -> None:
    changed = with_setting(document, ((THREADS, 7),))

    assert value_at(changed, THREADS) == 7
    assert value_at(document, THREADS) == 1


def test_an_entry_of_a_list_is_found_by_its_name(document: dict[str, Any]) -> None:
    assert value_at(document, "deployments.ingress.num_replicas") == 2


def test_a_fixed_number_of_replicas_takes_the_place_of_autoscaling(document: dict[str, Any]) -> None:
    changed = with_setting(document, (("deployments.asr.num_replicas", 3),))

    asr = next(entry for entry in changed["applications"][0]["deployments"] if entry["name"] == "asr")
    assert asr["num_replicas"] == 3
    assert "autoscaling_config" not in asr


@pytest.mark.parametrize("path", ["args.asr.models.9.model", "deployments.nobody.num_replicas", "args.llm.frame_s.x"])
def test_a_path_that_leads_nowhere_is_refused(document: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidRequest, match=r"there is no|leads to no"):
        with_setting(document, ((path, 1),))


@pytest.mark.parametrize("what", ["gateway", "asr", "tts", "llm"])
def test_every_default_knob_gives_a_configuration_that_serve_accepts(
    document: dict[str, Any], what: str, tmp_path: Path
) -> None:
    catalog = load_catalog(load_settings().catalog)
    for knob in default_knobs(what, cores=8):
        for value in knob.values:
            path = tmp_path / "serve_config.yaml"
            path.write_text(yaml.safe_dump(with_setting(document, ((knob.path, value),))), encoding="utf-8")
            assert read_serve_config(path, catalog)


def test_what_is_recommended_is_written_with_table_plot_and_trials(document: dict[str, Any], tmp_path: Path) -> None:
    given = Trial((), 10.0, 50.0, 1.0, 0.3)
    better = Trial(((THREADS, 2),), 20.0, 30.0, 1.0, 0.2)
    broken = Trial(((THREADS, 64),), 0.0, 0.0, 0.0, 0.0, "did not start")

    write_tuning(tmp_path, Tuned("throughput", (given, better, broken), better), document, "- Machine: a", "llm")

    written = yaml.safe_load((tmp_path / "serve_config.yaml").read_text(encoding="utf-8"))
    assert value_at(written, THREADS) == 2
    text = (tmp_path / "results.md").read_text(encoding="utf-8")
    assert "**llm.threads=2**" in text
    assert "2.00 times as good" in text
    assert "did not start" in text
    assert (tmp_path / "trade-off.png").read_bytes().startswith(b"\x89PNG")


def test_the_given_configuration_has_a_name() -> None:
    assert describe(()) == "as configured"
