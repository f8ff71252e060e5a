"""What one request takes of its key's limits, as its route tells it, and the headers that say where they stand.

Must not know which limits there are numbers for, nor who counts. Without limits everything here does nothing.
"""

import asyncio
import math
from contextlib import suppress
from typing import Final

from fastapi import Request
from starlette.types import Scope

from smartlite.api.errors import CLIENT_CLOSED_REQUEST
from smartlite.auth.rate_limit import RENEW_EVERY_S, Limits, Reservation, joined
from smartlite.domain.limits import LimitKind, Standing
from smartlite.domain.principal import Principal
from smartlite.errors import AudioLimited, CharactersLimited, RateLimited, TokensLimited

CHARACTERS_PER_TOKEN: Final = 4
"""Of English, about."""
DEFAULT_ANSWER_TOKENS: Final = 1024
"""Reserved for an answer whose request does not bound it."""
DEFAULT_REPLY_CHARACTERS: Final = 1000
"""Reserved for the speech of an answer."""
_BYTES_PER_S: Final = 2_000
"""16 kbit/s, as speech is hardly sent with less: the length of a recording is reserved at the most it may be."""

_KEY: Final = "spending"
_BUSY_RETRY_S: Final = 1.0
_ERRORS: Final[dict[LimitKind, type[RateLimited]]] = {
    LimitKind.REQUESTS: RateLimited,
    LimitKind.TOKENS: TokensLimited,
    LimitKind.AUDIO_SECONDS: AudioLimited,
    LimitKind.CHARACTERS: CharactersLimited,
}


