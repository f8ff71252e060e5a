"""The platform under measurement: its address, its configuration, its processes. Must not know what is measured."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx

from benchmarks.client import Gateway
from benchmarks.processes import PlatformProcesses
from smartlite.config import load_settings
from smartlite.domain.models import ModelTask
from smartlite.errors import ConfigurationError, Unavailable
from smartlite.models.catalog_file import load_catalog

if TYPE_CHECKING:
    from graphs.args import PlatformArgs

_POLL_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Target:
    """What every benchmark is given."""

    url: str
    config: Path
    """The ``serve_config.yaml`` that the platform was started with."""
    runs: int
    """Rounds of the comparisons."""
    processes: PlatformProcesses

    def gateway(self) -> Gateway:
        """Open a connection."""
        return Gateway(self.url)

    def wait_until_ready(self, timeout_s: float) -> float:
        """Wait for ``/readyz``.

        Returns:
            The seconds it took.

        Raises:
            Unavailable: It took too long.
        """
        return wait_until_ready(self.url, timeout_s)


def wait_until_ready(url: str, timeout_s: float) -> float:
    """Wait for ``/readyz``, see Target."""
    began = time.perf_counter()
    with httpx.Client(trust_env=False, timeout=5.0) as client:
        while time.perf_counter() - began < timeout_s:
            try:
                if client.get(f"{url}/readyz").status_code == 200:
                    return time.perf_counter() - began
            except httpx.HTTPError:
                pass  # not yet
            time.sleep(_POLL_S)
    raise Unavailable(f"The platform at {url} was not ready after {timeout_s:g} s.")


def answers(url: str) -> bool:
    """Whether something answers ``/healthz`` there."""
    try:
        httpx.get(f"{url}/healthz", timeout=5.0, trust_env=False)
    except httpx.HTTPError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class ServedEngine:
    """The default model of a stage and how it is run, as the configuration has it."""

    model: str
    engine: str
    options: dict[str, object]


def read_args(config: Path) -> "PlatformArgs":
    """Read the arguments of the platform's graph.

    Raises:
        ConfigurationError: The configuration is wrong, or does not serve the platform's graph.
    """
    from graphs.config import platform_args, read_serve_config  # noqa: PLC0415 - imports Ray, which takes seconds

    args = platform_args(read_serve_config(config, load_catalog(load_settings().catalog)))
    if args is None:
        raise ConfigurationError(f"{config} does not serve graphs.platform:build_app.", "config")
    return args


def read_engine(config: Path, task: ModelTask) -> ServedEngine:
    """Read what runs the default model of a stage."""
    served = read_args(config).stages()[task].models[0]
    engine = served.engine or load_catalog(load_settings().catalog).find(served.model).engine
    return ServedEngine(served.model, engine, served.options)
