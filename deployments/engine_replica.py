"""What every replica that runs engines has: its engines by model, their health, their end. Must not know verbs."""

import logging
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Generic, TypeVar

from deployments.batch_messages import Frame, Item
from deployments.batched_items import ItemRunner
from deployments.model_pool import ModelPool, OnDemand
from deployments.model_report import ModelReport
from deployments.places import Places, room_of_this_replica
from deployments.scaling import AT_WORK
from smartlite.domain.models import ModelState
from smartlite.engines.protocols import Engine
from smartlite.errors import SmartLiteError

_logger = logging.getLogger(__name__)

_E = TypeVar("_E", bound=Engine)


class EngineReplica(Generic[_E]):
    """Holds engines by model id.

    Args:
        load: Loads and starts the engines that are there from the start; called once, here, so that only a replica
            loads weights.
        on_demand: The engines that are loaded when they are first asked for; their files are fetched in the
            background, so that the first use does not wait for a download.
    """

    def __init__(self, load: Callable[[], Mapping[str, _E]], on_demand: OnDemand[_E] | None = None) -> None:
        self._at_work = 0
        self._report = ModelReport()
        self._pool = ModelPool(load(), on_demand, self._report.tell)
        self._places = Places(lambda: room_of_this_replica().places)
        self._items = ItemRunner(self, room_of_this_replica)
        if on_demand is not None and on_demand.models:
            threading.Thread(target=_fetch, args=(on_demand,), name="fetch-models", daemon=True).start()

    @asynccontextmanager
    async def engine(self, model: str) -> AsyncIterator[_E]:
        """Lend the engine of a model, once there is a place: ``async with self.engine(request.model) as engine``.

        Raises:
            ModelNotFound: 404, no such model is served here.
            ModelNotReady: 503, it could not be loaded for now.
            EngineFailed: 500, it cannot be loaded.
        """
        self._at_work += 1
        try:
            async with self._places.taken(), self._pool.lend(model) as engine:
                yield engine
        finally:
            self._at_work -= 1

    async def run_items(self, items: Sequence[Item]) -> AsyncGenerator[Frame, None]:
        """Answer the requests of a batch, each by the method that it names; see ``deployments.batched_calls``."""
        async with aclosing(self._items.run(items)) as frames:
            async for frame in frames:
                yield frame

    async def cancel_items(self, identifiers: Collection[str]) -> None:
        """Stop some of those that are here."""
        self._items.cancel(identifiers)

    @property
    def kept_engines(self) -> Mapping[str, _E]:
        """Those that are there from the start."""
        return self._pool.kept

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """Serve asks this where the deployment is scaled automatically; see ``deployments.scaling``."""
        return {AT_WORK: float(self._at_work)}

    async def model_states(self) -> dict[str, ModelState]:
        """The state of every model of this replica, from memory."""
        return self._pool.states()

    async def check_health(self) -> None:
        """Serve replaces the replica when this raises."""
        await self._pool.check_health()
        self._report.repeat()

    def __del__(self) -> None:
        pool = getattr(self, "_pool", None)
        if pool is not None:
            pool.close()


def _fetch(on_demand: OnDemand[_E]) -> None:
    for model in on_demand.models:
        try:
            on_demand.fetch(model)
        except SmartLiteError as error:
            # The first request for it tries again, and tells its client.
            _logger.warning("a model was not fetched ahead", extra={"model": model, "reason": error.message})
