"""What ``smartlite doctor`` says of GPU shares: from the configuration, and from the word of a cluster that runs."""

from typing import Any

import httpx
import pytest

from smartlite.cli.checks.finding import Finding
from smartlite.cli.checks.placement import Ask, check_gpu_shares, check_waiting, gpu_asks
from smartlite.config import Settings

SHARED = (Ask("asr", 0.25), Ask("tts", 0.25), Ask("llm", 0.5))


def shares(*asks: Ask, gpus: float = 1) -> list[Finding]:
    return list(check_gpu_shares(asks, gpus))


def test_three_share_one_gpu() -> None:
    (finding,) = shares(*SHARED)
    assert finding.state == "ok"
    assert finding.message == "asr 0.25, tts 0.25, llm 0.5 share 1 GPU; none is free"


def test_a_fourth_waits_and_is_told_why() -> None:
    (finding,) = shares(*SHARED, Ask("more", 0.25))
    assert (finding.name, finding.state) == ("more", "problem")
    assert "wants 0.25 GPU; of 1 GPU none is free once the others have theirs (asr 0.25, tts 0.25, llm 0.5)" in (
        finding.message
    )
    assert "num_gpus" in finding.mend


def test_a_share_is_of_one_gpu_and_not_spread_over_two() -> None:
    (finding,) = shares(Ask("a", 0.6), Ask("b", 0.6), Ask("c", 0.6), gpus=2)
    assert (finding.name, finding.state) == ("c", "problem")
    assert "0.4 and 0.4 are free" in finding.message


@pytest.mark.parametrize(("gpus", "state"), [(1, "problem"), (2, "ok"), (3, "ok")])
def test_more_than_one_gpu_is_asked_for_whole(gpus: float, state: str) -> None:
    assert [finding.state for finding in shares(Ask("large", 2), gpus=gpus)] == [state]


def test_tenths_add_up_to_a_whole() -> None:
    assert shares(*[Ask("a", 0.1)] * 10)[0].state == "ok"


def test_a_machine_without_a_gpu_is_told_once() -> None:
    (finding,) = shares(*SHARED, gpus=0)
    assert finding.state == "problem"
    assert "serve_config.yaml" in finding.mend


def test_a_configuration_without_shares_says_nothing() -> None:
    assert shares() == []


def test_every_replica_of_a_configuration_asks() -> None:
    document = {
        "applications": [
            {
                "deployments": [
                    {"name": "ingress", "num_replicas": 2, "ray_actor_options": {"num_cpus": 0.1}},
                    {"name": "asr", "num_replicas": 2, "ray_actor_options": {"num_gpus": 0.25}},
                    {
                        "name": "llm",
                        "autoscaling_config": {"min_replicas": 1, "max_replicas": 4},
                        "ray_actor_options": {"num_gpus": 0.5},
                    },
                    {"name": "tts"},
                ]
            }
        ]
    }
    assert gpu_asks(document) == (Ask("asr", 0.25), Ask("asr", 0.25), Ask("llm", 0.5))


def deployment(replicas: list[dict[str, Any]], **options: float) -> dict[str, Any]:
    return {"deployment_config": {"ray_actor_options": options}, "replicas": replicas}


PLACED = {"state": "RUNNING", "node_id": "n1"}
UNPLACED = {"state": "STARTING", "node_id": None}


def waiting(deployments: dict[str, Any], **resources: float) -> list[Finding]:
    """What is said of a cluster of one node."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/serve/applications/":
            return httpx.Response(200, json={"applications": {"smartlite": {"deployments": deployments}}})
        node = {"node_id": "n1", "state": "ALIVE", "resources_total": resources}
        return httpx.Response(200, json={"data": {"result": {"result": [node]}}})

    return list(check_waiting(Settings(), httpx.MockTransport(answer)))


def test_a_replica_without_a_place_is_told_with_what_lacks_and_who_has_it() -> None:
    (finding,) = waiting(
        {
            "asr": deployment([PLACED], num_cpus=0.1, num_gpus=0.5),
            "llm": deployment([PLACED], num_cpus=0.1, num_gpus=0.5),
            "more": deployment([UNPLACED], num_cpus=0.1, num_gpus=0.25),
        },
        CPU=2.0,
        GPU=1.0,
    )
    assert (finding.name, finding.state) == ("more", "problem")
    assert finding.message == (
        "1 replica without a place: each wants 0.25 GPU, there is 1 and 0 is free (asr 0.5, llm 0.5)"
    )
    assert "num_gpus" in finding.mend


def test_processors_may_lack_too() -> None:
    (finding,) = waiting({"asr": deployment([UNPLACED, UNPLACED], num_cpus=4)}, CPU=2.0)
    assert finding.message == "2 replicas without a place: each wants 4 CPU, there is 2 and 2 is free (nobody)"
    assert "num_cpus" in finding.mend


def test_a_replica_that_is_only_starting_is_no_problem() -> None:
    starting = {"state": "STARTING", "node_id": "n1"}
    assert waiting({"asr": deployment([starting], num_cpus=1)}, CPU=1.0) == []
    assert [finding.state for finding in waiting({"asr": deployment([UNPLACED], num_cpus=1)}, CPU=1.0)] == ["warning"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"applications": null}', b"<html>"])
def test_what_is_no_dashboard_is_passed_over(body: bytes) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=body))
    assert list(check_waiting(Settings(), transport)) == []


def test_a_cluster_that_does_not_answer_is_passed_over() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    assert list(check_waiting(Settings(), httpx.MockTransport(refuse))) == []
