"""What one replica has taken of somebody's limits before it is asked for it. Must not know who counts, nor when.

Amounts and places are counted as taken from the moment they are here, so what is given out of a purse never exceeds a
limit by itself. What each answer tells is what would be told if only as much had been taken as was given out.
"""

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from smartlite.auth.allowances import Rule
from smartlite.auth.reservation import Reservation
from smartlite.domain.limits import PERIOD_S, Answer, Ask, LeaseAsk, LimitKind, Period, Standing
from smartlite.domain.usage import ModelUsage

PURSE_SHARE: Final = 50
"""Of a limit, so many parts: one is in the purse of a replica at most, or 2 %."""
LEAST_PLACES: Final = 16
"""Of a smaller limit of requests that run at the same time no place is kept for the next one."""
_ROUNDING: Final = 1e-6

_MEASURES: Final[Mapping[LimitKind, Callable[[ModelUsage], float]]] = {
    LimitKind.TOKENS: lambda used: used.prompt_tokens + used.completion_tokens,
    LimitKind.AUDIO_SECONDS: lambda used: used.audio_input_s,
    LimitKind.CHARACTERS: lambda used: used.characters,
}


class Pot:
    """What is left of what was taken of one limit a minute.

    Args:
        rule: The limit.
    """

    __slots__ = ("_measure", "ask", "full_at_s", "is_used", "left", "rule", "size")

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.ask = Ask(rule.name, rule.kind, rule.limit, 0.0)
        self.size = rule.limit // PURSE_SHARE
        """As much is in it once it was filled."""
        self.left = 0.0
        self.full_at_s = 0.0
        """When time will have given back all that was taken of the limit, also what is in here."""
        self.is_used = False
        """Whether anybody wanted of it: it is filled with the others."""
        self._measure = _MEASURES.get(rule.kind)

    @property
    def is_of_requests(self) -> bool:
        """Whether each request takes one, whatever it uses."""
        return self._measure is None

    def amount(self, used: Sequence[ModelUsage]) -> float:
        """How much of the limit these uses take."""
        measure = self._measure
        if measure is None:
            return 1.0
        return measure(used[0]) if len(used) == 1 else math.fsum(map(measure, used))

    def standing(self, now_s: float) -> Standing:
        """Where the limit would stand if nothing were in here."""
        limit = self.rule.limit
        reset_s = max(self.full_at_s - now_s - self.left * PERIOD_S / limit, 0.0)
        remaining = math.floor((PERIOD_S - reset_s) * limit / PERIOD_S + _ROUNDING)
        return Standing(self.ask, max(remaining, 0), reset_s, 0.0)


@dataclass(frozen=True, slots=True)
class Drawn(Reservation):
    """What a request was given out of a purse."""

    purse: "Purse | None" = None
    parts: tuple[tuple[Pot, float], ...] = ()

    def told(self, *, is_local: bool = False) -> Reservation:
        """The same, as if it had been asked for by itself."""
        asks = tuple([_change(pot, amount) for pot, amount in self.parts])
        return Reservation(self.answer, asks, tuple([pot.rule for pot, _ in self.parts]), self.leases, is_local)


