"""The limits that administrators set, believed while nothing changes. Must not know who counts, nor HTTP."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from smartlite.auth.changes import UNWATCHED, Watch
from smartlite.auth.gathered import Gathered
from smartlite.auth.noted import Actor, note, utc_now
from smartlite.auth.remembered import Remembered
from smartlite.domain.identity import Page
from smartlite.domain.ids import new_id
from smartlite.domain.limits import LimitKind, Period, Quota, SubjectKind
from smartlite.domain.principal import Principal
from smartlite.errors import InvalidRequest
from smartlite.storage import quotas
from smartlite.storage.database import Database, retried

MAX_LIMIT: Final = 10**15
_SUBJECTS: Final[tuple[SubjectKind, ...]] = ("key", "user", "organization")
"""Of the parts of a name in what is remembered."""
_KINDS: Final[dict[str, SubjectKind]] = {"key": "key", "user": "user", "org": "organization"}


class QuotaBook:
    """Reads and sets limits of keys, users and organisations. One for each process; used in one event loop.

    Args:
        database: Where they are.
        clock: Tells the time in UTC.
        changes: Tells whether anything changed.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime] = utc_now, changes: Watch = UNWATCHED) -> None:
        self.changes = changes
        self._database = database
        self._gathered = Gathered(self._find)
        self._known = Remembered(self._gathered.find, clock, changes=changes)

    async def of(self, principal: Principal) -> tuple[Quota, ...]:
        """Every limit that somebody is under; the same object as long as nothing was looked up anew.

        Raises:
            Unavailable: 503, see ``Remembered.get``.
        """
        names = (principal.key_id or "", principal.user_id or "", principal.organization_id or "")
        return await self._known.get("|".join(names)) or ()

    async def put(self, actor: Actor, quota: Quota) -> Quota:
        """Set a limit in place of the one of the same subject, kind, period and model; it holds within two seconds.

        Raises:
            InvalidRequest: 400, it is none that can be counted.
            NotFound: 404, there is no such subject.
        """
        _check(quota)
        fresh = Quota(
            new_id("quota"),
            quota.subject_kind,
            quota.subject_id,
            quota.kind,
            quota.limit,
            quota.period,
            quota.model,
            quota.without_redis,
        )

        async def work() -> None:
            async with self._database.writing() as session:
                await quotas.put(session, fresh, utc_now())
                details = {"subject": fresh.subject_id, "kind": str(fresh.kind), "period": str(fresh.period)}
                await note(session, actor, "quota.set", "quota", fresh.id, details | {"limit": fresh.limit})

        await retried(work)
        return fresh

    async def page(self, subject_id: str | None, after: str | None, limit: int) -> Page[Quota]:
        """Limits that were set, of one subject or of all."""
        async with self._database.reading() as session:
            return await quotas.page(session, subject_id, after=after, limit=limit)

    async def remove(self, actor: Actor, quota_id: str) -> None:
        """Take a limit away.

        Raises:
            NotFound: 404, there is none.
        """

        async def work() -> None:
            async with self._database.writing() as session:
                gone = await quotas.remove(session, quota_id)
                await note(session, actor, "quota.remove", "quota", quota_id, {"subject": gone.subject_id})

        await retried(work)

    async def _find(self, names: Sequence[str]) -> dict[str, tuple[Quota, ...]]:
        asked = {name: [each for each in zip(_SUBJECTS, name.split("|"), strict=True) if each[1]] for name in names}
        async with self._database.reading() as session:
            subjects = dict.fromkeys(subject for each in asked.values() for subject in each)
            found = await quotas.of_subjects(session, subjects)
        held: dict[tuple[str, str], list[Quota]] = {}
        for quota in found:
            held.setdefault((quota.subject_kind, quota.subject_id), []).append(quota)
        return {
            name: tuple(sorted((quota for each in of for quota in held.get(each, ())), key=lambda quota: quota.id))
            for name, of in asked.items()
        }


def subject_kind_of(subject_id: str) -> SubjectKind:
    """What an id is of, by its prefix.

    Raises:
        InvalidRequest: 400, of nothing that can be limited.
    """
    prefix = subject_id.partition("_")[0]
    if prefix not in _KINDS:
        raise InvalidRequest("'subject' must be the id of a key, a user or an organisation.", "subject")
    return _KINDS[prefix]


def _check(quota: Quota) -> None:
    if not 1 <= quota.limit <= MAX_LIMIT:
        raise InvalidRequest(f"'limit' must be from 1 to {MAX_LIMIT}.", "limit")
    if quota.kind is LimitKind.COST and quota.period is Period.MINUTE:
        raise InvalidRequest("'period': money is limited by 'day' or 'month'.", "period")
    if quota.kind is LimitKind.CONCURRENT and quota.period is not Period.MINUTE:
        raise InvalidRequest("'period' of requests that run at the same time is always 'minute'.", "period")
