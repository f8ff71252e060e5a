"""Redis, where limits are counted and runs are followed: there, or to be started. Must not know limits or runs."""

import asyncio
from typing import Final

from smartlite.cli.checks.finding import Finding, State
from smartlite.cli.checks.stores import without_secrets
from smartlite.config import Settings
from smartlite.errors import SmartLiteError
from smartlite.storage.embedded_redis import find_program
from smartlite.storage.redis import RedisStore

_AREA: Final = "stores"
_TIMEOUT_S: Final = 1.0


def check_redis(settings: Settings) -> Finding:
    """Ask Redis for an answer, or look for the program that the start brings along."""
    url = settings.redis_url.get_secret_value()
    try:
        if not url:
            return Finding(_AREA, "redis", "ok", f"the start brings its own: {find_program()}")
        asyncio.run(_ask(url))
    except SmartLiteError as error:
        cause = str(error.__cause__ or "").partition("\n")[0]
        state: State = "problem" if settings.limits_without_redis == "closed" or not url else "warning"
        mend = "check SMARTLITE_REDIS_URL and the server"
        return Finding(_AREA, "redis", state, f"{error.message} {cause}".strip(), mend)
    return Finding(_AREA, "redis", "ok", without_secrets(url))


async def _ask(url: str) -> None:
    store = RedisStore(url, timeout_s=_TIMEOUT_S)
    try:
        await store.check()
    finally:
        await store.close()
