"""What is left out of Ray's own processes is what we know, in this version of Ray."""

import inspect

import pytest
from ray._private import services
from ray._private.parameter import RayParams
from ray.dashboard.subprocesses.module import SubprocessModule
from ray.dashboard.utils import DashboardHeadModule, get_all_modules

from deployments.ray_processes import DASHBOARD_MODULES, LEFT_OUT


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Ray's own
def test_every_module_of_the_dashboard_is_either_loaded_or_left_out() -> None:
    modules = [*get_all_modules(DashboardHeadModule), *get_all_modules(SubprocessModule)]
    enabled = {module.__name__ for module in modules if module.is_enabled()}
    assert enabled - {*LEFT_OUT} <= {*DASHBOARD_MODULES} <= {module.__name__ for module in modules}
    assert enabled >= {*LEFT_OUT}


def test_ray_still_has_what_is_replaced() -> None:
    assert {"no_monitor", "include_log_monitor"} <= set(inspect.signature(RayParams).parameters)
    assert list(inspect.signature(services.start_ray_process).parameters)[:2] == ["command", "process_type"]
