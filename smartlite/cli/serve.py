"""``smartlite serve``: starts Ray, the platform and the edge on this machine, watches them, and stops them all.

Must not know routes or engines. Ray reads its environment when it is imported, so that import comes late here.
"""

import asyncio
import math
import os
import shlex
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console

from smartlite.auth.identity import ADMIN_EMAIL, Identity
from smartlite.cli.models import pull_missing
from smartlite.config import Settings, load_settings
from smartlite.domain.ids import new_id
from smartlite.edge import tether
from smartlite.edge.ports import check_ports_free
from smartlite.edge.ray_environment import ray_environment
from smartlite.edge.supervisor import EdgeSupervisor
from smartlite.errors import ConfigurationError, SmartLiteError
from smartlite.models.catalog_file import load_catalog
from smartlite.storage.database import Database
from smartlite.storage.embedded_redis import EmbeddedRedis
from smartlite.storage.schema import migrate

if TYPE_CHECKING:
    from deployments.cluster import LocalCluster
    from smartlite.domain.stages import StageStatus

_READY_TIMEOUT_S: Final = 600.0
"""Longest start: a replica may have to fetch weights."""


class Progress:
    """A line for each thing that becomes ready, with the time it took since the start."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._began = time.monotonic()

    def ready(self, name: str, detail: str = "") -> None:
        """Tell that something is ready."""
        self._console.print(
            f"  [green]ready[/]  {name:<10} {time.monotonic() - self._began:6.1f} s  {detail}", soft_wrap=True
        )

    def warn(self, text: str) -> None:
        """Print a line that nobody overlooks."""
        self._console.print(text, style="bold red", soft_wrap=True)

    def say(self, text: str = "") -> None:
        """Print a plain line."""
        self._console.print(text, soft_wrap=True)


def serve(
    config: Annotated[Path, typer.Option(help="Replicas, resources, models and their options.")] = Path(
        "serve_config.yaml"
    ),
) -> None:
    """Serve the platform on this machine until Ctrl-C."""
    settings = load_settings()
    instance = new_id("inst")
    os.environ |= ray_environment(settings, instance)
    redis = _own_redis(settings, instance)
    if redis is not None:
        os.environ["SMARTLITE_REDIS_URL"] = redis.url  # the replicas read it, as they read everything else
    from deployments.cluster import LocalCluster  # noqa: PLC0415 - after the environment is set
    from graphs.config import platform_plan, read_serve_config  # noqa: PLC0415
    from graphs.scaling import check_scaling  # noqa: PLC0415

    catalog = load_catalog(settings.catalog)
    document = read_serve_config(config, catalog)
    check_scaling(document, settings)
    check_ports_free(ports_to_take(settings))
    progress = Progress()
    _open_identity(settings, progress)
    plan = platform_plan(document, catalog)
    if plan is not None:
        # Those that are loaded on demand are fetched by their replicas, once everything runs.
        pull_missing(catalog, [entry.id for entry in plan.to_fetch()], settings)
        progress.ready("models", ", ".join(model.entry.id for model in plan.models if model.load == "startup"))
    cluster = LocalCluster(settings)
    previous = signal.signal(signal.SIGTERM, _raise_interrupt)
    try:
        dashboard = cluster.start(logical_cpus(document))
        progress.ready("ray", f"dashboard {dashboard}")
        asyncio.run(_Platform(settings, cluster, document, instance, progress, dashboard, config, redis).run())
    except KeyboardInterrupt:
        progress.say("  stopping")
    finally:
        signal.signal(signal.SIGTERM, previous)
        cluster.stop()
    progress.say("  stopped")


def _open_identity(settings: Settings, progress: Progress) -> None:
    """Bring the database up to date, and have an administrator or say that nobody is asked who they are."""
    is_guarded = settings.auth == "required"

    async def work() -> str | None:
        database = Database(settings.sql_url)
        try:
            await migrate(database)  # also without users: answers are kept by their Idempotency-Key
            return await Identity(database).make_first_admin() if is_guarded else None
        finally:
            await database.close()

    key = asyncio.run(work())
    progress.ready("database", "API keys are required" if is_guarded else "")
    if not is_guarded:
        progress.warn(
            "  WARNING: authentication is off (SMARTLITE_AUTH=off): whoever reaches the gateway may do everything, "
            "and nothing is limited or recorded."
        )
    if key is not None:
        progress.say(f"  The administrator's key, shown this once: {key}")
        progress.say(f"    export SMARTLITE_API_KEY={key}")
    elif is_guarded and not settings.api_key.get_secret_value():
        progress.say(f"  A new key, where the first is lost: {shlex.quote(sys.argv[0])} keys add {ADMIN_EMAIL}")


class _Platform:
    """Runs what needs an event loop: the edge, the wait for readiness, the wait for the end."""

    def __init__(
        self,
        settings: Settings,
        cluster: "LocalCluster",
        document: dict[str, Any],
        instance: str,
        progress: Progress,
        dashboard: str,
        config: Path,
        redis: EmbeddedRedis | None = None,
    ) -> None:
        self._settings = settings
        self._cluster = cluster
        self._document = document
        self._edge = EdgeSupervisor(settings, instance) if settings.edge == "own" else None
        self._progress = progress
        self._dashboard = dashboard
        self._config = config
        self._redis = redis
        self._stopping = threading.Event()

    async def run(self) -> None:
        """Serve until SIGINT or SIGTERM, or until the edge cannot be kept running."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        stopped = asyncio.create_task(stop.wait())
        started = asyncio.create_task(self._start())
        watched = asyncio.create_task(self._watch(started))
        try:
            await asyncio.wait({stopped, watched}, return_when=asyncio.FIRST_COMPLETED)
            if watched.done():
                watched.result()
            self._progress.say("  stopping")
        finally:
            self._stopping.set()
            for task in (watched, started, stopped):
                task.cancel()
            with suppress(asyncio.CancelledError, SmartLiteError):
                await asyncio.gather(watched, started, stopped, return_exceptions=True)
            if self._edge is not None:
                await self._edge.stop()
            if self._redis is not None:
                await self._redis.stop()

    async def _start(self) -> None:
        http_port = self._settings.ray_http_port if self._edge else self._settings.port
        if self._redis is not None:
            await self._redis.start()
            self._progress.ready("redis", "counts limits, carries what happens in runs")
        if self._edge is not None:
            await self._edge.start()
            self._progress.ready("edge", f"HAProxy on port {self._settings.port}")
        await asyncio.to_thread(self._cluster.deploy, self._document, http_port)
        await asyncio.to_thread(
            self._cluster.wait_until_ready,
            self._document["applications"][0]["name"],
            _READY_TIMEOUT_S,
            self._report,
            self._stopping.wait,
        )
        if not self._stopping.is_set():
            self._announce()

    async def _watch(self, started: "asyncio.Task[None]") -> None:
        await started
        if self._edge is not None:
            await self._edge.wait_failed()
        else:
            await asyncio.Event().wait()

    def _report(self, stage: "StageStatus") -> None:
        replicas = f"{stage.replicas_ready} replica{'s' if stage.replicas_ready != 1 else ''}"
        self._progress.ready(stage.name, "asleep until its first request" if stage.state == "asleep" else replicas)

    def _announce(self) -> None:
        url = f"http://{self._settings.host}:{self._settings.port}"
        say = self._progress.say
        self._progress.ready("platform", url)
        say()
        say(f"  SmartLite   {url}/v1        API docs {url}/docs")
        update = f"serve deploy -a {self._dashboard} {shlex.quote(str(self._config))}"
        say(f"  Dashboard   {self._dashboard}      update with: {update}")
        if self._edge is not None:
            say(f"  Edge        http://127.0.0.1:{self._settings.edge_stats_port}/stats")
        command = shlex.quote(sys.argv[0])
        say("  Try it:")
        say(f"    {command} speak 'What is the capital of France?' -o question.wav")
        say(f"    {command} ask question.wav -o answer.wav")
        key = ' -H "Authorization: Bearer $SMARTLITE_API_KEY"' if self._settings.auth == "required" else ""
        say(f"    curl -s {url}/v1/voice/turns{key} -F file=@question.wav -F response_format=wav")
        say("  Ctrl-C stops everything.")


