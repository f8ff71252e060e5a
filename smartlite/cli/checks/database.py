"""The database: there, and with the schema that this version needs. Must not know its tables."""

import asyncio
from typing import Final

from smartlite.cli.checks.finding import Finding
from smartlite.config import Settings
from smartlite.errors import SmartLiteError
from smartlite.storage.database import Database
from smartlite.storage.schema import current_revision, newest_revision

_AREA: Final = "stores"


def check_database(settings: Settings) -> Finding:
    """Ask the database for an answer and for its schema's revision."""
    try:
        return asyncio.run(_ask(settings))
    except SmartLiteError as error:
        cause = str(error.__cause__ or "").partition("\n")[0]
        reason = f"{error.message} {cause}".strip()
        return Finding(_AREA, "database", "problem", reason, "check SMARTLITE_DATABASE_URL and the server")


async def _ask(settings: Settings) -> Finding:
    database = Database(settings.sql_url)
    place = database.url.render_as_string(hide_password=True)
    try:
        await database.check()
        revision = await current_revision(database)
    finally:
        await database.close()
    if revision != newest_revision():
        return Finding(_AREA, "database", "ok", f"{place}: the start brings its schema up to date")
    return Finding(_AREA, "database", "ok", place)
