"""``smartlite doctor``: what this machine has, which engines can run, what is missing and the command that mends it.

Must not know how anything is found out: see ``smartlite.cli.checks``. Exit codes: 0 the platform can be started (or
runs), 1 something is needed first.
"""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import httpx
import typer
from rich.console import Console
from rich.markup import escape

from smartlite import __version__
from smartlite.cli.checks.configuration import check_config, check_settings
from smartlite.cli.checks.database import check_database
from smartlite.cli.checks.engines import check_engines
from smartlite.cli.checks.finding import Finding, State
from smartlite.cli.checks.machine import check_machine, chosen_profile, gpus
from smartlite.cli.checks.placement import check_gpu_shares, check_waiting
from smartlite.cli.checks.platform import check_edge, check_platform, check_ports
from smartlite.cli.checks.redis import check_redis
from smartlite.cli.checks.stores import check_stores
from smartlite.cli.display import printable
from smartlite.cli.failures import EXIT_FAILED
from smartlite.cli.serve import ports_to_take
from smartlite.cli.session import JsonOption, UrlOption, platform_url, print_json
from smartlite.config import Settings, load_settings
from smartlite.models.catalog_file import load_catalog

_MARKS: Final[dict[State, str]] = {
    "ok": "[green]ok     [/]",
    "warning": "[yellow]warning[/]",
    "problem": "[red]problem[/]",
}


def doctor(
    ctx: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(help="The configuration that the platform is to be started with; by default `make run`'s here."),
    ] = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell what this machine has, which engines can run, and what is missing."""
    settings = load_settings()
    address = platform_url(url)
    console = Console(highlight=False)
    findings: list[Finding] = []
    area = ""
    for finding in _look(settings, config or Path(chosen_profile()[1]), address, ctx.obj):
        findings.append(finding)
        if not as_json:
            if finding.area != area:
                console.print(f"[bold]{finding.area}[/]")
                area = finding.area
            _print(console, finding)
    problems = [finding for finding in findings if finding.state == "problem"]
    warnings = [finding for finding in findings if finding.state == "warning"]
    if as_json:
        print_json({"ok": not problems, "version": __version__, "findings": [asdict(finding) for finding in findings]})
    else:
        console.print(f"\n{_count(problems, 'problem')}, {_count(warnings, 'warning')}")
    if problems:
        raise typer.Exit(EXIT_FAILED)


def _look(settings: Settings, config: Path, address: str, transport: httpx.BaseTransport | None) -> Iterator[Finding]:
    """Look at everything, the quick things first."""
    catalog = load_catalog(settings.catalog)
    yield from check_machine(settings)
    about_config, wanted = check_config(config, catalog, settings)
    yield about_config
    yield from check_settings(settings)
    found = len(gpus())
    yield from check_gpu_shares(wanted.gpus, found if settings.logical_gpus is None else settings.logical_gpus)
    yield from check_engines(wanted.engines, bool(found))
    yield check_database(settings)
    yield check_redis(settings)
    yield from check_stores(settings, catalog, wanted.models)
    running = check_platform(address, transport)
    if running is not None:
        yield running
    yield from check_waiting(settings, transport)
    yield from check_edge(settings)
    is_this = running is not None and address == platform_url(None)
    yield from check_ports(settings, ports_to_take(settings), is_this)


def _print(console: Console, finding: Finding) -> None:
    text = escape(printable(f"{finding.name}: {finding.message}"))
    console.print(f"  {_MARKS[finding.state]}  {text}", soft_wrap=True)
    if finding.mend:
        console.print(f"           [bold]{escape(printable(finding.mend))}[/]", soft_wrap=True)


def _count(findings: list[Finding], name: str) -> str:
    return f"{len(findings)} {name}" if len(findings) == 1 else f"{len(findings)} {name}s"
