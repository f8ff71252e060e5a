"""``smartlite encryption-keys``: the keys that stored data is encrypted with. Must not know what is encrypted.

A key of the environment (SMARTLITE_ENCRYPTION_KEYS) is exchanged in three steps: put the new one first and start
everything that uses the database anew, ``rewrap``, take the old one away.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from smartlite.cli.display_table import show_table
from smartlite.cli.session import JsonOption, print_json
from smartlite.config import load_settings
from smartlite.encryption_keys import new_encryption_key
from smartlite.errors import ConfigurationError, InvalidRequest
from smartlite.storage.database import Database
from smartlite.storage.encryption import Cipher
from smartlite.storage.schema import migrate

T = TypeVar("T")

encryption_keys = typer.Typer(
    help="The keys that stored data is encrypted with.", no_args_is_help=True, pretty_exceptions_enable=False
)


@encryption_keys.command("generate")
def generate(
    name: Annotated[str, typer.Argument(metavar="ID", help="What to call it, such as 2027.")],
) -> None:
    """Make a key and print it as SMARTLITE_ENCRYPTION_KEYS wants it; it is kept nowhere."""
    try:
        typer.echo(new_encryption_key(name))
    except ValueError as error:
        raise InvalidRequest(str(error), "id") from error


@encryption_keys.command("list")
def list_keys(as_json: JsonOption = False) -> None:
    """Show every key and how many data keys it opens."""
    named = list(load_settings().encryption_key_ring)
    rows = [
        {"id": key_id, "data_keys": count, "state": _state(key_id, named)}
        for key_id, count in _run(Cipher.wrapped_by).items()
    ]
    if as_json:
        print_json({"encryption_keys": rows})
        return
    show_table(("ID", "DATA KEYS", "STATE"), [list(row.values()) for row in rows])


@encryption_keys.command("rewrap")
def rewrap(as_json: JsonOption = False) -> None:
    """Wrap every data key with the first key, so that the others may be taken from the setting."""
    count = _run(Cipher.rewrap)
    _tell({"rewrapped": count}, f"rewrapped {count} data keys", as_json)


@encryption_keys.command("rotate")
def rotate(as_json: JsonOption = False) -> None:
    """Have new data keys made for what is written from now on; what is stored stays as it is, and can be read."""
    _need_a_key()
    count = _run(Cipher.rotate)
    _tell({"retired": count}, f"retired {count} data keys; within 30 seconds nothing is encrypted with them", as_json)


def _need_a_key() -> None:
    if not load_settings().encryption_key_ring:
        raise ConfigurationError("There is no key: set SMARTLITE_ENCRYPTION_KEYS.", "encryption_keys")


def _state(key_id: str, named: list[str]) -> str:
    if key_id not in named:
        return "missing: what it wraps cannot be read"
    return "wraps" if key_id == named[0] else "opens"


def _tell(found: dict[str, object], text: str, as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        typer.echo(text)


def _run(work: Callable[[Cipher], Awaitable[T]]) -> T:
    async def run() -> T:
        settings = load_settings()
        database = Database(settings.sql_url)
        try:
            await migrate(database)
            return await work(Cipher(database, settings.encryption_key_ring))
        finally:
            await database.close()

    return asyncio.run(run())
