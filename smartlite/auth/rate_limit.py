"""What each key may take a minute, reserved before the work and settled after it. Must not know HTTP or Redis.

Where nobody can count for all replicas, each counts a share of every limit by itself, or nobody gets anything,
whichever the operator chose. An amount that is larger than a whole limit counts as the whole limit until the truth is
known: it waits until nothing else is taken, and what it took beyond is waited for afterwards.
"""

import ipaddress
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from smartlite.auth.local_limiter import LocalLimiter
from smartlite.auth.shared_limiter import LEASE_S, SharedLimiter
from smartlite.config import Settings
from smartlite.domain.ids import new_id
from smartlite.domain.limits import Amounts, Answer, Ask, LeaseAsk, LimitKind
from smartlite.domain.principal import Principal
from smartlite.errors import Unavailable
from smartlite.storage.redis import RedisUnavailable

_logger = logging.getLogger(__name__)

RENEW_EVERY_S: Final = LEASE_S / 3
_IPV6_PREFIX: Final = 64
"""One customer's network; whoever has it has every address in it."""


@dataclass(frozen=True, slots=True)
class Allowances:
    """What one key may take in a minute; 0: as much as it wants."""

    requests: int = 0
    tokens: int = 0
    audio_seconds: int = 0
    characters: int = 0
    concurrent: int = 0
    """Requests that run at the same time."""
    unknown: int = 0
    """Credentials of one client address that are refused, a minute."""

    @classmethod
    def of(cls, settings: Settings) -> "Allowances":
        """As the operator set them."""
        return cls(
            settings.rate_limit_requests_per_minute,
            settings.rate_limit_tokens_per_minute,
            settings.rate_limit_audio_seconds_per_minute,
            settings.rate_limit_characters_per_minute,
            settings.rate_limit_concurrent,
            settings.rate_limit_unknown_per_minute,
        )

    def limit(self, kind: LimitKind) -> int:
        """Of one kind."""
        match kind:
            case LimitKind.REQUESTS:
                return self.requests
            case LimitKind.TOKENS:
                return self.tokens
            case LimitKind.AUDIO_SECONDS:
                return self.audio_seconds
            case LimitKind.CHARACTERS:
                return self.characters


@dataclass(frozen=True, slots=True)
class Reservation:
    """What was taken before the work; or, where it was not given, where the limits stand."""

    subject: str
    asks: tuple[Ask, ...]
    """Of the kinds that are limited, as they were counted."""
    answer: Answer
    lease_id: str | None = None
    """Of one request at the same time; ``Limits.settle`` gives it back."""
    is_local: bool = False
    """Whether this replica counted by itself."""


