"""What one request takes of the limits it is under and what it used, as its route tells it; and the headers for it.

Must not know which limits there are numbers for, nor who counts or records. Without limits nothing is refused.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final, NoReturn

from fastapi import Request
from starlette.types import Scope

from smartlite.api.errors import CLIENT_CLOSED_REQUEST
from smartlite.auth.rate_limit import Limits
from smartlite.auth.reservation import Reservation
from smartlite.domain.limits import LimitKind, Period, Standing
from smartlite.domain.principal import Principal
from smartlite.domain.usage import ModelUsage
from smartlite.errors import AudioLimited, CharactersLimited, QuotaExceeded, RateLimited, TokensLimited

_KEY: Final = "spending"
_BUSY_RETRY_S: Final = 1.0
_ERRORS: Final[dict[LimitKind, type[RateLimited]]] = {
    LimitKind.TOKENS: TokensLimited,
    LimitKind.AUDIO_SECONDS: AudioLimited,
    LimitKind.CHARACTERS: CharactersLimited,
}


_NAMES: Final[Mapping[tuple[LimitKind, Period], str]] = {
    (kind, period): str(kind) if period is Period.MINUTE else f"{kind}-{period}"
    for kind in LimitKind
    for period in Period
}
_HEADERS: Final[Mapping[str, tuple[bytes, ...]]] = {
    name: tuple(f"x-ratelimit-{what}-{name}".encode() for what in ("limit", "remaining", "reset"))
    for name in _NAMES.values()
}


class Spending:
    """The takings of one request.

    Args:
        limits: Who counts; None where nothing is limited.
    """

    __slots__ = (
        "_is_light",
        "_limits",
        "_principal",
        "_reservations",
        "_retry",
        "_tightest",
        "_used",
        "is_put_off",
    )

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits
        self._principal: Principal | None = None
        self._is_light = False
        self.is_put_off = False
        """Whether it is not counted yet."""
        self._reservations: list[Reservation] = []
        self._used: dict[str, ModelUsage] = {}
        self._tightest: dict[str, Standing] = {}
        self._retry: dict[str, str] = {}

    @property
    def used(self) -> Sequence[ModelUsage]:
        """What was used so far, one for each model."""
        return tuple(self._used.values())

    @property
    def has_to_settle(self) -> bool:
        """Whether ``finish`` has anything to do."""
        return self._principal is not None and (not self._is_light or bool(self._used))

    @property
    def retry_headers(self) -> dict[str, str]:
        """Whether and when to come again, where it was refused."""
        return self._retry

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """What the answer tells of every limit that was touched: of several of a kind the one with the least left."""
        if self._is_light and self._reservations:
            (only,) = self._reservations
            if not only.headers:
                only.headers.extend(_written(self._tightest))
            return only.headers
        return _written(self._tightest)

    async def admit(self, principal: Principal, *, is_light: bool = False, may_put_off: bool = False) -> None:
        """Take one request, and a place among those that run at the same time; once, however often it is called.

        Args:
            principal: Who asks.
            is_light: Whether no model works for it: it takes no place then.
            may_put_off: Whether ``reserve`` follows before anything is done that costs much, and may take them.

        Raises:
            RateLimited: 429.
            Unavailable: 503, nobody can count, and the operator chose that nobody gets anything then.
        """
        if self._limits is None or self._principal is not None:
            return
        self._principal, self._is_light = principal, is_light
        if may_put_off and not is_light and await self._limits.put_off(principal):
            self.is_put_off = True
            return
        self._keep(await (self._limits.admit_light(principal) if is_light else self._limits.admit(principal)))

    async def reserve(self, *wanted: ModelUsage) -> None:
        """Take what the work may need at the most of each model, before it is begun.

        Where no model works for the request it is only asked for, and given back: the work is done later, if at all.

        Raises:
            RateLimited: 429, nothing was taken.
            Unavailable: 503, see ``admit``.
        """
        if self._limits is None or self._principal is None:
            return
        asked = [each for each in wanted if each.model]
        if self.is_put_off:
            self.is_put_off = False
            self._keep(await self._limits.admit_put_off(self._principal, asked))
            return
        reservation = await self._limits.reserve(self._principal, asked)
        if not self._is_light:
            self._keep(reservation)
        elif reservation.answer.is_given:
            self._limits.settle(self._principal, [reservation], (), is_over=True)
        else:
            self._refuse(reservation)

    def use(self, used: ModelUsage) -> None:
        """Note what was really used; adds up."""
        before = self._used.get(used.model)
        self._used[used.model] = used if before is None else before + used

    async def count(self) -> None:
        """Take the request that was put off, as it is about to be answered without a model.

        Raises:
            RateLimited: 429, which is its answer then.
            Unavailable: 503, see ``admit``.
        """
        if self.is_put_off and self._limits is not None and self._principal is not None:
            self.is_put_off = False
            self._keep(await self._limits.admit_put_off(self._principal, None))

    def finish(self, status: int | None) -> None:
        """Settle. What a request that was refused took is given back but for the request; what ended without telling
        its usage, since its client hung up, stays as it was reserved.

        Args:
            status: Of the answer; None where there was none.
        """
        if self._limits is not None and self._principal is not None and self.is_put_off:
            self._limits.count_put_off(self._principal)
            return
        if self._limits is None or self._principal is None:
            return
        is_refused = status is not None and status >= 400 and status != CLIENT_CLOSED_REQUEST
        self._limits.settle(self._principal, self._reservations, self.used, is_over=is_refused)

    def _keep(self, reservation: Reservation) -> None:
        answer = reservation.answer
        if not reservation.headers:
            for standing in answer.standings:
                self._show(standing)
        if answer.is_given:
            self._reservations.append(reservation)
            return
        self._refuse(reservation)

    def _refuse(self, reservation: Reservation) -> NoReturn:
        refused = max(reservation.answer.standings, key=lambda standing: standing.retry_after_s, default=None)
        wait_s = refused.retry_after_s if refused else 0.0
        self._retry = {"retry-after": str(math.ceil(wait_s or _BUSY_RETRY_S)), "x-should-retry": "true"}
        if refused is None or not wait_s:
            raise RateLimited("Too many requests run at the same time; try again when one has ended.")
        ask = refused.ask
        if ask.period is not Period.MINUTE:
            self._retry["x-should-retry"] = "false"
            raise QuotaExceeded(
                f"The budget of this {ask.period} is used up: {ask.limit} {_unit(ask.kind)}. "
                f"It begins anew in {duration(wait_s)}."
            )
        raise _ERRORS.get(ask.kind, RateLimited)(
            f"Rate limit reached: {ask.limit} {_unit(ask.kind)} per minute. Try again in {duration(wait_s)}."
        )

    def _show(self, standing: Standing) -> None:
        ask = standing.ask
        name = _NAMES[ask.kind, ask.period]
        other = self._tightest.get(name)
        is_same = other is not None and other.ask.counter == ask.counter
        if other is None or is_same or (standing.remaining, -standing.reset_s) < (other.remaining, -other.reset_s):
            self._tightest[name] = standing


def begin_spending(scope: Scope, limits: Limits | None) -> Spending:
    """Start the takings of the request that has this ASGI scope."""
    spending = Spending(limits)
    scope.setdefault("state", {})[_KEY] = spending
    return spending


def kept_spending(scope: Scope) -> Spending | None:
    """The takings of the request that has this ASGI scope, if they were begun."""
    found = scope.get("state", {}).get(_KEY)
    return found if isinstance(found, Spending) else None


def spending_of(request: Request) -> Spending:
    """The takings of this request; ones that do nothing where nothing is limited."""
    return kept_spending(request.scope) or begin_spending(request.scope, None)


def duration(seconds: float) -> str:
    """As OpenAI's headers have it: ``12ms``, ``1.5s``, ``6m0s``."""
    if seconds < 1:
        return f"{math.ceil(1000 * seconds)}ms"
    if seconds < 60:
        return f"{math.ceil(10 * seconds) / 10:g}s"
    minutes, rest = divmod(math.ceil(seconds), 60)
    return f"{minutes}m{rest}s"


def _written(standings: Mapping[str, Standing]) -> list[tuple[bytes, bytes]]:
    found: list[tuple[bytes, bytes]] = []
    for name, standing in standings.items():
        limit, remaining, reset = _HEADERS[name]
        found += (
            (limit, b"%d" % standing.ask.limit),
            (remaining, b"%d" % standing.remaining),
            (reset, duration(standing.reset_s).encode()),
        )
    return found


def _unit(kind: LimitKind) -> str:
    return "micro-units of cost" if kind is LimitKind.COST else kind.replace("-", " ")
