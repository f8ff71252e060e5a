"""``smartlite conversations``: what was said on a platform, over HTTP. Must not know how it is kept."""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from smartlite.cli.display import for_output
from smartlite.cli.display_table import show_table
from smartlite.cli.gateway import Gateway
from smartlite.cli.session import TIMEOUT_S, JsonOption, TimeoutOption, UrlOption, print_json, session

_PAGE: Final = 200
_ITEMS: Final = 100

conversations = typer.Typer(help="Conversations.", no_args_is_help=True, pretty_exceptions_enable=False)

_Id = Annotated[str, typer.Argument(help="Its id.")]


@conversations.command("list")
def list_conversations(
    ctx: typer.Context, url: UrlOption = None, timeout: TimeoutOption = TIMEOUT_S, as_json: JsonOption = False
) -> None:
    """Show your own, the newest first."""
    with session(ctx, url, timeout, as_json) as (gateway, _):
        found = list(_every(gateway))
    if as_json:
        print_json({"conversations": found})
        return
    rows = [
        [
            each["id"],
            datetime.fromtimestamp(each["updated_at"], UTC).strftime("%Y-%m-%d %H:%M"),
            each["truncation"]["strategy"],
            json.dumps(each["metadata"], ensure_ascii=False) if each["metadata"] else "",
        ]
        for each in found
    ]
    show_table(("ID", "UPDATED (UTC)", "TRIMMED BY", "METADATA"), rows)


@conversations.command("show")
def show(
    ctx: typer.Context,
    conversation: _Id,
    url: UrlOption = None,
    timeout: TimeoutOption = TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Print what was said."""
    with session(ctx, url, timeout, as_json) as (gateway, _):
        items = list(_items(gateway, conversation))
    if as_json:
        print_json({"items": items})
        return
    for item in items:
        typer.echo(for_output(_line(item), sys.stdout))


@conversations.command("export")
def export(
    ctx: typer.Context,
    conversation: _Id,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="File; standard output when absent.")] = None,
    url: UrlOption = None,
    timeout: TimeoutOption = TIMEOUT_S,
) -> None:
    """Write everything that is kept of a conversation, as JSON."""
    with (
        session(ctx, url, timeout, output is None) as (gateway, display),
        gateway.stream("GET", f"{_address(conversation)}/export") as response,
    ):
        if output is None:
            typer.echo(response.read())
            return
        try:
            with output.open("wb") as file:
                for piece in response.iter_bytes():
                    file.write(piece)
        except OSError as error:
            raise typer.BadParameter(f"{output}: {error.strerror}") from error
        display.line(f"wrote {output}")


@conversations.command("remove")
def remove(
    ctx: typer.Context,
    conversation: _Id,
    url: UrlOption = None,
    timeout: TimeoutOption = TIMEOUT_S,
    as_json: JsonOption = False,
) -> None:
    """Delete a conversation with everything that was said in it."""
    with session(ctx, url, timeout, as_json) as (gateway, _):
        gateway.json("DELETE", _address(conversation))
    if as_json:
        print_json({"removed": conversation})
    else:
        typer.echo(f"removed {conversation}")


def _address(conversation: str) -> str:
    return f"/v1/conversations/{quote(conversation, safe='')}"


def _every(gateway: Gateway) -> Iterator[dict[str, Any]]:
    after: str | None = None
    while True:
        query: dict[str, Any] = {"limit": _PAGE, **({"after": after} if after else {})}
        page = gateway.json("GET", "/v1/conversations", params=query)
        yield from page["data"]
        after = page["next"]
        if after is None:
            return


def _items(gateway: Gateway, conversation: str) -> Iterator[dict[str, Any]]:
    after: str | None = None
    while True:
        query: dict[str, Any] = {"limit": _ITEMS, "order": "asc", **({"after": after} if after else {})}
        page = gateway.json("GET", f"{_address(conversation)}/items", params=query)
        yield from page["data"]
        if not page["has_more"]:
            return
        after = page["last_id"]


def _line(item: dict[str, Any]) -> str:
    if item["type"] == "function_call":
        return f"assistant calls {item['name']}({item['arguments']})"
    if item["type"] == "function_call_output":
        return f"returned: {item['output']}"
    cut = "" if item["status"] == "completed" else " (cut off)"
    return f"{item['role']}: {''.join(part['text'] for part in item['content'])}{cut}"
