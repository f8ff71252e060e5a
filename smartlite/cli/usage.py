"""``smartlite quotas | usage | requests``: limits, what was used and what happened, straight in the database.

Must not know HTTP. Whoever can run these has the database anyway, so they ask for no key.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, TypeVar

import typer

from smartlite.auth.identity import Identity
from smartlite.auth.noted import Actor
from smartlite.auth.quota_book import QuotaBook, subject_kind_of
from smartlite.cli.display_table import show_table
from smartlite.cli.identity import every_part, tell_done
from smartlite.cli.session import JsonOption, print_json
from smartlite.config import load_settings
from smartlite.domain.limits import LimitKind, Period, Quota
from smartlite.domain.metering import GROUPS, HistoryQuery, RequestRecord, UsageQuery, UsageSum
from smartlite.errors import InvalidRequest
from smartlite.metering.drain import Drain
from smartlite.metering.history import History
from smartlite.storage.database import Database
from smartlite.storage.schema import migrate

T = TypeVar("T")

_ACTOR: Final = Actor(None)
_PAGE: Final = 200
_LONGEST_REPORT: Final = 10_000

quotas = typer.Typer(help="Limits and budgets.", no_args_is_help=True, pretty_exceptions_enable=False)

_Subject = Annotated[str, typer.Argument(metavar="SUBJECT", help="Id of a key, user or organisation, or an e-mail.")]


@quotas.command("list")
def list_quotas(
    subject: Annotated[str | None, typer.Argument(help="Of this key, user or organisation only.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the limits that were set; those of the settings are not among them."""

    async def find(database: Database) -> list[Quota]:
        name = None if subject is None else await _subject(database, subject)
        return await every_part(lambda after: QuotaBook(database).page(name, after, _PAGE))

    rows = [_quota(quota) for quota in _in_database(find)]
    if as_json:
        print_json({"quotas": rows})
        return
    show_table(("ID", "SUBJECT", "KIND", "LIMIT", "PERIOD", "MODEL"), [list(row.values()) for row in rows])


@quotas.command("set")
def set_quota(
    subject: _Subject,
    kind: Annotated[LimitKind, typer.Argument(help="What is counted; cost is in micro-units.")],
    limit: Annotated[int, typer.Argument(min=1)],
    period: Annotated[Period, typer.Option("--period")] = Period.MINUTE,
    model: Annotated[str | None, typer.Option("--model", help="Which alone it counts.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Set a limit in place of the one of the same subject, kind, period and model."""

    async def put(database: Database) -> Quota:
        name = await _subject(database, subject)
        return await QuotaBook(database).put(_ACTOR, Quota("", subject_kind_of(name), name, kind, limit, period, model))

    made = _in_database(put)
    tell_done(f"set {made.id}", made.id, as_json)


@quotas.command("remove")
def remove_quota(
    quota: Annotated[str, typer.Argument(metavar="QUOTA", help="Id, such as quota_...")], as_json: JsonOption = False
) -> None:
    """Take a limit away."""
    _in_database(lambda database: QuotaBook(database).remove(_ACTOR, quota))
    tell_done(f"removed {quota}", quota, as_json)


def usage(
    days: Annotated[int, typer.Option("--days", min=1, max=3660, help="So many, today included.")] = 30,
    by: Annotated[
        list[str] | None, typer.Option("--by", help=f"One of {', '.join(GROUPS)}; may be given several times.")
    ] = None,
    user: Annotated[str | None, typer.Option("--user", help="Id or e-mail address.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what was used: by day and model unless told otherwise."""
    groups = tuple(dict.fromkeys(by or ["day", "model"]))
    for name in groups:
        if name not in GROUPS:
            raise InvalidRequest(f"--by {name}: must be one of {', '.join(GROUPS)}.", "by")

    async def find(database: Database) -> list[UsageSum]:
        last = datetime.now(UTC).date()
        whose = None if user is None else await _subject(database, user)
        query = UsageQuery(last - timedelta(days=days - 1), last, groups, whose)
        return await _history(database).usage(query, 0, _LONGEST_REPORT)

    found = _in_database(find)
    if as_json:
        print_json({"usage": [_usage(each) for each in found]})
        return
    heads = (*(name.upper() for name in groups), "REQUESTS", "TOKENS", "AUDIO IN", "AUDIO OUT", "CHARACTERS", "COST")
    show_table(heads, [list(_usage(each).values()) for each in found])


def requests(
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="The newest so many.")] = 20,
    user: Annotated[str | None, typer.Option("--user", help="Id or e-mail address.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only those that failed.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the history of requests, newest first."""

    async def find(database: Database) -> list[RequestRecord]:
        whose = None if user is None else await _subject(database, user)
        query = HistoryQuery(user_id=whose, failed=True if failed else None)
        return list((await _history(database).page(query, None, limit)).items)

    rows = [_request(each) for each in _in_database(find)]
    if as_json:
        print_json({"requests": rows})
        return
    shown = ("at", "route", "status", "duration_ms", "error")
    show_table(("AT", "ROUTE", "STATUS", "MS", "ERROR"), [[row[name] for name in shown] for row in rows])


def _in_database(work: Callable[[Database], Awaitable[T]]) -> T:
    async def run() -> T:
        database = Database(load_settings().sql_url)
        try:
            await migrate(database)
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())


def _history(database: Database) -> History:
    return History(database, Drain(database, load_settings().journal_dir))


async def _subject(database: Database, name: str) -> str:
    return (await Identity(database).find_user(name)).user.id if "@" in name else name


def _quota(quota: Quota) -> dict[str, Any]:
    return {
        "id": quota.id,
        "subject": quota.subject_id,
        "kind": str(quota.kind),
        "limit": quota.limit,
        "period": str(quota.period),
        "model": quota.model or "all",
    }


def _usage(found: UsageSum) -> dict[str, Any]:
    return {
        **found.group,
        "requests": found.requests,
        "tokens": found.prompt_tokens + found.completion_tokens,
        "audio_input_s": found.audio_input_ms / 1000,
        "audio_output_s": found.audio_output_ms / 1000,
        "characters": found.characters,
        "cost_micros": found.cost_micros,
    }


def _request(record: RequestRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "at": record.at.isoformat(timespec="seconds"),
        "user": record.user_id or "",
        "route": f"{record.method} {record.route or '?'}",
        "status": record.status or "none",
        "duration_ms": record.duration_ms,
        "error": record.error_code or "",
    }