def _own_redis(settings: Settings, instance: str) -> EmbeddedRedis | None:
    """The Redis that this start brings along; None where the operator has one."""
    if settings.redis_url.get_secret_value():
        return None
    before = (sys.executable, "-I", "-S", tether.__file__, str(os.getpid()))
    return EmbeddedRedis(Path(tempfile.gettempdir()) / f"smartlite-redis-{instance}", before)


def ports_to_take(settings: Settings) -> Mapping[str, int | range]:
    """Every port that the platform listens on, by the setting that changes it."""
    ports: dict[str, int | range] = {
        "SMARTLITE_PORT": settings.port,
        "SMARTLITE_DASHBOARD_PORT": settings.dashboard_port,
    }
    if settings.edge != "ray-proxy":
        ports["SMARTLITE_RAY_HTTP_PORT"] = settings.ray_http_port
        ports["SMARTLITE_EDGE_STATS_PORT"] = settings.edge_stats_port
        if settings.edge == "ray-haproxy":
            ports["SMARTLITE_EDGE_METRICS_PORT"] = settings.edge_metrics_port
        ports["SMARTLITE_REPLICA_PORTS"] = settings.replica_port_range
    return ports


def logical_cpus(document: Mapping[str, Any]) -> int:
    """Logical processors that the configuration's replicas ask for together, at least what the machine has."""
    asked = 0.0
    for application in document["applications"]:
        for deployment in application.get("deployments", []):
            scaling = deployment.get("autoscaling_config") or {}
            replicas = scaling.get("max_replicas") or deployment.get("num_replicas") or 1
            if not isinstance(replicas, int):
                raise ConfigurationError(f"num_replicas: {replicas!r} needs a cluster; write a number.", "num_replicas")
            asked += replicas * float((deployment.get("ray_actor_options") or {}).get("num_cpus", 1))
    return max(math.ceil(asked), os.cpu_count() or 1)


def _raise_interrupt(*_: object) -> None:
    raise KeyboardInterrupt
