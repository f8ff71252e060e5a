"""The ``smartlite`` command: mounts the command families and turns our errors into exit codes. Must not do the work.

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 130 interrupted.
"""

import sys

import typer

from smartlite import __version__
from smartlite.cli.ask import ask
from smartlite.cli.batches import batches
from smartlite.cli.bench import bench
from smartlite.cli.chat import chat
from smartlite.cli.conversations import conversations
from smartlite.cli.doctor import doctor
from smartlite.cli.encryption_keys import encryption_keys
from smartlite.cli.failures import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE, tell
from smartlite.cli.identity import keys, roles, users
from smartlite.cli.models import app as models_app
from smartlite.cli.oauth_clients import oauth_clients
from smartlite.cli.orgs import orgs
from smartlite.cli.pipelines import pipelines
from smartlite.cli.prompts import prompts
from smartlite.cli.serve import serve
from smartlite.cli.sign_in import signing_keys
from smartlite.cli.speak import speak
from smartlite.cli.transcribe import transcribe
from smartlite.cli.usage import quotas, requests, usage
from smartlite.config import load_settings
from smartlite.errors import ConfigurationError, InvalidRequest, NotFound, SmartLiteError
from smartlite.logging import configure_logging

app = typer.Typer(
    name="smartlite",
    help="Self-hosted voice AI: speech recognition, language models, speech synthesis, pipelines.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("serve")(serve)
app.add_typer(models_app, name="models")
app.add_typer(users, name="users")
app.add_typer(keys, name="keys")
app.add_typer(roles, name="roles")
app.add_typer(orgs, name="orgs")
app.add_typer(signing_keys, name="signing-keys")
app.add_typer(oauth_clients, name="oauth-clients")
app.add_typer(encryption_keys, name="encryption-keys")
app.add_typer(quotas, name="quotas")
app.add_typer(pipelines, name="pipelines")
app.add_typer(prompts, name="prompts")
app.add_typer(conversations, name="conversations")
app.add_typer(batches, name="batches")
app.command("usage")(usage)
app.command("requests")(requests)
app.command("transcribe")(transcribe)
app.command("speak")(speak)
app.command("chat")(chat)
app.command("ask")(ask)
app.command("doctor")(doctor)
app.add_typer(bench, name="bench")


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
        tell(error, as_json="--json" in sys.argv)
        usage = isinstance(error, ConfigurationError | InvalidRequest | NotFound)
        sys.exit(EXIT_USAGE if usage else EXIT_FAILED)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
