"""``smartlite batches``: files of requests that a platform answers within a day, over HTTP. Must not know who does."""

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from smartlite.cli.display import for_output
from smartlite.cli.display_table import show_table
from smartlite.cli.failures import EXIT_FAILED
from smartlite.cli.gateway import Gateway
from smartlite.cli.session import TIMEOUT_S, JsonOption, TimeoutOption, UrlOption, print_json, session
from smartlite.errors import NotFound

_GOES_ON: Final = frozenset({"validating", "in_progress", "finalizing", "cancelling"})
_POLL_S: Final = 0.5
_PURPOSE: Final = "batch"
_SHOWN_FAULTS: Final = 20

batches = typer.Typer(help="Files of requests, answered later.", no_args_is_help=True, pretty_exceptions_enable=False)

_Batch = Annotated[str, typer.Argument(metavar="BATCH", help="Id, such as batch_...")]


@batches.command("create")
def create(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="A line of JSON for each request.", exists=True, dir_okay=False)],
    endpoint: Annotated[str, typer.Option("--endpoint", help="What they ask, such as /v1/audio/transcriptions.")],
    wait: Annotated[bool, typer.Option("--wait", help="Until it has ended.")] = False,
    url: UrlOption = None,
    timeout: TimeoutOption = TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Upload a file and have its requests answered."""
    with session(ctx, url, timeout, as_json) as (gateway, display):
        display.work("uploading")
        with file.open("rb") as opened:
            form: dict[str, Any] = {"data": {"purpose": _PURPOSE}, "files": {"file": (file.name, opened)}}
            uploaded = gateway.json("POST", "/v1/files", **form)
        body = {"input_file_id": uploaded["id"], "endpoint": endpoint, "completion_window": "24h"}
        batch = gateway.json("POST", "/v1/batches", json=body)
        while wait and batch["status"] in _GOES_ON:
            display.work(f"{batch['status']} {_counts(batch)}")
            time.sleep(_POLL_S)
            batch = gateway.json("GET", _address(batch["id"]))
        display.rest()
    _tell(batch, as_json)
    if batch["status"] == "failed":
        raise typer.Exit(EXIT_FAILED)


@batches.command("list")
def list_batches(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100)] = 20,
    url: UrlOption = None,
    timeout: TimeoutOption = TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Show the last batches."""
    with session(ctx, url, timeout, as_json) as (gateway, _):
        found = gateway.json("GET", "/v1/batches", params={"limit": limit})
    if as_json:
        print_json({"batches": found["data"]})
        return
    rows = [[each["id"], each["endpoint"], each["status"], _counts(each)] for each in found["data"]]
    show_table(("ID", "ENDPOINT", "STATUS", "ANSWERED"), rows)


@batches.command("show")
def show(
    ctx: typer.Context,
    batch: _Batch,
    url: UrlOption = None,
    timeout: TimeoutOption = TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Show how far a batch is, and what is wrong with its input."""
    with session(ctx, url, timeout, as_json) as (gateway, _):
        found = gateway.json("GET", _address(batch))
    _tell(found, as_json)


@batches.command("cancel")
def cancel(
    ctx: typer.Context,
    batch: _Batch,
    url: UrlOption = None,
    timeout: TimeoutOption = TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Have a batch end with what is answered by now."""
    with session(ctx, url, timeout, as_json) as (gateway, _):
        found = gateway.json("POST", f"{_address(batch)}/cancel")
    _tell(found, as_json)


@batches.command("results")
def results(
    ctx: typer.Context,
    batch: _Batch,
    errors: Annotated[bool, typer.Option("--errors", help="The requests that failed, in place of the others.")] = False,
    url: UrlOption = None,
    timeout: TimeoutOption = TIMEOUT_S,
) -> None:
    """Write the answers to standard output, a line of JSON for each request."""
    with session(ctx, url, timeout, False) as (gateway, _):
        found = gateway.json("GET", _address(batch))
        file_id = found["error_file_id" if errors else "output_file_id"]
        if file_id is None:
            raise NotFound(f"This batch is {found['status']} and has no {'errors' if errors else 'answers'} to read.")
        _copy(gateway, file_id)


def _copy(gateway: Gateway, file_id: str) -> None:
    with gateway.stream("GET", f"/v1/files/{quote(file_id, safe='')}/content") as response:
        for chunk in response.iter_bytes():
            sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()


def _tell(batch: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(batch)
        return
    typer.echo(f"{batch['id']} {batch['status']} {_counts(batch)}")
    faults = (batch["errors"] or {}).get("data", [])
    for fault in faults[:_SHOWN_FAULTS]:
        where = "" if fault["line"] is None else f"line {fault['line']}: "
        typer.echo(for_output(f"{where}{fault['code']}: {fault['message']}", sys.stdout))
    if len(faults) > _SHOWN_FAULTS:
        typer.echo(f"and {len(faults) - _SHOWN_FAULTS} more; --json shows all")


def _counts(batch: Mapping[str, Any]) -> str:
    counts = batch["request_counts"]
    failed = f", {counts['failed']} failed" if counts["failed"] else ""
    return f"{counts['completed']} of {counts['total']}{failed}"


def _address(batch_id: str) -> str:
    return f"/v1/batches/{quote(batch_id, safe='')}"
