"""The ``smartlite`` command: mounts the command families and turns our errors into exit codes. Must not do the work.

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 130 interrupted.
"""

import json
import sys
from typing import Final

import typer

from smartlite import __version__
from smartlite.cli import models, serve
from smartlite.config import load_settings
from smartlite.errors import ConfigurationError, InvalidRequest, NotFound, SmartLiteError
from smartlite.logging import configure_logging

_EXIT_FAILED: Final = 1
_EXIT_USAGE: Final = 2
_EXIT_INTERRUPTED: Final = 130

app = typer.Typer(
    name="smartlite",
    help="Self-hosted voice AI: speech recognition, language models, speech synthesis, pipelines.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(models.app, name="models")
app.command("serve")(serve.serve)


@app.callback(invoke_without_command=True)
def _version(version: bool = typer.Option(False, "--version", help="Print the version and exit.")) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line."""
    try:
        configure_logging(load_settings().log_level)
        app()
    except SmartLiteError as error:
        _tell(error)
        usage = isinstance(error, ConfigurationError | InvalidRequest | NotFound)
        sys.exit(_EXIT_USAGE if usage else _EXIT_FAILED)
    except KeyboardInterrupt:
        sys.exit(_EXIT_INTERRUPTED)


def _tell(error: SmartLiteError) -> None:
    if "--json" in sys.argv:
        body = {"error": {"message": error.message, "type": error.type, "param": error.param, "code": error.code}}
        print(json.dumps(body), file=sys.stderr)
    else:
        print(f"smartlite: {error.message}", file=sys.stderr)