class Purse:
    """Of one principal.

    Args:
        rules: Every limit that the principal is under; see ``may_have``.
        generation: Of ``Watch``, when they were looked up.
    """

    __slots__ = ("_places", "_pots", "_spare", "fill_at_s", "generation", "most", "rules", "until_s")

    def __init__(self, rules: Sequence[Rule], generation: int | None) -> None:
        self.rules = rules
        self.generation = generation
        self.until_s = 0.0
        """Until then something may be drawn, in seconds of whoever fills it."""
        self.fill_at_s = 0.0
        """From then on it is to be filled again."""
        self._places = [(rule.name, rule.limit) for rule in rules if rule.kind is LimitKind.CONCURRENT]
        self.most = min([limit for _, limit in self._places], default=None)
        """Requests that may run at the same time; None: any."""
        self._pots = {rule.name: Pot(rule) for rule in rules if rule.kind is not LimitKind.CONCURRENT}
        self._spare: deque[tuple[float, tuple[LeaseAsk, ...]]] = deque()
        """Places, and since when each is free; the one that was used last at the end."""

    def draw(self, wanted: Sequence[ModelUsage], now_s: float) -> Drawn | None:
        """Give one request what it may take at the most; None where not all of it is here.

        Args:
            wanted: Of each model.
            now_s: The time.
        """
        if now_s >= self.until_s or (self._places and not self._spare):
            return None
        parts = []
        for pot in self._pots.values():
            amount = pot.amount(wanted)
            if amount > pot.left:
                return None
            if amount:
                parts.append((pot, amount))
        standings = []
        for pot, amount in parts:
            pot.left -= amount
            standings.append(pot.standing(now_s))
        leases = self._spare.pop()[1] if self._places else ()
        return Drawn(Answer(standings), leases=leases, purse=self, parts=tuple(parts))

    def settle(self, drawn: Drawn, used: Sequence[ModelUsage], *, is_over: bool) -> bool:
        """Take what a request used beyond what it drew, or put back the rest of it; see ``reservation.changes_of``.

        Returns:
            Whether all of it was here; where not, whoever counts has to hear of it.
        """
        is_enough = True
        for pot in self._pots.values():
            amount = 0.0 if pot.is_of_requests or not used else pot.amount(used)
            if pot.is_of_requests or not (amount or is_over):
                continue
            pot.left -= amount - next((taken for other, taken in drawn.parts if other is pot), 0.0)
            is_enough = is_enough and pot.left >= 0
        return is_enough

    def keep(self, leases: tuple[LeaseAsk, ...], now_s: float) -> bool:
        """Keep the places of a request that has ended for the next one; False where they are none for this purse."""
        if not leases or [(lease.counter, lease.limit) for lease in leases] != self._places:
            return False
        self._spare.append((now_s, leases))
        return True

    def wanting(self, wanted: Sequence[ModelUsage]) -> list[tuple[Rule, float]] | None:
        """What to take, to give a request what it wants and have all that was ever drawn; None where that is too much.

        Args:
            wanted: Of each model.
        """
        takes = []
        for pot in self._pots.values():
            amount = pot.amount(wanted)
            if amount and not 1 < pot.size >= amount:
                return None
            if amount or pot.is_used:
                pot.is_used = True
                takes.append((pot.rule, pot.size + amount - pot.left))
        return takes

    def surplus(self) -> list[Ask]:
        """Take out what is more than a purse may hold: requests that reserved much and used little put it back."""
        found = [_change(pot, pot.size - pot.left) for pot in self._pots.values() if pot.left > pot.size]
        for pot in self._pots.values():
            pot.left = min(pot.left, pot.size)
        return found

    def fill(self, taken: Reservation, now_s: float) -> None:
        """Put in what was taken, and its places."""
        for rule, ask, standing in zip(taken.rules, taken.asks, taken.answer.standings, strict=True):
            pot = self._pots[rule.name]
            pot.left += ask.amount
            pot.full_at_s = now_s + standing.reset_s
        if taken.leases:
            self._spare.append((now_s, taken.leases))

    def idle(self, before_s: float) -> list[LeaseAsk]:
        """Take out the places that nobody used since a time."""
        gone: list[LeaseAsk] = []
        while self._spare and self._spare[0][0] < before_s:
            gone += self._spare.popleft()[1]
        return gone

    def empty(self) -> tuple[list[Ask], list[LeaseAsk]]:
        """Take out everything; what was used beyond what was here is told as more."""
        changes = [_change(pot, -pot.left) for pot in self._pots.values() if pot.left]
        for pot in self._pots.values():
            pot.left = 0.0
        self.until_s = 0.0
        return changes, self.idle(math.inf)


def _change(pot: Pot, amount: float) -> Ask:
    return Ask(pot.ask.counter, pot.ask.kind, pot.ask.limit, amount)


def may_have(rules: Sequence[Rule]) -> bool:
    """Whether somebody who is under these limits may have a purse: all are of a minute and of all models together, and
    none is closed where nobody can count for all replicas."""
    return bool(rules) and all(_is_common(rule) for rule in rules)


def _is_common(rule: Rule) -> bool:
    is_plain = rule.period is Period.MINUTE and rule.model is None and rule.without_redis == "local"
    return is_plain and (rule.kind is not LimitKind.CONCURRENT or rule.limit >= LEAST_PLACES)
