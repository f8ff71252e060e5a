"""``smartlite pipelines``: documents on a platform, over HTTP. Must not know how they are kept or run."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from smartlite.cli.display import for_output
from smartlite.cli.display_table import show_table
from smartlite.cli.gateway import Gateway
from smartlite.cli.pipeline_runs import NameArgument, cancel_run, list_runs, run_pipeline, show_logs
from smartlite.cli.session import (
    TIMEOUT_S,
    JsonOption,
    TimeoutOption,
    UrlOption,
    print_json,
    read_stdin_text,
    session,
)
from smartlite.errors import NotFound
from smartlite.pipeline.spec import read_document

_PAGE: Final = 200
_YAML: Final = "application/yaml"

pipelines = typer.Typer(help="Pipelines and their runs.", no_args_is_help=True, pretty_exceptions_enable=False)
pipelines.command("run")(run_pipeline)
pipelines.command("runs")(list_runs)
pipelines.command("logs")(show_logs)
pipelines.command("cancel")(cancel_run)

_Version = Annotated[int | None, typer.Option("--version", min=1, help="The latest when absent.")]


@pipelines.command("apply")
def apply(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="Document, YAML or JSON; - reads it from standard input.")],
    url: UrlOption = None,
    timeout: TimeoutOption = TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Make a pipeline of a document, or a new version of the one that is called so."""
    source = _read(file)
    with session(ctx, url, timeout, as_json) as (gateway, _):
        name = read_document(source).name
        request = {"content": source.encode(), "headers": {"Content-Type": _YAML}}
        method, path = ("PUT", _address(name)) if _has_own(gateway, name) else ("POST", "/v1/pipelines")
        with gateway.stream(method, path, **request) as response:
            response.read()
            saved: dict[str, Any] = response.json()
            is_new = response.status_code == 201
    if as_json:
        print_json({**saved, "is_new": is_new})
    else:
        typer.echo(f"{saved['pipeline']} version {saved['version']}{'' if is_new else ', as it was before'}")


@pipelines.command("list")
def list_pipelines(
    ctx: typer.Context, url: UrlOption = None, timeout: TimeoutOption = TIMEOUT_S, as_json: JsonOption = False
) -> None:
    """Show every pipeline that you may read."""
    with session(ctx, url, timeout, as_json) as (gateway, _):
        found = list(_every(gateway))
    if as_json:
        print_json({"pipelines": found})
        return
    rows = [
        [each["name"], each["latest"], "built in" if each["is_built_in"] else each["owner_id"] or "", each["id"]]
        for each in found
    ]
    show_table(("NAME", "LATEST", "OWNER", "ID"), rows)


@pipelines.command("show")
def show(
    ctx: typer.Context,
    name: NameArgument,
    version: _Version = None,
    url: UrlOption = None,
    timeout: TimeoutOption = TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Print a pipeline's document as it was written."""
    with session(ctx, url, timeout, as_json) as (gateway, display):
        found = gateway.json("GET", f"{_address(name)}/versions/{version or 'latest'}")
        by = f" by {found['created_by']}" if found["created_by"] else ""
        display.line(
            f"{found['pipeline']} version {found['version']}{', the latest' if found['is_latest'] else ''}{by}"
        )
    if as_json:
        print_json(found)
    else:
        typer.echo(for_output(found["source"], sys.stdout), nl=not found["source"].endswith("\n"))


@pipelines.command("diff")
def diff(
    ctx: typer.Context,
    name: NameArgument,
    old: Annotated[
        int | None, typer.Argument(metavar="A", min=1, help="Version; the one before B when absent.")
    ] = None,
    new: Annotated[int | None, typer.Argument(metavar="B", min=1, help="Version; the latest when absent.")] = None,
    url: UrlOption = None,
    timeout: TimeoutOption = TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Show what is different between two versions."""
    query = {name: value for name, value in (("from", old), ("to", new)) if value is not None}
    with session(ctx, url, timeout, as_json) as (gateway, _):
        found = gateway.json("GET", f"{_address(name)}/diff", params=query)
    if as_json:
        print_json(found)
    else:
        typer.echo(for_output(found["text"], sys.stdout), nl=False)


@pipelines.command("graph")
def graph(
    ctx: typer.Context,
    name: NameArgument,
    svg: Annotated[bool, typer.Option("--svg", help="As a picture; Mermaid text when absent.")] = False,
    version: _Version = None,
    url: UrlOption = None,
    timeout: TimeoutOption = TIMEOUT_S,
) -> None:
    """Draw the steps of a pipeline."""
    query: dict[str, Any] = {"format": "svg" if svg else "mermaid", **({"version": version} if version else {})}
    with (
        session(ctx, url, timeout, False) as (gateway, _),
        gateway.stream("GET", f"{_address(name)}/graph", params=query) as response,
    ):
        text = response.read().decode()
    typer.echo(for_output(text, sys.stdout), nl=False)


@pipelines.command("remove")
def remove(
    ctx: typer.Context,
    name: NameArgument,
    url: UrlOption = None,
    timeout: TimeoutOption = TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Remove a pipeline with its versions; its runs stay."""
    with (
        session(ctx, url, timeout, as_json) as (gateway, _),
        gateway.stream("DELETE", _address(name)) as response,
    ):
        response.read()
    if as_json:
        print_json({"removed": name})
    else:
        typer.echo(f"removed {name}")


def _address(name: str) -> str:
    return f"/v1/pipelines/{quote(name, safe='')}"


def _has_own(gateway: Gateway, name: str) -> bool:
    try:
        return not gateway.json("GET", _address(name))["is_built_in"]
    except NotFound:
        return False


def _every(gateway: Gateway) -> Iterator[dict[str, Any]]:
    after: str | None = None
    while True:
        query: dict[str, Any] = {"limit": _PAGE, **({"after": after} if after else {})}
        page = gateway.json("GET", "/v1/pipelines", params=query)
        yield from page["data"]
        after = page["next"]
        if after is None:
            return


def _read(file: Path) -> str:
    if str(file) == "-":
        return read_stdin_text() + "\n"
    try:
        return file.read_text("utf-8")
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise typer.BadParameter(f"{file} is not UTF-8 text: {error}") from error
