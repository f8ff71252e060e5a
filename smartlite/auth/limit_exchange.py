"""One exchange with Redis for many requests, written and read. Must not know when it is sent, nor what Redis runs.

Requests that ask for the same limits are one group: taken together where all of it fits, which is as if they had come
one after another. Where it does not fit nothing is taken, and each is asked for by itself.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from smartlite.auth.settlements import Settlement
from smartlite.domain.limits import Answer, Ask, LeaseAsk, Period, Standing

PREFIX: Final = "smartlite:limit"
_US: Final = 1_000_000
_WINDOW_SLACK_S: Final = 60.0
"""A sum is kept so much longer than its day: clocks differ."""


@dataclass(slots=True, eq=False)
class Taking:
    """What one request asks for, and who waits for the answer."""

    asks: Sequence[Ask]
    leases: Sequence[LeaseAsk]
    answer: "asyncio.Future[Answer]"
    is_alone: bool = False
    """Whether it goes by itself: its group did not fit."""

    @property
    def group(self) -> object:
        """The same for all that may be taken together."""
        if self.is_alone:
            return self
        asked = [(ask.counter, ask.limit) for ask in self.asks]
        return (*asked, *[(lease.counter, lease.limit) for lease in self.leases])


def grouped(takings: Iterable[Taking]) -> list[list[Taking]]:
    """Those that may be taken together, in the order in which the first of each came."""
    groups: dict[object, list[Taking]] = {}
    for taking in takings:
        groups.setdefault(taking.group, []).append(taking)
    return list(groups.values())


def written(
    sender: str, lease_ms: int, settlement: Settlement, groups: Sequence[Sequence[Taking]]
) -> tuple[list[str], list[str | int | float]]:
    """The keys and arguments of ``EXCHANGE``.

    Args:
        sender: Name of this process.
        lease_ms: So long a place is kept.
        settlement: May be empty.
        groups: See ``grouped``.
    """
    keys = [f"sent:{sender}"]
    number = "" if settlement.is_empty else settlement.number
    said: list[str | int | float] = [lease_ms, number, len(settlement.changes), len(settlement.leases), len(groups)]
    for counter, change in settlement.changes.items():
        keys.append(counter)
        said += (_sum_ms(change.ask), change.ask.limit, change.less, change.more)
    for lease in settlement.leases.values():
        keys.append(lease.counter)
        said.append(lease.id)
    for group in groups:
        first, last = group[0], group[-1]
        said += (len(first.asks), len(first.leases), len(group))
        for number_of, ask in enumerate(first.asks):
            keys.append(ask.counter)
            all_of_it = [taking.asks[number_of] for taking in group]
            others = sum([each.amount for each in all_of_it[:-1]])
            seed = next((each.seed for each in all_of_it if each.seed is not None), "")
            said += (_sum_ms(ask), ask.limit, others + last.asks[number_of].amount, others, seed)
        for number_of, lease in enumerate(first.leases):
            keys.append(lease.counter)
            said.append(lease.limit)
            said += [taking.leases[number_of].id for taking in group]
    return [f"{PREFIX}:{key}" for key in keys], said


def read(told: Sequence[int], groups: Sequence[Sequence[Taking]]) -> list[Answer]:
    """What each group is answered: where its limits stand after all of it was taken, or nothing of it."""
    answers = []
    at = 0
    for group in groups:
        first = group[0]
        refused, unseeded = told[at], told[at + 1]
        at += 2
        taken, at = told[at : at + len(first.leases)], at + len(first.leases)
        has_places = all(2 * count <= lease.limit for count, lease in zip(taken, first.leases, strict=True))
        standings = []
        for ask in first.asks:
            remaining, reset_us, wait_us = told[at : at + 3]
            at += 3
            reset_s = ask.ends_in_s if reset_us < 0 else reset_us / _US
            standings.append(Standing(ask, remaining, reset_s, ask.ends_in_s if wait_us < 0 else wait_us / _US))
        lease = first.leases[refused - 1] if refused else None
        answers.append(Answer(tuple(standings), lease, bool(unseeded), has_places))
    return answers


def _sum_ms(ask: Ask) -> int:
    return 0 if ask.period is Period.MINUTE else round(1000 * (ask.ends_in_s + _WINDOW_SLACK_S))
