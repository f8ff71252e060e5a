"""From an ``Authorization`` header to a principal. Must not know HTTP otherwise, nor how keys are stored.

What a text looks like tells what it is: ``sl_...`` is an API key, two dots make an access token, all else is nothing.
What the database said of either is believed for a second, of a key as long as nothing changes: see
``smartlite.auth.remembered``.
"""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from smartlite.auth import remembered
from smartlite.auth.acting import Acting, FindMemberships
from smartlite.auth.api_keys import PREFIX, Presented, parse
from smartlite.auth.changes import UNWATCHED, Watch
from smartlite.auth.noted import utc_now
from smartlite.auth.permissions import effective_scopes
from smartlite.auth.recent import Recent
from smartlite.auth.remembered import FIND_TIMEOUT_S, MAX_KNOWN, Remembered
from smartlite.domain.principal import Principal
from smartlite.errors import Unauthorized

_REFUSED: Final = "No valid API key or access token was sent. Send one in the header: 'Authorization: Bearer ...'."
"""One text for every cause: which one it was would help only someone who guesses."""
_SCHEME: Final = "bearer"
_DOTS: Final = 2
"""Of a signed token (RFC 7515, section 7.1); an encrypted one has four and is nothing to us."""

_ANSWERS_A_WHILE: Final = 4
"""For this part of the time that the database is believed, the same header gets the same answer without a look."""

FindByToken = Callable[[str], Awaitable[Principal | None]]
"""From an access token to who shows it; None where it is not good."""


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

    @property
    def organization_id(self) -> str | None:
        """What the key is for; None: for its owner alone."""


class FindKey(Protocol):
    """Asks the store for a key by its public id."""

    def __call__(self, public_id: str, /) -> Awaitable[KeyRecord | None]:
        """The key, or None where there is none.

        Raises:
            Unavailable: 503, the store cannot be asked for now.
        """


@dataclass(frozen=True, slots=True)
class _Key:
    public_id: str
    record: KeyRecord
    principal: Principal


@dataclass(frozen=True, slots=True)
class Answer:
    """Who asks, and how long the same credential means them."""

    principal: Principal
    at: datetime
    until: datetime
    """So long where nobody knows whether anything changed."""
    at_most: datetime
    """So long while it is known that nothing has."""
    generation: int | None
    """Of ``Watch``, when it was begun to find out who asks."""

    def holds(self, now: datetime, current: int | None) -> bool:
        """Whether it does at a time, with the generation of then."""
        if current is None or self.generation is None:
            return self.at <= now < self.until
        return self.generation == current and self.at <= now < self.at_most


class Authenticator:
    """Knows whose credential was sent. One for each process; every method runs in its event loop.

    Args:
        find: Asks the store for a key.
        clock: Tells the time in UTC.
        find_timeout_s: After so long the store counts as away.
        max_keys: So many keys are remembered.
        find_by_token: Knows who shows an access token; None where nobody signs in.
        find_memberships: Asks the store what a user is in which organisation; None where there are none.
        changes: Tells whether anything changed.
    """

    def __init__(
        self,
        find: FindKey,
        clock: Callable[[], datetime] = utc_now,
        find_timeout_s: float = FIND_TIMEOUT_S,
        max_keys: int = MAX_KNOWN,
        find_by_token: FindByToken | None = None,
        find_memberships: FindMemberships | None = None,
        changes: Watch = UNWATCHED,
    ) -> None:
        self._changes = changes
        self._find = find
        self._clock = clock
        self._keys = Remembered(self._find_key, clock, find_timeout_s, max_keys, changes)
        self._find_by_token = find_by_token
        self._acting = Acting(find_memberships, clock, find_timeout_s, max_keys, changes)
        self._answers: Recent[tuple[str | None, str | None], Answer] = Recent(max_keys)
        self._used: Recent[str, datetime] = Recent(max_keys)

    async def authenticate(self, header: str | None, organization_id: str | None = None) -> Principal:
        """Find out who asks, and for which organisation.

        Args:
            header: Value of ``Authorization``; None where it was not sent.
            organization_id: The organisation that was named; None: none.

        Raises:
            Unauthorized: 401, the same for every cause.
            OrganizationMismatch: 401, the credential is good, and not for the organisation that was named.
            Unavailable: 503, the store cannot be asked, and did not tell of this credential within the last minute.
            Overloaded: 429, too many credentials that nobody remembers are being looked for.
        """
        if (known := self.known(header, organization_id)) is not None:
            return known
        now, generation = self._clock(), self._changes.current()
        scheme, _, credential = (header or "").partition(" ")
        key, principal = None, None
        if scheme.lower() == _SCHEME:
            if credential.startswith(PREFIX):
                key = await self._by_key(credential)
                principal = None if key is None else key.principal
            elif self._find_by_token is not None and credential.count(".") == _DOTS:
                principal = await self._find_by_token(credential)
        if principal is not None:
            principal = await self._acting.complete(principal, organization_id)
        if principal is None:
            raise Unauthorized(_REFUSED)
        if key is not None:
            self._answers.put((header, organization_id), self._answer(key, principal, now, generation))
        return principal

    def known(self, header: str | None, organization_id: str | None = None) -> Principal | None:
        """Who asks, where the same was asked before and still holds; None where that has to be found out."""
        answer = self.answer(header, organization_id)
        return None if answer is None else answer.principal

    def answer(self, header: str | None, organization_id: str | None = None) -> Answer | None:
        """The same, and how long it may be believed without asking again."""
        answer = self._answers.get((header, organization_id))
        return answer if answer is not None and self.holds(answer) else None

    def holds(self, answer: Answer) -> bool:
        """Whether an answer may still be believed."""
        return answer.holds(self._clock(), self._changes.current())

    def take_used(self) -> list[tuple[str, datetime]]:
        """Hand over which keys were used since the last call, and when each was last."""
        return self._used.take()

    async def _by_key(self, text: str) -> _Key | None:
        presented = parse(text)
        key = None if presented is None else await self._keys.get(presented.public_id)
        now = self._clock()
        if presented is None or key is None or not _is_good(key.record, presented, now):
            return None
        self._used.put(key.record.key_id, now)
        return key

    def _answer(self, key: _Key, principal: Principal, at: datetime, generation: int | None) -> Answer:
        until = at_most = at + remembered.FRESH / _ANSWERS_A_WHILE
        true_until = self._keys.true_until(key.public_id), self._acting.true_until(principal.user_id)
        if true_until[0] is not None and true_until[1] is not None:
            at_most = min(true_until[0], true_until[1])
        if (end := key.record.expires_at) is not None:
            until, at_most = min(until, end), min(at_most, end)
        return Answer(principal, at, until, at_most, generation)

    async def _find_key(self, public_id: str) -> _Key | None:
        record = await self._find(public_id)
        return None if record is None else _Key(public_id, record, _principal(record))


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
        organization_id=record.organization_id,
        has_own_scopes=of_key is not None,
    )
