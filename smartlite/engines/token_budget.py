"""Admission to a replica by tokens: how many requests are computed at once, and how much context they take together.

Must not know what is asked nor how tokens are counted.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from smartlite.errors import Overloaded

_OVERTAKEN_AT_MOST: Final = 8
"""Later requests that may go before one that waits; then nobody does, until there is room for it."""


@dataclass(slots=True, eq=False)
class _Waiting:
    tokens: int
    admitted: asyncio.Future[None]
    overtaken: int = 0


@dataclass(slots=True)
class _State:
    """Of one event loop."""

    loop: asyncio.AbstractEventLoop
    running: int = 0
    tokens: int = 0
    waiting: deque[_Waiting] = field(default_factory=deque)


class TokenBudget:
    """Admits requests of one event loop at a time; a new loop finds everything free.

    First come, first served, but where the first does not fit yet, a smaller one that does goes before it, at most
    eight times: so neither waits for the other without end.

    Args:
        parallel: Requests at once.
        tokens: Tokens of all of them together, prompts and answers.
        max_waiting: Requests that may wait.
        wait_timeout_s: Longest wait in seconds.
        model: For what is said to who is refused.
    """

    def __init__(self, parallel: int, tokens: int, max_waiting: int, wait_timeout_s: float, model: str) -> None:
        self._parallel = parallel
        self._tokens = tokens
        self._max_waiting = max_waiting
        self._wait_timeout_s = wait_timeout_s
        self._model = model
        self._state: _State | None = None

    async def take(self, tokens: int) -> "Share":
        """Wait until there is room; give the share back when the request is over.

        Args:
            tokens: What prompt and answer may need. More than there is at all waits until nothing else runs.

        Raises:
            Overloaded: 429, too many wait already, or this one waited too long.
        """
        loop = asyncio.get_running_loop()
        if self._state is None or self._state.loop is not loop:
            self._state = _State(loop)
        state = self._state
        tokens = min(tokens, self._tokens)
        if not state.waiting and self._has_room(state, tokens):
            return self._admit(state, tokens)
        if len(state.waiting) >= self._max_waiting:
            raise Overloaded(f"{len(state.waiting)} requests already wait for the model '{self._model}'.")
        waiting = _Waiting(tokens, loop.create_future())
        state.waiting.append(waiting)
        self._admit_waiting(state)  # it may be small enough to go before who waits
        try:
            async with asyncio.timeout(self._wait_timeout_s):
                await waiting.admitted
        except (TimeoutError, asyncio.CancelledError) as error:
            if waiting in state.waiting:
                state.waiting.remove(waiting)
                self._admit_waiting(state)
            else:  # admitted just when it gave up
                Share(self, state, tokens).give_back()
            if isinstance(error, asyncio.CancelledError):
                raise
            raise Overloaded(
                f"The model '{self._model}' is busy: no room for this request within {self._wait_timeout_s:g} s."
            ) from error
        return Share(self, state, tokens)

    def change(self, state: _State, tokens: int, running: int = 0) -> None:
        """Count a share anew and admit who fits now. For Share alone."""
        state.tokens += tokens
        state.running += running
        self._admit_waiting(state)

    def _has_room(self, state: _State, tokens: int) -> bool:
        return state.running < self._parallel and (state.tokens + tokens <= self._tokens or not state.running)

    def _admit(self, state: _State, tokens: int) -> "Share":
        state.running += 1
        state.tokens += tokens
        return Share(self, state, tokens)

    def _admit_waiting(self, state: _State) -> None:
        passed: list[_Waiting] = []
        for waiting in tuple(state.waiting):
            if state.running >= self._parallel:
                return
            if waiting.admitted.done():  # cancelled, and not yet gone
                continue
            if self._has_room(state, waiting.tokens):
                state.waiting.remove(waiting)
                self._admit(state, waiting.tokens)
                waiting.admitted.set_result(None)
                for other in passed:
                    other.overtaken += 1
            else:
                passed.append(waiting)
            if any(other.overtaken >= _OVERTAKEN_AT_MOST for other in passed):
                return


class Share:
    """What one admitted request holds."""

    def __init__(self, budget: TokenBudget, state: _State, tokens: int) -> None:
        self._budget = budget
        self._state = state
        self._tokens = tokens

    def needs(self, tokens: int) -> None:
        """Correct what was guessed, once the prompt has been counted."""
        if self._tokens:
            changed, self._tokens = tokens - self._tokens, tokens
            self._budget.change(self._state, changed)

    def give_back(self) -> None:
        """Let others in; safe to call twice."""
        if self._tokens:
            tokens, self._tokens = self._tokens, 0
            self._budget.change(self._state, -tokens, running=-1)
