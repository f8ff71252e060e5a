"""What one replica has taken of somebody's limits before it is asked for it. Must not know who counts, nor when.

Amounts and places are counted as taken from the moment they are here, so what is given out of a purse never exceeds a
limit by itself. What each answer tells is what would be told if only as much had been taken as was given out.
"""

import math
from collections import deque
from collections.abc import Mapping, Sequence
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

Amounts = tuple[float, float, float, float]
"""What a request takes of limits of requests, tokens, seconds of audio and characters."""
_PLACES: Final[Mapping[LimitKind, int]] = {
    LimitKind.REQUESTS: 0,
    LimitKind.TOKENS: 1,
    LimitKind.AUDIO_SECONDS: 2,
    LimitKind.CHARACTERS: 3,
}
"""Of the kinds in ``Amounts``."""


def amounts_of(used: Sequence[ModelUsage]) -> Amounts:
    """What one request takes that uses so much of each model."""
    if len(used) == 1:
        only = used[0]
        return 1.0, only.prompt_tokens + only.completion_tokens, only.audio_input_s, only.characters
    return (
        1.0,
        math.fsum([each.tokens for each in used]),
        math.fsum([each.audio_input_s for each in used]),
        math.fsum([each.characters for each in used]),
    )


class Pot:
    """What is left of what was taken of one limit a minute.

    Args:
        rule: The limit.
    """

    __slots__ = ("ask", "full_at_s", "is_used", "left", "place", "rule", "size")

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
        self.place = _PLACES[rule.kind]
        """Of what a request takes of it, in ``Amounts``."""

    def standing(self, now_s: float) -> Standing:
        """Where the limit would stand if nothing were in here."""
        limit = self.rule.limit
        reset_s = self.full_at_s - now_s - self.left * PERIOD_S / limit
        if reset_s <= 0:
            return Standing(self.ask, limit, 0.0, 0.0)
        remaining = math.floor((PERIOD_S - reset_s) * limit / PERIOD_S + _ROUNDING)
        return Standing(self.ask, max(remaining, 0), reset_s, 0.0)

    def asked(self, amount: float) -> Ask:
        """So much of the limit."""
        return Ask(self.ask.counter, self.ask.kind, self.ask.limit, amount)


@dataclass(slots=True)
class Drawn(Reservation):
    """What a request was given out of a purse."""

    purse: "Purse | None" = None
    amounts: Amounts = (0.0, 0.0, 0.0, 0.0)

    def told(self, *, is_local: bool = False) -> Reservation:
        """The same, as if it had been asked for by itself."""
        pots = [] if self.purse is None else [pot for pot in self.purse.pots if self.amounts[pot.place]]
        asks = tuple([pot.asked(self.amounts[pot.place]) for pot in pots])
        return Reservation(self.answer, asks, tuple([pot.rule for pot in pots]), self.leases, is_local)


class Purse:
    """Of one principal.

    Args:
        rules: Every limit that the principal is under; see ``may_have``.
        generation: Of ``Watch``, when they were looked up.
    """

    __slots__ = ("_places", "_spare", "fill_at_s", "generation", "most", "pots", "rules", "until_s")

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
        self.pots = [Pot(rule) for rule in rules if rule.kind is not LimitKind.CONCURRENT]
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
        amounts = amounts_of(wanted)
        for pot in self.pots:
            if amounts[pot.place] > pot.left:
                return None
        standings = []
        for pot in self.pots:
            if amount := amounts[pot.place]:
                pot.left -= amount
                standings.append(pot.standing(now_s))
        leases = self._spare.pop()[1] if self._places else ()
        return Drawn(Answer(standings), leases=leases, purse=self, amounts=amounts)

    def settle(self, drawn: Drawn, used: Sequence[ModelUsage], *, is_over: bool) -> bool:
        """Take what a request used beyond what it drew, or put back the rest of it; see ``reservation.changes_of``.

        Returns:
            Whether all of it was here; where not, whoever counts has to hear of it.
        """
        is_enough = True
        amounts, reserved = amounts_of(used), drawn.amounts
        for pot in self.pots:
            place = pot.place
            if place and (amounts[place] or is_over):  # a request that ended in whatever way stays one
                pot.left += reserved[place] - amounts[place]
                is_enough = is_enough and pot.left >= 0
        return is_enough

    def keep(self, leases: tuple[LeaseAsk, ...], now_s: float) -> bool:
        """Keep the places of a request that has ended for the next one; False where they are none for this purse."""
        if len(leases) != len(self._places) or not all(map(_is_of, leases, self._places)):
            return False
        if leases:
            self.keep_own(leases, now_s)
        return True

    def keep_own(self, leases: tuple[LeaseAsk, ...], now_s: float) -> None:
        """The same of a request that has them out of this purse."""
        self._spare.append((now_s, leases))

    def wanting(self, wanted: Sequence[ModelUsage]) -> list[tuple[Rule, float]] | None:
        """What to take, to give a request what it wants and have all that was ever drawn; None where that is too much.

        Args:
            wanted: Of each model.
        """
        takes, amounts = [], amounts_of(wanted)
        for pot in self.pots:
            amount = amounts[pot.place]
            if amount and not 1 < pot.size >= amount:
                return None
            if amount or pot.is_used:
                pot.is_used = True
                takes.append((pot.rule, pot.size + amount - pot.left))
        return takes

    def surplus(self) -> list[Ask]:
        """Take out what is more than a purse may hold: requests that reserved much and used little put it back."""
        found = [pot.asked(pot.size - pot.left) for pot in self.pots if pot.left > pot.size]
        for pot in self.pots:
            pot.left = min(pot.left, pot.size)
        return found

    def fill(self, taken: Reservation, now_s: float) -> None:
        """Put in what was taken, and its places."""
        by_name = {pot.rule.name: pot for pot in self.pots}
        for rule, ask, standing in zip(taken.rules, taken.asks, taken.answer.standings, strict=True):
            pot = by_name[rule.name]
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
        changes = [pot.asked(-pot.left) for pot in self.pots if pot.left]
        for pot in self.pots:
            pot.left = 0.0
        self.until_s = 0.0
        return changes, self.idle(math.inf)


def _is_of(lease: LeaseAsk, place: tuple[str, int]) -> bool:
    return (lease.counter, lease.limit) == place


def may_have(rules: Sequence[Rule]) -> bool:
    """Whether somebody who is under these limits may have a purse: all are of a minute and of all models together, and
    none is closed where nobody can count for all replicas."""
    return bool(rules) and all(_is_common(rule) for rule in rules)


def _is_common(rule: Rule) -> bool:
    is_plain = rule.period is Period.MINUTE and rule.model is None and rule.without_redis == "local"
    return is_plain and (rule.kind is not LimitKind.CONCURRENT or rule.limit >= LEAST_PLACES)
