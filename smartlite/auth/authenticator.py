"""From an ``Authorization`` header to a principal. Must not know HTTP otherwise, nor how keys are stored.

The database is asked about a key once a second at most, by each replica, however many requests show it: a revoked key
stops everywhere within two seconds, and a database that is away for a moment is not noticed. Nothing is granted for
want of an answer: where neither the database nor a recent memory of it knows the key, nobody gets in.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from smartlite.auth.api_keys import Presented, parse
from smartlite.auth.permissions import effective_scopes
from smartlite.auth.recent import Recent
from smartlite.domain.principal import Principal
from smartlite.errors import Overloaded, Unauthorized, Unavailable

FRESH: Final = timedelta(seconds=1)
"""So long an answer of the database is taken for the truth."""
TAKEN_WITHOUT_DATABASE: Final = timedelta(seconds=60)
"""So old it may be where the database cannot be asked."""
FIND_TIMEOUT_S: Final = 2.0
"""With ``FRESH`` it bounds how long a revoked key can still be taken."""
MAX_KEYS: Final = 10_000
"""About 10 MB."""
MAX_UNKNOWN: Final = 10_000
"""Public ids of no key; a memory of their own, so that inventing ids drives no real key out."""
MAX_FINDING: Final = 100
"""So many keys that are not remembered are looked for at once."""

_REFUSED: Final = "No valid API key was sent. Send one in the header: 'Authorization: Bearer sl_...'."
"""One text for every cause: which one it was would help only someone who guesses."""
_SCHEME: Final = "bearer"


def utc_now() -> datetime:
    """The clock of production."""
    return datetime.now(UTC)


class KeyRecord(Protocol):
    """A key and its owner, as the store has them."""

    @property
    def key_id(self) -> str:
        """Such as ``key_...``; not the public id."""

    @property
    def user_id(self) -> str: ...

    @property
    def user_name(self) -> str: ...

    @property
    def is_active(self) -> bool:
        """Whether the owner may use the platform at all."""

    @property
    def secret_hash(self) -> bytes:
        """See ``NewKey.secret_hash``."""

    @property
    def expires_at(self) -> datetime | None:
        """From then on it is refused; with its time zone, UTC."""

    @property
    def revoked_at(self) -> datetime | None: ...

    @property
    def scopes(self) -> Collection[str] | None:
        """What the key is limited to; None: everything that its owner's roles grant."""

    @property
    def roles(self) -> Collection[str]:
        """Names of the owner's roles."""

    @property
    def role_scopes(self) -> Collection[str]:
        """Grants of all of them together."""


class FindKey(Protocol):
    """Asks the store for a key by its public id."""

    def __call__(self, public_id: str, /) -> Awaitable[KeyRecord | None]:
        """The key, or None where there is none.

        Raises:
            Unavailable: 503, the store cannot be asked for now.
        """


@dataclass(slots=True)
class _Known:
    record: KeyRecord
    principal: Principal
    asked_at: datetime
    """When the database was asked, not when it answered: what it said may have changed since then."""
    retry_at: datetime
    """Until then the database is not asked again: ``FRESH`` after it was, or after it could not be."""


class Authenticator:
    """Knows whose key was sent. One for each process; every method runs in its event loop.

    Args:
        find: Asks the store.
        clock: Tells the time in UTC.
        find_timeout_s: After so long the store counts as away.
        max_keys: So many keys are remembered.
    """

    def __init__(
        self,
        find: FindKey,
        clock: Callable[[], datetime] = utc_now,
        find_timeout_s: float = FIND_TIMEOUT_S,
        max_keys: int = MAX_KEYS,
    ) -> None:
        self._find = find
        self._clock = clock
        self._find_timeout_s = find_timeout_s
        self._known: Recent[str, _Known] = Recent(max_keys)
        self._unknown: Recent[str, datetime] = Recent(MAX_UNKNOWN)
        self._finding: dict[str, asyncio.Task[_Known | None]] = {}
        self._used: Recent[str, datetime] = Recent(max_keys)

    async def authenticate(self, header: str | None) -> Principal:
        """Find out who asks.

        Args:
            header: Value of ``Authorization``; None where it was not sent.

        Raises:
            Unauthorized: 401, the same for every cause.
            Unavailable: 503, the store cannot be asked, and did not tell of this key within the last minute.
            Overloaded: 429, too many keys that nobody remembers are being looked for.
        """
        presented = _presented(header)
        known = None if presented is None else await self._know(presented.public_id)
        now = self._clock()
        if presented is None or known is None or not _is_good(known.record, presented, now):
            raise Unauthorized(_REFUSED)
        self._used.put(known.record.key_id, now)
        return known.principal

    def take_used(self) -> list[tuple[str, datetime]]:
        """Hand over which keys were used since the last call, and when each was last."""
        return self._used.take()

    async def _know(self, public_id: str) -> _Known | None:
        now = self._clock()
        known = self._known.get(public_id)
        # A clock that was set back must not make an old answer a young one: hence both bounds.
        if known is not None and known.asked_at <= now < known.retry_at:
            return known
        unknown_at = self._unknown.get(public_id)
        if known is None and unknown_at is not None and unknown_at <= now < unknown_at + FRESH:
            return None
        task = self._finding.get(public_id)
        if task is None:
            if known is None and len(self._finding) >= MAX_FINDING:
                raise Overloaded("Too many keys are being checked; try again in a moment.")
            task = asyncio.create_task(self._ask(public_id))
            self._finding[public_id] = task
            task.add_done_callback(lambda done: self._asked(public_id, done))
        try:
            # Whoever hangs up must not take the answer from those who wait for it too.
            return await asyncio.shield(task)
        except Unavailable:
            known, now = self._known.get(public_id), self._clock()
            if known is None or not known.asked_at <= now < known.asked_at + TAKEN_WITHOUT_DATABASE:
                raise
            known.retry_at = now + FRESH
            return known

    async def _ask(self, public_id: str) -> _Known | None:
        asked_at = self._clock()
        try:
            async with asyncio.timeout(self._find_timeout_s):
                record = await self._find(public_id)
        except TimeoutError:
            raise Unavailable("API keys cannot be checked for now.") from None
        if record is None:
            self._known.drop(public_id)
            self._unknown.put(public_id, asked_at)
            return None
        known = _Known(record, _principal(record), asked_at, asked_at + FRESH)
        self._known.put(public_id, known)
        return known

    def _asked(self, public_id: str, done: asyncio.Task[_Known | None]) -> None:
        del self._finding[public_id]
        if not done.cancelled():
            done.exception()  # where everybody who waited has hung up, nobody else would look at it


def _presented(header: str | None) -> Presented | None:
    scheme, _, credential = (header or "").partition(" ")
    return parse(credential) if scheme.lower() == _SCHEME else None


def _is_good(record: KeyRecord, presented: Presented, now: datetime) -> bool:
    return (
        presented.matches(record.secret_hash)
        and record.is_active
        and record.revoked_at is None
        and (record.expires_at is None or now < record.expires_at)
    )


def _principal(record: KeyRecord) -> Principal:
    of_key = None if record.scopes is None else frozenset(record.scopes)
    return Principal(
        user_id=record.user_id,
        key_id=record.key_id,
        roles=tuple(record.roles),
        scopes=effective_scopes(frozenset(record.role_scopes), of_key),
        name=record.user_name,
    )
