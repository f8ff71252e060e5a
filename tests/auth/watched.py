"""A Watch that says what a test tells it. Must not know any test."""

from datetime import datetime

from tests.auth.keyring import Clock


class Told:
    """Is confirmed all the time, until it is told that nobody knows."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.generation = 1
        self.is_known = True
        self.known_at = clock.now

    def current(self) -> int | None:
        return self.generation if self.is_known else None

    def confirmed_at(self, generation: int | None) -> datetime | None:
        at = self.clock.now if self.is_known else self.known_at
        return at if generation == self.generation else None

    def lose(self) -> None:
        self.is_known, self.known_at = False, self.clock.now
