"""What the controller tells of a deployment, and how often it is asked."""

from dataclasses import replace
from typing import Any

import pytest
from ray.exceptions import RaySystemError

from deployments import presence
from deployments.presence import Presence, describe
from smartlite.domain.stages import StageState, StageStatus

ASLEEP = StageStatus("asr", "asleep", "", 0, 0, may_sleep=True)
AWAKE = StageStatus("llm", "ready", "", 1, 1)


def deployment(*replicas: str, least: int | None = None, status: str = "HEALTHY", message: str = "") -> dict[str, Any]:
    """As ``get_serve_details`` has it; ``least`` replicas where it is scaled automatically."""
    return {
        "status": status,
        "message": message,
        "replicas": [{"state": state} for state in replicas],
        "deployment_config": {"autoscaling_config": None if least is None else {"min_replicas": least}},
    }


@pytest.mark.parametrize(
    ("told", "state"),
    [
        (deployment("RUNNING"), "ready"),
        (deployment("RUNNING", "STARTING", least=0), "ready"),
        (deployment("STARTING"), "starting"),
        (deployment("STARTING", least=1), "starting"),
        (deployment(least=0), "asleep"),
        (deployment("STOPPING", least=0), "asleep"),
        (deployment("STARTING", least=0), "waking"),
        (deployment("STARTING", least=0, status="UNHEALTHY"), "unhealthy"),
        (deployment(status="DEPLOY_FAILED"), "unhealthy"),
    ],
)
def test_a_deployment_is_as_its_replicas_are(told: dict[str, Any], state: str) -> None:
    assert describe("asr", told).state == state


def test_of_what_serve_says_of_a_deployment_only_the_first_line_is_told() -> None:
    told = describe("asr", deployment("STARTING", least=0, message="Upscaling from 0 to 1.\nTraceback"))
    assert told == StageStatus("asr", "waking", "Upscaling from 0 to 1.", 0, 1, may_sleep=True)


class Controller:
    """What it answers, and how often it was asked."""

    def __init__(self, *stages: StageStatus) -> None:
        self.stages = stages
        self.asked = 0
        self.error: Exception | None = None

    def read(self, _application: str) -> tuple[StageStatus, ...]:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return self.stages


def open_presence(controller: Controller, monkeypatch: pytest.MonkeyPatch) -> Presence:
    monkeypatch.setattr(presence, "read_stages", controller.read)
    monkeypatch.setattr(presence, "_AGE_S", -1.0)
    return Presence("smartlite")


async def test_one_deployment_that_sleeps_is_found_among_others(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = open_presence(Controller(ASLEEP, AWAKE), monkeypatch)
    assert (await asked.is_waking("asr"), await asked.is_waking("llm")) == (True, False)


@pytest.mark.parametrize(("state", "wakes"), [("asleep", False), ("waking", True)])
async def test_one_that_goes_on_sleeping_is_no_reason_to_wait_for_another(
    monkeypatch: pytest.MonkeyPatch, state: StageState, wakes: bool
) -> None:
    asked = open_presence(Controller(replace(ASLEEP, state=state), AWAKE), monkeypatch)
    assert await asked.is_waking() is wakes


async def test_where_nobody_may_sleep_the_controller_is_hardly_ever_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    controller = Controller(AWAKE)
    asked = open_presence(controller, monkeypatch)
    for _ in range(5):
        assert not await asked.is_waking("llm")
    assert controller.asked == 1


async def test_while_the_controller_is_away_the_last_answer_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    controller = Controller(ASLEEP)
    asked = open_presence(controller, monkeypatch)
    await asked.stages()
    controller.error = RaySystemError("gone")
    assert await asked.stages() == (ASLEEP,)
