"""What a request takes of every limit that it is under: reserved before the work, settled after it.

Must not know HTTP or Redis. Where nobody can count for all replicas, each counts a share of every limit by itself, or
nothing is given, whichever is set for the limit. An amount that is larger than a whole limit a minute counts as the
whole limit until the truth is known: it waits until nothing else is taken, and what it took beyond is waited for
afterwards.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from smartlite.auth.addresses import network_of
from smartlite.auth.allowances import Allowances, PriceOf, Rule, ask_of, closed_of, rule_of_address, rules_of, takes_of
from smartlite.auth.light_blocks import BLOCK_SHARE, LightBlocks
from smartlite.auth.limit_sources import QuotasOf, Spent, no_quotas, nothing_spent, seeded
from smartlite.auth.local_limiter import LocalLimiter
from smartlite.auth.noted import utc_now
from smartlite.auth.purse import Drawn
from smartlite.auth.purses import Purses
from smartlite.auth.put_off import MAX_PUT_OFF, PutOff
from smartlite.auth.recent import Recent
from smartlite.auth.remembered import MAX_KNOWN
from smartlite.auth.renewals import Renewals
from smartlite.auth.reservation import Reservation, changes_of
from smartlite.auth.shared_limiter import LEASE_S, SharedLimiter
from smartlite.domain.ids import new_id
from smartlite.domain.limits import Answer, Ask, LeaseAsk, LimitKind, Quota, WithoutRedis
from smartlite.domain.principal import Principal
from smartlite.domain.usage import ModelUsage
from smartlite.errors import Unavailable
from smartlite.storage.redis import RedisUnavailable

_logger = logging.getLogger(__name__)
RENEW_EVERY_S: Final = LEASE_S / 3


@dataclass(slots=True)
class Limits:
    """Asks for everything that a request takes. One for each process; every method runs in its event loop."""

    allowances: Allowances
    shared: SharedLimiter | None
    """None: there is no Redis, as if it never answered."""
    local: LocalLimiter = field(default_factory=LocalLimiter)
    without_redis: WithoutRedis = "local"
    """Of the limits of the settings."""
    price_of: PriceOf = lambda _used: 0
    spent: Spent = nothing_spent
    quotas: QuotasOf = no_quotas
    clock: Callable[[], datetime] = utc_now
    blocks: LightBlocks = field(default_factory=LightBlocks)
    purses: Purses = field(default_factory=Purses)
    _is_degraded: bool = False
    _rules: Recent[str, tuple[Sequence[Quota], tuple[Rule, ...]]] = field(default_factory=lambda: Recent(MAX_KNOWN))
    _put_off: PutOff = field(default_factory=PutOff)
    _renewals: Renewals = field(init=False)

    def __post_init__(self) -> None:
        """Places are kept as long as they are held."""
        self._renewals = Renewals(self._renew, RENEW_EVERY_S)
        self.purses.tell = self._tell

    async def admit(self, principal: Principal, *, is_over: bool = False) -> Reservation:
        """Take one request, and a place among those that run at the same time.

        Args:
            principal: Whose limits.
            is_over: Whether it has ended already, and takes no place.

        Raises:
            Unavailable: 503, nobody can count, and nothing is given under one of the limits then.
        """
        rules = [rule for rule in await self.rules(principal) if rule.model is None]
        running = [rule for rule in rules if rule.kind is LimitKind.CONCURRENT and not is_over]
        takes = [(rule, 1.0) for rule in rules if rule.kind is LimitKind.REQUESTS]
        return self._noted(principal, await self._take(takes, running))

    async def put_off(self, principal: Principal) -> bool:
        """Let a request begin that ``admit_put_off`` takes soon, unless too many have or one was refused just now."""
        name = _name(principal)
        if (purse := self.purses.get(name)) is not None:
            return self._put_off.begin(name, purse.most or MAX_PUT_OFF)
        places = [rule.limit for rule in await self.rules(principal) if rule.kind is LimitKind.CONCURRENT]
        return self._put_off.begin(name, min(places, default=MAX_PUT_OFF))

    async def admit_put_off(self, principal: Principal, wanted: Sequence[ModelUsage] | None) -> Reservation:
        """As ``admit`` and ``reserve`` together, in one exchange: all of it or nothing, so that who is refused pays
        nothing.

        Args:
            principal: Whose limits.
            wanted: See ``reserve``; None: the request has ended, and no model works for it.

        Raises:
            Unavailable: 503, see ``admit``.
        """
        name = _name(principal)
        self._put_off.end(name)
        if wanted is None:
            return await self.admit(principal, is_over=True)
        if (drawn := self.purses.draw(name, wanted)) is not None:
            return drawn
        return await self._fill(principal, wanted) or await self._reserve(principal, wanted, is_admitted=False)

    def count_put_off(self, principal: Principal) -> None:
        """Count a request that was put off and ended without an answer: its client hung up before it was read."""
        name, now = _name(principal), self.clock()
        self._put_off.end(name)
        known = self._rules.get(name)
        rules = [rule for rule in known[1] if rule.model is None] if known else []
        self._tell([ask_of(rule, 1.0, now) for rule in rules if rule.kind is LimitKind.REQUESTS], [], is_local=False)

    async def admit_light(self, principal: Principal) -> Reservation:
        """Take one request that no model works for.

        Of a large limit several are taken at once, and what is left of them is given to those that follow: most such
        requests cost no exchange with Redis; see ``light_blocks`` for what a limit is exceeded by. Where nobody can
        count for all replicas, each counts: whoever looks after the platform must not be shut out.
        """
        if (kept := self.next_light(principal)) is not None:
            return kept
        name, now_s, generation = _name(principal), time.monotonic(), self.blocks.generation()
        rules = [rule for rule in await self.rules(principal) if rule.model is None and rule.kind is LimitKind.REQUESTS]
        if not rules:
            free = Reservation(Answer(()))
            self.blocks.open(name, now_s, free, generation)
            return free

        async def take(count: float) -> Reservation:
            return await self._take([(rule, count) for rule in rules], is_closable=False)

        size = min(rule.limit for rule in rules) // BLOCK_SHARE
        return await self.blocks.fill(name, size, now_s, take, generation) or await take(1.0)

    def next_light(self, principal: Principal) -> Reservation | None:
        """As ``admit_light``, out of what was taken already; None where nothing is left of that."""
        return self.blocks.next(_name(principal), time.monotonic())

    async def reserve(self, principal: Principal, wanted: Sequence[ModelUsage]) -> Reservation:
        """Take what the work may need at the most, all of it or nothing.

        Args:
            principal: Whose limits.
            wanted: Of each model; a guess at the most is settled later.

        Raises:
            Unavailable: 503, see ``admit``.
        """
        return await self._reserve(principal, wanted, is_admitted=True)

    def settle(
        self, principal: Principal, reservations: Sequence[Reservation], used: Sequence[ModelUsage], *, is_over: bool
    ) -> None:
        """Count what a request really took, and give back its places among those that run at the same time.

        Here at once, in Redis soon. Never fails: a place that could not be given back is given up within LEASE_S.

        Args:
            principal: Whose limits.
            reservations: Of this request.
            used: What is absent stays as it was reserved; what was not reserved is taken now.
            is_over: Whether what is absent was not used at all.
        """
        if self.purses.settle(name := _name(principal), reservations, used, is_over=is_over):
            return
        given = [each.told() if isinstance(each, Drawn) else each for each in reservations if each.answer.is_given]
        known = self._rules.get(name)
        rules = known[1] if known else tuple(dict.fromkeys(rule for each in given for rule in each.rules))
        changes = changes_of(rules, given, used, self.price_of, self.clock(), is_over=is_over)
        leases = [lease for each in given if not self.purses.keep(name, each) for lease in each.leases]
        self._tell(changes, leases, is_local=any(each.is_local for each in given))

    def _tell(self, changes: Sequence[Ask], leases: Sequence[LeaseAsk], *, is_local: bool) -> None:
        self.local.note(changes, is_alone=is_local)
        self._renewals.release(leases)
        for lease in leases:
            self.local.release(lease)
        if self.shared is not None and not is_local and (changes or leases):
            self.shared.settle(changes, leases)

    async def close(self) -> None:
        """Tell Redis what requests took that is not told yet; it waits a second at the most."""
        self.purses.close_all()
        self._renewals.close()
        if self.shared is not None:
            await self.shared.close()

    async def refuse(self, address: str) -> Reservation:
        """Count a credential that was refused. Touches no key's limits, and never fails: it is refused anyway.

        Args:
            address: The client's IP address; networks of one IPv6 customer count as one.
        """
        rule = rule_of_address(network_of(address), self.allowances)
        return await self._take([] if rule is None else [(rule, 1.0)])

    async def look(self, principal: Principal) -> Reservation:
        """Where everything stands that is counted, and take nothing."""
        self.purses.close(_name(principal))
        counted = [rule for rule in await self.rules(principal) if rule.kind is not LimitKind.CONCURRENT]
        return await self._take([(rule, 0.0) for rule in counted], is_closable=False)

    async def rules(self, principal: Principal) -> tuple[Rule, ...]:
        """Every limit that somebody is under."""
        quotas = await self.quotas(principal)
        name = _name(principal)
        known = self._rules.get(name)
        if known is not None and known[0] is quotas:
            return known[1]
        rules = rules_of(principal, quotas, self.allowances, self.without_redis)
        self._rules.put(name, (quotas, rules))
        return rules

    async def _renew(self, leases: Sequence[LeaseAsk]) -> None:
        try:
            await self._shared().renew(leases)
        except RedisUnavailable as error:
            self._degrade(error)

    async def _reserve(self, principal: Principal, wanted: Sequence[ModelUsage], *, is_admitted: bool) -> Reservation:
        takes, running = takes_of(await self.rules(principal), wanted, self.price_of, is_admitted=is_admitted)
        return self._noted(principal, await self._take(takes, running))

    async def _fill(self, principal: Principal, wanted: Sequence[ModelUsage]) -> Reservation | None:
        """As ``_reserve`` of a request that is not admitted, and take for those that follow; None: only by itself."""
        if self.shared is None or self._is_degraded:
            return None
        name, generation = _name(principal), self.purses.generation()
        rules = await self.rules(principal)
        takes = self.purses.begin(name, rules, wanted, generation)
        if takes is None:
            return None
        try:
            taken = await self._take(takes, [rule for rule in rules if rule.kind is LimitKind.CONCURRENT])
            return self.purses.fill(name, taken, wanted)
        finally:
            self.purses.give_up(name)

    def _noted(self, principal: Principal, reservation: Reservation) -> Reservation:
        if not reservation.answer.is_given:
            self._put_off.refuse(_name(principal))
        return reservation

    async def _take(
        self, takes: Sequence[tuple[Rule, float]], running: Sequence[Rule] = (), *, is_closable: bool = True
    ) -> Reservation:
        if not takes and not running:
            return Reservation(Answer(()))
        now = self.clock()
        rules = tuple([rule for rule, _ in takes])
        asks = tuple([ask_of(rule, amount, now) for rule, amount in takes])
        leases = tuple([LeaseAsk(rule.counter(now.date()), new_id("lease"), rule.limit) for rule in running])
        try:
            answer = await self._shared().take(asks, leases)
            if answer.unseeded:
                asks = await seeded(self.spent, rules, asks, now)
                answer = await self._shared().take(asks, leases)
        except RedisUnavailable as error:
            self._degrade(error)
            if is_closable and closed_of((*rules, *running)) is not None:
                raise Unavailable("Limits cannot be checked for now.") from error
            answer = self.local.take(asks, leases)
            if answer.unseeded:
                asks = await seeded(self.spent, rules, asks, now)
                answer = self.local.take(asks, leases)
            return Reservation(answer, asks, rules, leases, is_local=True)
        self._recover()
        if answer.is_given:
            self.local.note(asks, leases)
            self._renewals.hold(leases)
        return Reservation(answer, asks, rules, leases)

    def _shared(self) -> SharedLimiter:
        if self.shared is None:
            raise RedisUnavailable("There is no Redis.")
        return self.shared

    def _degrade(self, error: RedisUnavailable) -> None:
        if not self._is_degraded:
            self._is_degraded = True
            said = "Redis does not answer: each replica counts limits, or they are closed"
            _logger.warning(said, extra={"reason": repr(error.__cause__ or error)})

    def _recover(self) -> None:
        if self._is_degraded:
            self._is_degraded = False
            self.local.forget_sums()
            _logger.warning("Redis answers again: limits are counted for all replicas together")


def _name(principal: Principal) -> str:
    return f"{principal.key_id}|{principal.user_id}|{principal.organization_id}"
