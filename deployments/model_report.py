"""Tells Serve which models a replica holds, so that requests for one go where it is. Must not know engines.

Serve's own decorator for this, ``serve.multiplexed``, keeps the models as well, and closes one that a request still
works with; ``ModelPool`` keeps ours, so only what the decorator sends is sent here.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Final

from ray.exceptions import RayError
from ray.serve._private.common import RequestRoutingInfo
from ray.serve.context import _get_global_client, _get_internal_replica_context
from ray.serve.exceptions import RayServeException

_logger = logging.getLogger(__name__)

_AGAIN_S: Final = 30.0
"""A controller that was restarted has forgotten what it was told, and then a request for a model waits a second for a
replica that has it."""


def send(models: Sequence[str]) -> None:
    """Tell the controller, which tells every caller. Blocks; does nothing outside of a replica."""
    context = _get_internal_replica_context()
    client = None if context is None else _get_global_client()
    if context is not None and client is not None:
        client.record_request_routing_info(RequestRoutingInfo(context.replica_id, multiplexed_model_ids=list(models)))


class ModelReport:
    """What was told last, and what is to be told. Used in one event loop.

    Args:
        deliver: Blocks.
    """

    def __init__(self, deliver: Callable[[Sequence[str]], None] = send) -> None:
        self._deliver = deliver
        self._held: Sequence[str] = ()
        self._told_at = float("-inf")
        self._telling: asyncio.Task[None] | None = None

    def tell(self, held: Sequence[str]) -> None:
        """Tell what is held now; of several changes in a row only the last has to arrive."""
        self._held = held
        if self._telling is None:
            self._telling = asyncio.create_task(self._tell())

    def repeat(self) -> None:
        """Tell it again where it was told long ago."""
        if self._held and time.monotonic() - self._told_at > _AGAIN_S and self._telling is None:
            self._telling = asyncio.create_task(self._tell())

    async def _tell(self) -> None:
        try:
            while True:
                held = self._held
                await asyncio.to_thread(self._deliver, held)
                self._told_at = time.monotonic()
                if held is self._held:
                    return
        except (RayError, RayServeException) as error:
            # Without it requests are answered all the same, by more replicas than need be.
            _logger.warning("the models of a replica are not known to its callers", extra={"reason": str(error)[:200]})
        finally:
            self._telling = None
