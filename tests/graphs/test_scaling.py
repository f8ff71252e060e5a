"""Numbers of replicas that cannot be are refused before anything starts."""

from typing import Any

import pytest

from graphs.scaling import check_scaling
from smartlite.config import Settings
from smartlite.errors import ConfigurationError

SETTINGS = Settings(replica_ports="30000-30003")


def document(name: str, **numbers: Any) -> dict[str, Any]:
    return {"applications": [{"name": "smartlite", "deployments": [{"name": "asr"}, {"name": name, **numbers}]}]}


@pytest.mark.parametrize("name", ["ingress", "pipeline"])
def test_what_no_request_could_wake_must_not_sleep(name: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"'{name}' must keep at least 1 replica") as caught:
        check_scaling(document(name, autoscaling_config={"min_replicas": 0, "max_replicas": 2}), SETTINGS)
    assert caught.value.param == "applications[0].deployments[1].autoscaling_config.min_replicas"


def test_what_runs_models_may_sleep() -> None:
    check_scaling(document("llm", autoscaling_config={"min_replicas": 0, "max_replicas": 200}), SETTINGS)


@pytest.mark.parametrize(
    "numbers",
    [
        {"num_replicas": 5},
        {"num_replicas": "auto"},
        {"autoscaling_config": {"min_replicas": 1, "max_replicas": 5}},
        {"num_replicas": "auto", "autoscaling_config": {"max_replicas": 5}},
    ],
)
def test_more_ingress_replicas_than_ports_are_refused(numbers: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"SMARTLITE_REPLICA_PORTS \(30000-30003\) has 4"):
        check_scaling(document("ingress", **numbers), SETTINGS)


@pytest.mark.parametrize("numbers", [{}, {"num_replicas": 4}, {"autoscaling_config": {"max_replicas": 4}}])
def test_as_many_ingress_replicas_as_ports_are_allowed(numbers: dict[str, Any]) -> None:
    check_scaling(document("ingress", **numbers), SETTINGS)


def test_behind_rays_own_proxy_ingress_replicas_need_no_ports() -> None:
    check_scaling(document("ingress", num_replicas=5), SETTINGS.model_copy(update={"edge": "ray-proxy"}))