@dataclass(slots=True)
class Limits:
    """Asks for everything that a request takes. One for each process; every method runs in its event loop."""

    allowances: Allowances
    shared: SharedLimiter | None
    """None: there is no Redis, as if it never answered."""
    local: LocalLimiter = field(default_factory=LocalLimiter)
    without_redis: Literal["local", "closed"] = "local"
    """What happens where nobody can count for all replicas: each counts by itself, or nobody gets anything."""
    _is_degraded: bool = False

    async def reserve(self, principal: Principal, costs: Amounts, *, is_running: bool = False) -> Reservation:
        """Take what a request is going to take, all of it or nothing.

        Args:
            principal: Whose limits: the key's, or the user's where the credential was no key.
            costs: What it takes of each; a guess at the most is settled later.
            is_running: Whether it also counts as one of the requests that run at the same time, until it is settled.

        Raises:
            Unavailable: 503, nobody can count, and the operator chose that nobody gets anything then.
        """
        asks = self._asks(costs, is_estimate=True)
        concurrent = self.allowances.concurrent
        lease = LeaseAsk(new_id("lease"), concurrent) if is_running and concurrent else None
        return await self._take(_subject(principal), asks, lease)

    async def settle(self, reservation: Reservation, true_costs: Amounts) -> None:
        """Count what a request really took, and give back its place among those that run at the same time.

        Never fails: what could not be settled stays as it was reserved, and the place is given up within LEASE_S.

        Args:
            reservation: Of this request.
            true_costs: What is absent stays as it was reserved; what was not reserved is taken now.
        """
        if not reservation.answer.is_given:
            return
        reserved: dict[LimitKind, float] = {}
        for ask in reservation.asks:
            reserved[ask.kind] = reserved.get(ask.kind, 0.0) + ask.amount
        changes = tuple(
            Ask(ask.kind, ask.limit, more)
            for ask in self._asks(true_costs, is_estimate=False)
            if (more := ask.amount - reserved.get(ask.kind, 0.0))
        )
        subject, lease_id = reservation.subject, reservation.lease_id
        self.local.note(subject, changes)
        if lease_id is not None:
            self.local.release(subject, lease_id)
        if self.shared is None or reservation.is_local or not (changes or lease_id):
            return
        try:
            await self.shared.settle(subject, changes, lease_id)
        except RedisUnavailable as error:
            self._degrade(error)

    async def renew(self, reservation: Reservation) -> None:
        """Keep a request's place for another while; to be done every RENEW_EVERY_S."""
        if self.shared is None or reservation.lease_id is None or reservation.is_local:
            return
        try:
            await self.shared.renew(reservation.subject, reservation.lease_id)
        except RedisUnavailable as error:
            self._degrade(error)

    async def refuse(self, address: str) -> Reservation:
        """Count a credential that was refused. Touches no key's limits, and never fails: it is refused anyway.

        Args:
            address: The client's IP address; networks of one IPv6 customer count as one.
        """
        limit = self.allowances.unknown
        asks = (Ask(LimitKind.REQUESTS, limit, 1.0),) if limit else ()
        return await self._take(f"refused-{_network(address)}", asks, None, is_closable=False)

    def _asks(self, costs: Amounts, *, is_estimate: bool) -> tuple[Ask, ...]:
        return tuple(
            Ask(kind, limit, min(amount, limit) if is_estimate else amount)
            for kind, amount in costs.items()
            if (limit := self.allowances.limit(kind))
        )

    async def _take(
        self, subject: str, asks: Sequence[Ask], lease: LeaseAsk | None, *, is_closable: bool = True
    ) -> Reservation:
        asks = tuple(asks)
        lease_id = lease.id if lease else None
        if not asks and lease is None:
            return Reservation(subject, asks, Answer({}))
        try:
            answer = await self._shared().take(subject, asks, lease)
        except RedisUnavailable as error:
            self._degrade(error)
            if is_closable and self.without_redis == "closed":
                raise Unavailable("Limits cannot be checked for now.") from error
            return Reservation(subject, asks, self.local.take(subject, asks, lease), lease_id, is_local=True)
        if self._is_degraded:
            self._is_degraded = False
            _logger.warning("Redis answers again: limits are counted for all replicas together")
        if answer.is_given:
            self.local.note(subject, asks, lease)
        return Reservation(subject, asks, answer, lease_id)

    def _shared(self) -> SharedLimiter:
        if self.shared is None:
            raise RedisUnavailable("There is no Redis.")
        return self.shared

    def _degrade(self, error: RedisUnavailable) -> None:
        if not self._is_degraded:
            self._is_degraded = True
            _logger.warning(
                "Redis does not answer: limits are %s",
                "counted by each replica" if self.without_redis == "local" else "closed, nobody gets anything",
                extra={"reason": repr(error.__cause__ or error)},
            )


def joined(reservations: Iterable[Reservation]) -> list[Reservation]:
    """The same reservations of one request with those put together that one call can settle."""
    by_place: dict[tuple[str, bool], Reservation] = {}
    for each in reservations:
        if not each.answer.is_given:
            continue
        other = by_place.get((each.subject, each.is_local))
        if other is not None:
            each = Reservation(  # noqa: PLW2901
                each.subject, other.asks + each.asks, each.answer, other.lease_id or each.lease_id, each.is_local
            )
        by_place[each.subject, each.is_local] = each
    return list(by_place.values())


def _subject(principal: Principal) -> str:
    return principal.key_id or principal.user_id or "nobody"


def _network(address: str) -> str:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if found.version == 4:
        return str(found)
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, _IPV6_PREFIX), strict=False).network_address)
