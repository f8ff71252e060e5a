"""What every replica that runs engines has: its engines by model, their health, their end. Must not know verbs."""

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from smartlite.engines.protocols import Engine
from smartlite.errors import ModelNotFound

_E = TypeVar("_E", bound=Engine)


class EngineReplica(Generic[_E]):
    """Holds started engines by model id.

    Args:
        load: Loads and starts the engines; called once, here, so that only a replica loads weights.
    """

    def __init__(self, load: Callable[[], Mapping[str, _E]]) -> None:
        self._engines = load()

    def engine(self, model: str) -> _E:
        """The engine of a model.

        Raises:
            ModelNotFound: 404, the model is not loaded here.
        """
        engine = self._engines.get(model)
        if engine is None:
            raise ModelNotFound(f"The model '{model}' is not loaded here.", "model")
        return engine

    async def check_health(self) -> None:
        """Serve replaces the replica when this raises."""
        for engine in self._engines.values():
            await engine.check_health()

    def __del__(self) -> None:
        for engine in getattr(self, "_engines", {}).values():
            engine.close()
