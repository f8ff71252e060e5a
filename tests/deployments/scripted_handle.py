"""A handle that plays what it is told. Must not know any test."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any


class Response:
    def __init__(self, events: AsyncGenerator[Any, None]) -> None:
        self._events = events
        self.cancelled = False

    def __aiter__(self) -> "Response":
        return self

    async def __anext__(self) -> Any:
        return await anext(self._events)

    def cancel(self) -> None:
        self.cancelled = True


class Broadcast:
    """What every replica answers, one event each."""

    def __init__(self, events: tuple[object, ...]) -> None:
        self._events = events

    async def results_async(self, *, timeout_s: float) -> list[object]:
        async with asyncio.timeout(timeout_s):
            if ... in self._events:
                await asyncio.Event().wait()
        for event in self._events:
            if isinstance(event, BaseException):
                raise event
        return list(self._events)


class Handle:
    """Satisfies what RemoteStage uses of a DeploymentHandle."""

    def __init__(self, *events: object) -> None:
        self.events = events
        self.options_asked: list[dict[str, object]] = []
        self.response: Response | None = None
        self.by_reference = False
        self.model: object = None

    def options(self, **options: object) -> "Handle":
        twin = Handle(*self.events)
        twin.by_reference = bool(options.get("_by_reference"))
        twin.response = self.response
        twin.model = options.get("multiplexed_model_id", self.model)
        return twin

    @property
    def verb(self) -> "Handle":
        return self

    @property
    def speak(self) -> "Handle":
        return self

    def remote(self, _request: object) -> Response:
        self.response = Response(self._play())
        LAST.append(self)
        return self.response

    def broadcast(self, method: str) -> "Broadcast":
        assert method == "model_states"
        return Broadcast(self.events)

    async def _play(self) -> AsyncGenerator[object, None]:
        for event in self.events:
            if isinstance(event, BaseException):
                raise event
            if event is ...:
                await asyncio.Event().wait()
            yield event


LAST: list[Handle] = []
