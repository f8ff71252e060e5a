"""What Serve is told of a replica's models: the last that holds, in order, again after a while."""

import asyncio
import threading
from collections.abc import Sequence

import pytest
from ray.serve.exceptions import RayServeException

from deployments import model_report
from deployments.model_report import ModelReport, send
from tests.deployments.test_model_pool import until


class Controller:
    """What it was told; deliveries wait for the gate."""

    def __init__(self) -> None:
        self.told: list[list[str]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.is_away = False

    def deliver(self, models: Sequence[str]) -> None:
        assert self.gate.wait(10)
        if self.is_away:
            raise RayServeException("no controller")
        self.told.append(list(models))


@pytest.fixture
def controller() -> Controller:
    return Controller()


async def test_of_changes_during_a_delivery_the_last_is_delivered_last(controller: Controller) -> None:
    report = ModelReport(controller.deliver)
    controller.gate.clear()
    report.tell(["a"])
    await asyncio.sleep(0)
    for held in (["a", "b"], ["b"], ["c"]):
        report.tell(held)
    controller.gate.set()
    await until(lambda: controller.told[-1:] == [["c"]])
    report.tell(["c", "d"])
    await until(lambda: controller.told[-1] == ["c", "d"])
    assert len(controller.told) <= 3


async def test_what_was_told_long_ago_is_told_again(controller: Controller, monkeypatch: pytest.MonkeyPatch) -> None:
    report = ModelReport(controller.deliver)
    report.tell(["a"])
    await until(lambda: len(controller.told) == 1)
    await asyncio.sleep(0.01)  # the delivery has returned to this loop
    report.repeat()
    monkeypatch.setattr(model_report, "_AGAIN_S", -1.0)
    report.repeat()
    await until(lambda: len(controller.told) == 2)
    assert controller.told == [["a"], ["a"]]


async def test_a_replica_without_models_on_demand_tells_nothing(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_report, "_AGAIN_S", -1.0)
    ModelReport(controller.deliver).repeat()
    await asyncio.sleep(0.01)
    assert controller.told == []


async def test_a_controller_that_is_away_is_told_by_the_next_change(controller: Controller) -> None:
    report = ModelReport(controller.deliver)
    controller.is_away = True
    report.tell(["a"])
    await asyncio.sleep(0.05)
    controller.is_away = False
    report.tell(["b"])
    await until(lambda: len(controller.told) == 1)
    assert controller.told == [["b"]]


def test_outside_of_a_replica_nobody_is_told() -> None:
    send(["a"])
