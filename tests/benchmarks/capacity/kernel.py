"""SimPy's two classes, as far as the simulation uses them, so that its logic is tested without the library."""

import heapq
import itertools
from collections import deque
from collections.abc import Generator
from types import TracebackType
from typing import Any, Self


class Event:
    """Happens once."""

    def __init__(self) -> None:
        self.has_happened = False
        self.waiting: list[Generator[Any, Any, None]] = []


class Environment:
    """A clock that jumps to the next event."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Event]] = []
        self._numbers = itertools.count()

    def timeout(self, delay: float) -> Event:
        event = Event()
        self.schedule(event, delay)
        return event

    def process(self, generator: Generator[Any, Any, None]) -> None:
        event = Event()
        event.waiting.append(generator)
        self.schedule(event)

    def schedule(self, event: Event, delay: float = 0.0) -> None:
        heapq.heappush(self._due, (self.now + delay, next(self._numbers), event))

    def run(self, until: float) -> None:
        while self._due and self._due[0][0] < until:
            self.now, _, event = heapq.heappop(self._due)
            event.has_happened = True
            for generator in event.waiting:
                self._go_on(generator)
        self.now = until

    def _go_on(self, generator: Generator[Any, Any, None]) -> None:
        for event in generator:
            if not event.has_happened:
                event.waiting.append(generator)
                return


class Resource:
    """Places, taken in the order in which they are asked for."""

    def __init__(self, environment: Environment, capacity: int) -> None:
        self.environment = environment
        self.free = capacity
        self.queue: deque[Event] = deque()

    def request(self) -> "Claim":
        return Claim(self)


class Claim(Event):
    """A place, once it has happened."""

    def __init__(self, resource: Resource) -> None:
        super().__init__()
        self._resource = resource
        if resource.free:
            resource.free -= 1
            resource.environment.schedule(self)
        else:
            resource.queue.append(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._resource.queue:
            self._resource.environment.schedule(self._resource.queue.popleft())
        else:
            self._resource.free += 1
