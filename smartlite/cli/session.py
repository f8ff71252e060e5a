"""What the commands that talk to a platform share: their options, the connection, errors as exit codes.

Must not know what is asked of the platform.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import httpx
import typer

from smartlite.cli.display import Display
from smartlite.cli.failures import EXIT_FAILED, tell
from smartlite.cli.gateway import READ_TIMEOUT_S, Gateway
from smartlite.config import load_settings
from smartlite.errors import SmartLiteError

UrlOption = Annotated[
    str | None,
    typer.Option("--url", help="Where the platform listens; as SMARTLITE_HOST and SMARTLITE_PORT say when absent."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on standard output, for programs.")]
TimeoutOption = Annotated[
    float, typer.Option("--timeout", min=0.1, max=86_400.0, help="Longest silence of the platform, in seconds.")
]
TIMEOUT_S = READ_TIMEOUT_S


def platform_url(url: str | None) -> str:
    """The address to talk to.

    Raises:
        BadParameter: Not an HTTP address.
    """
    if url is None:
        settings = load_settings()
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        return f"http://{host}:{settings.port}"
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise typer.BadParameter(f"'{url}' is not a URL: {error}", param_hint="--url") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise typer.BadParameter(f"'{url}' must be like http://127.0.0.1:8000", param_hint="--url")
    return url


def api_key() -> str:
    """The key to send; empty where none is set."""
    return load_settings().api_key.get_secret_value()


@contextmanager
def session(ctx: typer.Context, url: str | None, timeout_s: float, as_json: bool) -> Iterator[tuple[Gateway, Display]]:
    """Talk to the platform; an error is told and ends the command with exit code 1.

    Args:
        ctx: Its ``obj``, if any, is the transport to use instead of the network.
        url: What ``--url`` says.
        timeout_s: What ``--timeout`` says, in seconds.
        as_json: Whether errors are told as JSON.
    """
    address = platform_url(url)
    try:
        with (
            Gateway(address, key=api_key(), read_timeout_s=timeout_s, transport=ctx.obj) as gateway,
            Display(as_json=as_json) as display,
        ):
            yield gateway, display
    except SmartLiteError as error:
        tell(error, as_json)
        raise typer.Exit(EXIT_FAILED) from error


def print_json(result: dict[str, Any]) -> None:
    """Print the command's one object."""
    json.dump(result, sys.stdout, ensure_ascii=False, indent=2)
    print()


def read_stdin_text() -> str:
    """All of standard input as text.

    Raises:
        BadParameter: It is a terminal, where nobody would know that something is waited for; or not UTF-8.
    """
    if sys.stdin.isatty():
        raise typer.BadParameter("give a text, or pipe one into standard input")
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise typer.BadParameter(f"standard input is not UTF-8 text: {error}") from error
