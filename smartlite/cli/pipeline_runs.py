"""``smartlite pipelines run | runs | logs | cancel``: runs of pipelines, over HTTP. Must not know how steps run."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from smartlite.cli.display import Display, for_output
from smartlite.cli.display_table import show_table
from smartlite.cli.failures import EXIT_FAILED
from smartlite.cli.gateway import Gateway
from smartlite.cli.session import TIMEOUT_S, JsonOption, TimeoutOption, UrlOption, print_json, session
from smartlite.errors import Unavailable

_WAIT_S: Final = 60
_GOOD: Final = frozenset({"succeeded", "partially_succeeded"})
_GOES_ON: Final = frozenset({"queued", "running"})
_TEXT: Final = frozenset({"string", "audio", "file"})

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="Id, such as run_...")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name or id of a pipeline.")]


def run_pipeline(
    ctx: typer.Context,
    name: NameArgument,
    inputs: Annotated[
        list[str] | None, typer.Option("-i", "--input", metavar="NAME=VALUE", help="An input; again for the next.")
    ] = None,
    files: Annotated[
        list[str] | None, typer.Option("-f", "--file", metavar="NAME=FILE", help="An input that is audio or a file.")
    ] = None,
    version: Annotated[int | None, typer.Option("--version", min=1, help="The latest when absent.")] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Tell each step as it happens, until the end.")] = False,
    wait: Annotated[
        int, typer.Option("--wait", min=0, max=300, help="Longest wait for the end, in seconds.")
    ] = _WAIT_S,
    save: Annotated[Path | None, typer.Option("--save", metavar="FOLDER", help="Write media of the outputs.")] = None,
    url: UrlOption = None,
    timeout: TimeoutOption = TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Run a pipeline and show its outputs."""
    if save is not None and not save.is_dir():
        raise typer.BadParameter(f"the folder '{save}' does not exist", param_hint="--save")
    texts, paths = _pairs(inputs or (), "-i"), _pairs(files or (), "-f")
    address = f"/v1/pipelines/{quote(name, safe='')}"
    with session(ctx, url, timeout, as_json) as (gateway, display):
        values = _typed(texts, gateway.json("GET", address)["inputs"]) if texts else {}
        body: dict[str, Any] = {"inputs": values, "stream": follow}
        if follow:
            body["stream_audio"] = False
        if version is not None:
            body["version"] = version
        display.work("running")
        with _request(body, paths) as request:
            if follow:
                run = _follow(gateway, display, f"{address}/runs", **request)
            else:
                run = gateway.json("POST", f"{address}/runs", headers={"Prefer": f"wait={wait}"}, **request)
        saved = _save(gateway, run, save) if save is not None else []
        display.rest()
    if as_json:
        print_json({**run, "saved": [str(path) for path in saved]} if save is not None else run)
    else:
        _show(run, saved)
    if run["state"] not in _GOOD | _GOES_ON:
        raise typer.Exit(EXIT_FAILED)


