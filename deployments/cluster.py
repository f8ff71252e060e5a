"""One Ray cluster on this machine for as long as this process lives: start, deploy, watch, stop.

Must not know the edge or the graph. Importing this module imports Ray, which reads its environment then: set what
``smartlite.edge.ray_environment`` returns first.
"""

import logging
import time
from collections.abc import Callable
from typing import Any, Final

import ray
from ray import serve
from ray.exceptions import RayError
from ray.serve._private.api import serve_start
from ray.serve.exceptions import RayServeException
from ray.serve.schema import ServeDeploySchema

from deployments.presence import read_stages
from deployments.ray_processes import start_fewer
from smartlite.config import Settings
from smartlite.domain.stages import StageStatus
from smartlite.errors import ConfigurationError, Unavailable

_POLL_S: Final = 0.2
_LOGS: Final = "/tmp/ray/session_latest/logs/serve"  # noqa: S108 - where Ray writes


class LocalCluster:
    """Ray's processes are children of this one and end with it, even when it is killed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def start(self, num_cpus: int) -> str:
        """Start Ray with its dashboard. Blocks for some seconds.

        Args:
            num_cpus: Logical processors, for the fractions in ``serve_config.yaml``.

        Returns:
            The dashboard's URL.
        """
        start_fewer()
        logging.getLogger("ray.serve").setLevel(logging.WARNING)
        context = ray.init(
            num_cpus=num_cpus,
            num_gpus=self._settings.logical_gpus,
            object_store_memory=self._settings.object_store_memory_mb * 1024 * 1024,
            include_dashboard=True,
            dashboard_host="127.0.0.1",
            dashboard_port=self._settings.dashboard_port,
            log_to_driver=False,
            logging_level=logging.ERROR,
            namespace="smartlite",
        )
        return f"http://{context.dashboard_url}"

    def deploy(self, document: dict[str, Any], http_port: int) -> None:
        """Hand a checked configuration to Serve; returns before anything of it runs.

        Args:
            document: As ``graphs.config.read_serve_config`` returns it.
            http_port: Where Ray's own proxy listens, instead of the port in the document.
        """
        document = {**document, "http_options": {**document.get("http_options", {}), "port": http_port}}
        schema = ServeDeploySchema.model_validate(document)
        options = schema.http_options.model_dump()
        try:
            client = serve_start(
                http_options={"location": schema.proxy_location, **options},
                global_logging_config=schema.logging_config,
            )
            client.deploy_apps(schema)
        except (RayError, RayServeException) as error:
            reason = str(error).strip().splitlines()[0]
            raise Unavailable(f"Ray Serve did not start: {reason} Its logs are in {_LOGS}.") from error

    def wait_until_ready(
        self, application: str, timeout_s: float, report: Callable[[StageStatus], None], pause: Callable[[float], bool]
    ) -> None:
        """Block until every stage has a running replica, or sleeps until its first request.

        Args:
            application: Name in the configuration.
            timeout_s: Longest wait.
            report: Called once for each stage as it becomes ready.
            pause: Sleeps for so many seconds; True ends the wait early.

        Raises:
            ConfigurationError: The application could not be deployed, with Serve's reason.
        """
        deadline = time.monotonic() + timeout_s
        reported: set[str] = set()
        while time.monotonic() < deadline:
            overview = serve.status().applications.get(application)
            for stage in read_stages(application):
                if stage.state in {"ready", "asleep"} and stage.name not in reported:
                    reported.add(stage.name)
                    report(stage)
            if overview is not None and overview.status == "DEPLOY_FAILED":
                raise ConfigurationError(f"The application '{application}' could not be deployed: {overview.message}")
            if overview is not None and overview.status == "RUNNING":
                return
            if pause(_POLL_S):
                return
        raise ConfigurationError(f"The application '{application}' was not ready after {timeout_s:g} s.")

    def stop(self) -> None:
        """End every process of the cluster. Requests under way are cut: stop what sends them first."""
        ray.shutdown()
