"""``smartlite prompts``: templates on a platform, over HTTP. Must not know how they are kept or filled."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer
import yaml

from smartlite.cli.display import for_output
from smartlite.cli.display_table import show_table
from smartlite.cli.gateway import Gateway
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
from smartlite.pipeline.spec.yaml_text import read_yaml

_PAGE: Final = 200

prompts = typer.Typer(help="Prompt templates.", no_args_is_help=True, pretty_exceptions_enable=False)

_Name = Annotated[str, typer.Argument(help="Its name, or its id.")]
_Version = Annotated[int | None, typer.Option("--version", min=1, help="The latest when absent.")]


@prompts.command("apply")
def apply(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="Document, YAML or JSON; - reads it from standard input.")],
    url: UrlOption = None,
    timeout: TimeoutOption = TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Make a prompt of a document, or a new version of the one that is called so."""
    text = _read(file)
    with session(ctx, url, timeout, as_json) as (gateway, _):
        document = read_yaml(text).data
        if not isinstance(document, dict) or not isinstance(document.get("name"), str):
            raise typer.BadParameter(f"{file}: the document has no 'name'.")
        name = document["name"]
        method, path = ("PUT", _address(name)) if _is_there(gateway, name) else ("POST", "/v1/prompts")
        with gateway.stream(method, path, json=document) as response:
            response.read()
            saved: dict[str, Any] = response.json()
            is_new = response.status_code == 201
    if as_json:
        print_json({**saved, "is_new": is_new})
    else:
        typer.echo(f"{saved['prompt']} version {saved['version']}{'' if is_new else ', as it was before'}")


@prompts.command("list")
def list_prompts(
    ctx: typer.Context, url: UrlOption = None, timeout: TimeoutOption = TIMEOUT_S, as_json: JsonOption = False
) -> None:
    """Show every prompt that you may read."""
    with session(ctx, url, timeout, as_json) as (gateway, _):
        found = list(_every(gateway))
    if as_json:
        print_json({"prompts": found})
        return
    show_table(
        ("NAME", "LATEST", "OWNER", "ID"),
        [[each["name"], each["latest"], each["owner_id"] or "", each["id"]] for each in found],
    )


@prompts.command("show")
def show(
    ctx: typer.Context,
    name: _Name,
    version: _Version = None,
    url: UrlOption = None,
    timeout: TimeoutOption = TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Print a prompt as a document that can be applied again."""
    with session(ctx, url, timeout, as_json) as (gateway, display):
        found = gateway.json("GET", f"{_address(name)}/versions/{version or 'latest'}")
        display.line(f"{found['prompt']} version {found['version']}{', the latest' if found['is_latest'] else ''}")
    if as_json:
        print_json(found)
        return
    document = {"name": found["prompt"], **{key: value for key, value in found["template"].items() if value}}
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)
    typer.echo(for_output(text, sys.stdout), nl=False)


@prompts.command("render")
def render(
    ctx: typer.Context,
    name: _Name,
    variables: Annotated[
        list[str] | None,
        typer.Option("-v", "--variable", metavar="NAME=VALUE", help="JSON, or else text. Again for each."),
    ] = None,
    version: _Version = None,
    url: UrlOption = None,
    timeout: TimeoutOption = TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Print the messages that a model would be sent."""
    body: dict[str, Any] = {"variables": dict(map(_variable, variables or ()))}
    if version is not None:
        body["version"] = version
    with session(ctx, url, timeout, as_json) as (gateway, _):
        declared = gateway.json("GET", f"{_address(name)}/versions/{version or 'latest'}")["template"]["variables"]
        for key, value in body["variables"].items():
            # A text that looks like a number is a text where the prompt wants one.
            if declared.get(key, {}).get("type") != "string":
                body["variables"][key] = _parsed(value)
        found = gateway.json("POST", f"{_address(name)}/render", json=body)
    if as_json:
        print_json(found)
        return
    for message in found["messages"]:
        typer.echo(for_output(f"{message['role']}: {message['content']}", sys.stdout))


@prompts.command("remove")
def remove(
    ctx: typer.Context,
    name: _Name,
    url: UrlOption = None,
    timeout: TimeoutOption = TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Remove a prompt with its versions."""
    with session(ctx, url, timeout, as_json) as (gateway, _), gateway.stream("DELETE", _address(name)) as response:
        response.read()
    if as_json:
        print_json({"removed": name})
    else:
        typer.echo(f"removed {name}")


def _address(name: str) -> str:
    return f"/v1/prompts/{quote(name, safe='')}"


def _is_there(gateway: Gateway, name: str) -> bool:
    try:
        gateway.json("GET", _address(name))
    except NotFound:
        return False
    return True


def _every(gateway: Gateway) -> Iterator[dict[str, Any]]:
    after: str | None = None
    while True:
        query: dict[str, Any] = {"limit": _PAGE, **({"after": after} if after else {})}
        page = gateway.json("GET", "/v1/prompts", params=query)
        yield from page["data"]
        after = page["next"]
        if after is None:
            return


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise typer.BadParameter(f"'{text}' must be like language=German", param_hint="--variable")
    return name, value


def _parsed(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def _read(file: Path) -> str:
    if str(file) == "-":
        return read_stdin_text() + "\n"
    try:
        return file.read_text("utf-8")
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise typer.BadParameter(f"{file} is not UTF-8 text: {error}") from error