class Spending:
    """The takings of one request.

    Args:
        limits: Who counts; None where nothing is limited.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits
        self._principal: Principal | None = None
        self._reservations: list[Reservation] = []
        self._reserved: set[LimitKind] = set()
        self._used: dict[LimitKind, float] = {}
        self._renewer: asyncio.Task[None] | None = None
        self.headers: dict[str, str] = {}
        """What the answer tells of every limit that was touched."""

    async def admit(self, principal: Principal) -> None:
        """Take one request, and a place among those that run at the same time; once, however often it is called.

        Raises:
            RateLimited: 429.
            Unavailable: 503, nobody can count, and the operator chose that nobody gets anything then.
        """
        if self._limits is None or self._principal is not None:
            return
        self._principal = principal
        reservation = await self._limits.reserve(principal, {LimitKind.REQUESTS: 1.0}, is_running=True)
        self._keep(reservation)
        if reservation.lease_id is not None:
            self._renewer = asyncio.create_task(_renew_for_ever(self._limits, reservation))

    async def reserve(self, *, tokens: float = 0.0, audio_s: float = 0.0, characters: float = 0.0) -> None:
        """Take what the work may need at the most, before it is begun.

        Raises:
            RateLimited: 429, nothing was taken.
            Unavailable: 503, see ``admit``.
        """
        if self._limits is None or self._principal is None:
            return
        costs = {kind: amount for kind, amount in _by_kind(tokens, audio_s, characters).items() if amount > 0}
        if costs:
            self._keep(await self._limits.reserve(self._principal, costs))
            self._reserved |= costs.keys()

    def use(self, *, tokens: float = 0.0, audio_s: float = 0.0, characters: float = 0.0) -> None:
        """Note what was really used; adds up."""
        for kind, amount in _by_kind(tokens, audio_s, characters).items():
            if amount > 0:
                self._used[kind] = self._used.get(kind, 0.0) + amount

    async def finish(self, status: int | None) -> None:
        """Settle. What a request that was refused took is given back but for the request; what ended without telling
        its usage, since its client hung up, stays as it was reserved.

        Args:
            status: Of the answer; None where there was none.
        """
        if self._renewer is not None:
            self._renewer.cancel()
        if self._limits is None or not self._reservations:
            return
        # Whoever hangs up twice must not take the settlement with them.
        is_refused = status is not None and status >= 400 and status != CLIENT_CLOSED_REQUEST
        await asyncio.shield(self._settle(self._limits, is_refused=is_refused))

    async def _settle(self, limits: Limits, *, is_refused: bool) -> None:
        left = {**(dict.fromkeys(self._reserved, 0.0) if is_refused else {}), **self._used}
        # Two where the replica lost Redis between them; what was not reserved at all is settled with the last.
        *others, last = joined(self._reservations)
        for reservation in others:
            kinds = {ask.kind for ask in reservation.asks} & left.keys()
            await limits.settle(reservation, {kind: left.pop(kind) for kind in kinds})
        await limits.settle(last, left)

    def _keep(self, reservation: Reservation) -> None:
        standings = reservation.answer.standings
        for kind, standing in standings.items():
            self.headers |= _headers(kind, standing)
        if reservation.answer.is_given:
            self._reservations.append(reservation)
            return
        refused = max(standings, key=lambda kind: standings[kind].retry_after_s, default=None)
        wait_s = standings[refused].retry_after_s if refused else 0.0
        self.headers["retry-after"] = str(math.ceil(wait_s or _BUSY_RETRY_S))
        if refused is None or not wait_s:
            raise RateLimited("Too many requests of this key run at the same time; try again when one has ended.")
        limit = standings[refused].limit
        raise _ERRORS[refused](
            f"Rate limit reached: {limit} {refused.replace('-', ' ')} per minute. Try again in {duration(wait_s)}."
        )


def begin_spending(scope: Scope, limits: Limits | None) -> Spending:
    """Start the takings of the request that has this ASGI scope."""
    spending = Spending(limits)
    scope.setdefault("state", {})[_KEY] = spending
    return spending


def spending_of(request: Request) -> Spending:
    """The takings of this request; ones that do nothing where nothing is limited."""
    found = request.scope.get("state", {}).get(_KEY)
    return found if isinstance(found, Spending) else begin_spending(request.scope, None)


def most_audio_s(data: bytes, longest_s: float) -> float:
    """So long a recording may be: told by the header of a plain WAV, else by its size.

    Args:
        data: The file as it was sent.
        longest_s: Longer ones are refused, and cost nothing then.
    """
    return min(len(data) / (_wav_bytes_per_s(data) or _BYTES_PER_S), longest_s)


def duration(seconds: float) -> str:
    """As OpenAI's headers have it: ``12ms``, ``1.5s``, ``6m0s``."""
    if seconds < 1:
        return f"{math.ceil(1000 * seconds)}ms"
    if seconds < 60:
        return f"{math.ceil(10 * seconds) / 10:g}s"
    minutes, rest = divmod(math.ceil(seconds), 60)
    return f"{minutes}m{rest}s"


def _by_kind(tokens: float, audio_s: float, characters: float) -> dict[LimitKind, float]:
    return {LimitKind.TOKENS: tokens, LimitKind.AUDIO_SECONDS: audio_s, LimitKind.CHARACTERS: characters}


def _headers(kind: LimitKind, standing: Standing) -> dict[str, str]:
    return {
        f"x-ratelimit-limit-{kind}": str(standing.limit),
        f"x-ratelimit-remaining-{kind}": str(standing.remaining),
        f"x-ratelimit-reset-{kind}": duration(standing.reset_s),
    }


def _wav_bytes_per_s(data: bytes) -> int:
    """Of uncompressed samples, by the fields that decoders go by; 0 where it is something else."""
    if data[:4] != b"RIFF" or data[8:16] != b"WAVEfmt " or len(data) < 36:
        return 0
    form, channels, rate_hz = (
        int.from_bytes(data[at : at + size], "little") for at, size in ((20, 2), (22, 2), (24, 4))
    )
    bits = int.from_bytes(data[34:36], "little")
    return rate_hz * channels * bits // 8 if form in {1, 3, 0xFFFE} else 0


async def _renew_for_ever(limits: Limits, reservation: Reservation) -> None:
    with suppress(asyncio.CancelledError):
        while True:
            await asyncio.sleep(RENEW_EVERY_S)
            await limits.renew(reservation)
