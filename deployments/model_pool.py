"""The engines of one replica: those loaded at its start, and those loaded when first asked for and closed to make room.

Must not know verbs, nor how an engine is made. One event loop uses a pool; loading and closing leave it, in threads.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from smartlite.domain.models import ModelState
from smartlite.engines.protocols import Engine
from smartlite.errors import EngineFailed, ModelNotFound, ModelNotReady, SmartLiteError, SourceUnavailable

_logger = logging.getLogger(__name__)

_E = TypeVar("_E", bound=Engine)


@dataclass(frozen=True, slots=True)
class OnDemand(Generic[_E]):
    """Models that are loaded when they are first asked for."""

    models: tuple[str, ...]
    load: Callable[[str], _E]
    """Loads and starts one of them, fetching files that are missing. Blocks."""
    fetch: Callable[[str], None]
    """Brings one's files onto this node. Blocks."""
    max_loaded: int
    """How many of them are kept at once."""
    load_timeout_s: float
    """Longest wait of a request for its model; the load goes on without it."""


@dataclass(slots=True, eq=False)
class _Slot(Generic[_E]):
    """A model that is loaded on demand."""

    model: str
    engine: _E | None = None
    loading: "asyncio.Task[_E] | None" = None
    has_room: bool = False
    """Whether its load has begun in earnest: before that it may wait for long."""
    failed: bool = False
    """The last load failed; the next request tries again."""
    users: int = 0
    """Requests that work with it or wait for it."""
    used_at: float = field(default_factory=time.monotonic)