def list_runs(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Of this pipeline only.")] = None,
    state: Annotated[list[str] | None, typer.Option("--state", help="Such as failed; again for the next.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=200)] = 20,
    url: UrlOption = None,
    timeout: TimeoutOption = TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Show the last runs."""
    query: dict[str, Any] = {"limit": limit, "state": state or [], **({"pipeline": name} if name else {})}
    with session(ctx, url, timeout, as_json) as (gateway, _):
        found = gateway.json("GET", "/v1/runs", params=query)
    if as_json:
        print_json({"runs": found["data"]})
        return
    rows = [[run["id"], f"{run['pipeline']} v{run['version']}", run["state"], _took(run)] for run in found["data"]]
    show_table(("ID", "PIPELINE", "STATE", "TOOK"), rows)


def show_logs(
    ctx: typer.Context,
    run: RunArgument,
    after: Annotated[int, typer.Option("--after", min=0, help="Only what follows the event of this number.")] = 0,
    url: UrlOption = None,
    timeout: TimeoutOption = TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Show what happened in a run, and what happens until its end."""
    with (
        session(ctx, url, timeout, as_json) as (gateway, _),
        gateway.stream("GET", f"/v1/runs/{quote(run, safe='')}/events", params={"after": after}) as response,
    ):
        numbered: list[dict[str, Any]] = []
        for event in gateway.events(response):
            if "sequence" not in event:
                continue
            if as_json:
                numbered.append(event)
            else:
                typer.echo(for_output(_line(event), sys.stdout))
    if as_json:
        print_json({"events": numbered})


def cancel_run(
    ctx: typer.Context,
    run: RunArgument,
    url: UrlOption = None,
    timeout: TimeoutOption = TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Have a run end."""
    with session(ctx, url, timeout, as_json) as (gateway, _):
        found = gateway.json("POST", f"/v1/runs/{quote(run, safe='')}/cancel")
    if as_json:
        print_json(found)
    else:
        typer.echo(f"{found['id']} {'is asked to end' if found['state'] == 'running' else found['state']}")


def _follow(gateway: Gateway, display: Display, path: str, **request: Any) -> dict[str, Any]:
    with gateway.stream("POST", path, **request) as response:
        for event in gateway.events(response):
            if event.get("type") == "run.result":
                run: dict[str, Any] = event["run"]
                return run
            if "sequence" in event:
                display.line(_line(event))
            elif event.get("type") == "run":
                display.line(f"run {event.get('run', {}).get('id', '')}")
    raise Unavailable("The answer ended before the run did; it goes on. See: smartlite pipelines runs")


@contextmanager
def _request(body: dict[str, Any], paths: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """The request as JSON, or as a form where it has files."""
    if not paths:
        yield {"json": body}
        return
    data = {name: value if isinstance(value, str) else json.dumps(value) for name, value in body.items()}
    with ExitStack() as stack:
        parts = {}
        for name, path in paths.items():
            try:
                parts[name] = (Path(path).name, stack.enter_context(Path(path).open("rb")))
            except OSError as error:
                raise typer.BadParameter(f"{path}: {error.strerror}", param_hint="-f") from error
        yield {"data": data, "files": parts}


def _pairs(given: list[str] | tuple[str, ...], option: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise typer.BadParameter(f"'{text}' must be like name=value", param_hint=option)
        found[name] = value
    return found


def _typed(texts: Mapping[str, str], specs: Mapping[str, Any]) -> dict[str, Any]:
    """Values as the pipeline's inputs want them; JSON where they are no text."""
    found: dict[str, Any] = {}
    for name, text in texts.items():
        if specs.get(name, {}).get("type", "string") in _TEXT:
            found[name] = text
            continue
        try:
            found[name] = json.loads(text)
        except ValueError as error:
            wanted = specs[name]["type"]
            raise typer.BadParameter(f"'{name}' must be JSON for a value of type {wanted}", param_hint="-i") from error
    return found


def _show(run: Mapping[str, Any], saved: list[Path]) -> None:
    error = run["error"]
    typer.echo(f"{run['id']} {run['state']}{_after(run)}", err=True)
    if error is not None:
        where = f" in {error['step']}" if error["step"] else ""
        typer.echo(for_output(f"{error['code']}{where}: {error['message']}", sys.stderr), err=True)
    for path in saved:
        typer.echo(f"wrote {path}", err=True)
    for name, value in (run["outputs"] or {}).items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        typer.echo(for_output(f"{name}: {text}", sys.stdout))


def _save(gateway: Gateway, run: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write every output that is media, under its own name."""
    written = []
    for name, value in (run["outputs"] or {}).items():
        media = value.get("$media") if isinstance(value, dict) else None
        if media:
            path = folder / f"{PurePosixPath(name).name}{PurePosixPath(media['url']).suffix}"
            with gateway.stream("GET", media["url"]) as response:
                path.write_bytes(response.read())
            written.append(path)
    return written


def _line(event: Mapping[str, Any]) -> str:
    data = dict(event["data"])
    at = datetime.fromisoformat(event["at"]).strftime("%H:%M:%S.%f")[:-3]
    step, item = data.pop("step", None), data.pop("item", None)
    where = "" if step is None else step if item is None else f"{step}[{item}]"
    more = " ".join(f"{name}={_word(value)}" for name, value in data.items() if value is not None)
    return " ".join(part for part in (at, f"{event['type']:16}", where, more) if part)


def _word(value: Any) -> str:
    return value if isinstance(value, str) and value.isalnum() else json.dumps(value, ensure_ascii=False)


def _took(run: Mapping[str, Any]) -> str:
    return "" if run["ran_s"] is None else f"{run['ran_s']:.2f} s"


def _after(run: Mapping[str, Any]) -> str:
    if run["ran_s"] is not None:
        return f" after {_took(run)}"
    return f"; follow it with: smartlite pipelines logs {run['id']}" if run["state"] in _GOES_ON else ""