class ModelPool(Generic[_E]):
    """Lends engines by model id; an engine that is lent is never closed to make room.

    Args:
        loaded: Started engines, kept for as long as the pool.
        on_demand: The others; None where there are none.
        tell: Called with those of the others that are loaded or being loaded, whenever that changes.
    """

    def __init__(
        self,
        loaded: Mapping[str, _E],
        on_demand: OnDemand[_E] | None = None,
        tell: Callable[[Sequence[str]], None] | None = None,
    ) -> None:
        self._loaded = loaded
        self._on_demand = on_demand
        self._tell = tell
        self._slots: dict[str, _Slot[_E]] = {}
        if on_demand is not None:
            self._slots = {model: _Slot(model) for model in on_demand.models if model not in loaded}
        # One load at a time: two together would need the memory of both while each starts.
        self._loads = asyncio.Lock()
        self._released = asyncio.Event()

    @asynccontextmanager
    async def lend(self, model: str) -> AsyncIterator[_E]:
        """The engine of a model, loaded first where it has to be.

        Raises:
            ModelNotFound: 404, no such model is served here.
            ModelNotReady: 503, it could not be loaded for now; a later request tries again.
            EngineFailed: 500, it cannot be loaded.
        """
        engine = self._loaded.get(model)
        if engine is not None:
            yield engine
            return
        slot = self._slots.get(model)
        if slot is None:
            raise ModelNotFound(f"The model '{model}' is not loaded here.", "model")
        if slot.failed and slot.engine is not None:
            raise ModelNotReady(f"The model '{model}' has failed and will be loaded anew. Try again shortly.", "model")
        slot.users += 1
        try:
            yield slot.engine or await self._load_once(slot)
        finally:
            slot.users -= 1
            slot.used_at = time.monotonic()
            self._released.set()

    @property
    def kept(self) -> Mapping[str, _E]:
        """The engines that were loaded at the start."""
        return self._loaded

    def states(self) -> dict[str, ModelState]:
        """The state of every model here."""
        states: dict[str, ModelState] = dict.fromkeys(self._loaded, "loaded")
        return states | {slot.model: _state(slot) for slot in self._slots.values()}

    def held(self) -> list[str]:
        """Models on demand that are loaded or being loaded."""
        return [slot.model for slot in self._slots.values() if slot.engine is not None or slot.has_room]

    async def check_health(self) -> None:
        """Raise what an engine kept for good raises; one loaded on demand is closed instead and loaded anew.

        Raises:
            EngineFailed: The replica has to be replaced.
        """
        for engine in self._loaded.values():
            await engine.check_health()
        for slot in self._slots.values():
            if slot.engine is None:
                continue
            try:
                await slot.engine.check_health()
                slot.failed = False
            except EngineFailed as error:
                _logger.warning("a model failed", extra={"model": slot.model, "reason": error.message})
                slot.failed = True
                if slot.users == 0:
                    await self._close(slot)

    def close(self) -> None:
        """Close every engine. Blocks; safe to call twice."""
        for engine in self._loaded.values():
            engine.close()
        for slot in self._slots.values():
            if slot.engine is not None:
                slot.engine.close()

    async def _load_once(self, slot: _Slot[_E]) -> _E:
        """Join the load that is under way, or begin one; it outlives the request that began it."""
        assert self._on_demand is not None  # noqa: S101 - it made the slot
        if slot.loading is None:
            slot.loading = asyncio.create_task(self._load(slot, self._on_demand))
            slot.loading.add_done_callback(_look_at_error)
        timeout_s = self._on_demand.load_timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.shield(slot.loading)
        except TimeoutError:
            raise ModelNotReady(f"The model '{slot.model}' is still loading after {timeout_s:g} s.", "model") from None

    async def _load(self, slot: _Slot[_E], on_demand: OnDemand[_E]) -> _E:
        try:
            async with self._loads:
                await self._make_room(slot, on_demand.max_loaded)
                slot.has_room = True
                self._tell_held()
                slot.engine = await asyncio.to_thread(on_demand.load, slot.model)
                slot.failed = False
                return slot.engine
        except ModelNotReady:
            raise
        except SourceUnavailable as error:
            slot.failed = True
            _logger.warning("a model cannot be fetched", extra={"model": slot.model, "reason": error.message})
            raise ModelNotReady(f"The files of the model '{slot.model}' cannot be fetched for now.", "model") from error
        except Exception as error:
            # A library may raise anything, and what it says may name paths: the log has it, the client not.
            slot.failed = True
            reason = error.message if isinstance(error, SmartLiteError) else type(error).__name__
            _logger.exception("a model cannot be loaded", extra={"model": slot.model, "reason": reason})
            raise EngineFailed(f"The model '{slot.model}' cannot be loaded.", "model") from error
        finally:
            slot.loading = None
            if slot.has_room:
                slot.has_room = False
                if slot.engine is None:
                    self._tell_held()

    async def _make_room(self, slot: _Slot[_E], max_loaded: int) -> None:
        """Close what was used least recently until one more fits; waits while every one is in use."""
        while True:
            loaded = [other for other in self._slots.values() if other.engine is not None]
            if len(loaded) < max_loaded:
                return
            idle = [other for other in loaded if other.users == 0]
            if idle:
                await self._close(min(idle, key=lambda other: other.used_at))
                continue
            if slot.users == 0:
                raise ModelNotReady(f"Nobody waits for the model '{slot.model}' any more.", "model")
            self._released.clear()
            await self._released.wait()

    async def _close(self, slot: _Slot[_E]) -> None:
        engine, slot.engine = slot.engine, None
        if engine is not None:
            _logger.info("model closed", extra={"model": slot.model})
            self._tell_held()
            await asyncio.to_thread(engine.close)

    def _tell_held(self) -> None:
        if self._tell is not None:
            self._tell(self.held())


def _state(slot: _Slot[_E]) -> ModelState:
    if slot.loading is not None:
        return "loading"
    if slot.failed:
        return "failed"
    return "loaded" if slot.engine is not None else "available"


def _look_at_error(task: "asyncio.Task[_E]") -> None:
    """Take the error of a load whose requests have all left, which asyncio would report as never retrieved."""
    if not task.cancelled():
        task.exception()
